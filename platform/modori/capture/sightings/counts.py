"""Counts of one process on their way to the table: bounded, written at most every few seconds, never in a hurry."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from threading import Lock
from time import monotonic
from typing import Final

from modori.background import live
from modori.capture.sightings import queries
from modori.kernel.ids import SiteId, TenantId
from modori.storage.db import tenant_transaction
from modori.storage.failures import DATABASE_FAILURES

WRITE_EVERY_S: Final = 3.0
MOST_KEYS: Final = 1000
"""Different things counted at a time in one process; what comes beyond is not counted."""
MOST_SUBJECTS: Final = 20
"""Different subjects of one code and site that are told apart: anybody may send any Origin."""
LONGEST_SUBJECT: Final = 200

POLICY_ASKED: Final = "policy_asked"
"""The code of a page that asked for the site's policy. Every other code is a refusal's."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """What was seen: a code and, where one tells more, its subject (a foreign origin)."""

    tenant_id: TenantId
    site_id: SiteId
    code: str
    subject: str


class Counts:
    """Counts sightings until they are written. Safe to share between threads."""

    def __init__(self, *, write_every_s: float = WRITE_EVERY_S) -> None:
        self._write_every_s = write_every_s
        self._lock = Lock()
        self._waiting: dict[Sighting, tuple[int, datetime]] = {}
        self._not_before = 0.0

    def note(
        self, tenant_id: TenantId, site_id: SiteId, code: str, *, now: datetime, subject: str = "", times: int = 1
    ) -> None:
        """Count one sighting, or `times` of it. No I/O."""
        with self._lock:
            seen = Sighting(tenant_id, site_id, code, self._kept_subject(site_id, code, subject[:LONGEST_SUBJECT]))
            count, at = self._waiting.get(seen, (0, now))
            if count or len(self._waiting) < MOST_KEYS:
                self._waiting[seen] = (count + times, max(at, now))

    def is_due(self) -> bool:
        """Say whether something waits that may be written now: to be asked before a thread is troubled with it."""
        return bool(self._waiting) and monotonic() >= self._not_before

    def write_if_due(self) -> int:
        """Write what waits, unless that was done moments ago. Returns how many rows. No transaction may be open.

        Whoever notes something calls this; a database that is away costs the counts, and fails nobody's request.
        """
        with self._lock:
            if not self.is_due():
                return 0
            self._not_before, taken, self._waiting = monotonic() + self._write_every_s, self._waiting, {}
        with _whatever_the_database_does():
            for tenant_id in sorted({seen.tenant_id for seen in taken}):
                mine = {seen: counted for seen, counted in taken.items() if seen.tenant_id == tenant_id}
                with tenant_transaction(tenant_id) as session:
                    queries.add_sightings(
                        session,
                        tenant_id=tenant_id,
                        rows=[
                            queries.Counted(seen.site_id, at.date(), seen.code, seen.subject, count, at)
                            for seen, (count, at) in mine.items()
                        ],
                    )
                    for site_id in {seen.site_id for seen in mine}:
                        live.announce(session, tenant_id=tenant_id, topic="event", subject=str(site_id))
        return len(taken)

    def _kept_subject(self, site_id: SiteId, code: str, subject: str) -> str:
        if not subject:
            return ""
        known = {seen.subject for seen in self._waiting if (seen.site_id, seen.code) == (site_id, code)}
        return subject if subject in known or len(known) < MOST_SUBJECTS else ""


@contextmanager
def _whatever_the_database_does() -> Iterator[None]:
    try:
        yield
    except DATABASE_FAILURES:
        return


counts = Counts()
"""The process's own, shared by ingest and the policy route."""
