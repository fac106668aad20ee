"""What the background counts, for /metrics."""

from prometheus_client import Counter, Histogram

WORK = Counter("modori_work", "Work rows taken up, by how it ended", ["subscriber", "outcome"])
SCANS = Counter("modori_scans", "Runs of the scheduler's scans, by how they ended", ["scan", "outcome"])
SCAN_SECONDS = Histogram("modori_scan_seconds", "How long a scan took", ["scan"])
HINTS = Counter("modori_hints", "Messages handed to Valkey; a lost one waits for the sweep", ["outcome"])
LIVE = Counter("modori_live_hints", "Hints for live pages handed to Valkey", ["outcome"])
FORGOTTEN = Counter("modori_forgotten", "Rows that retention emptied or deleted", ["what"])
