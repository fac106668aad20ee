"""Append-only JSON lines: what the outer world remembers, readable while it runs and after it was killed."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any


class Ledger:
    """One file. Each line goes out in one `write` on an append-only descriptor, without fsync: it survives
    the death of the process, not of the machine.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        if _ends_torn(path):
            os.write(self._descriptor, b"\n")

    def append(self, line: Mapping[str, Any]) -> None:
        os.write(self._descriptor, json.dumps(line, ensure_ascii=False).encode() + b"\n")

    def close(self) -> None:
        os.close(self._descriptor)


def iter_lines(path: Path) -> Iterator[dict[str, Any]]:
    """Yield each whole line, oldest first. A line that a kill tore apart is passed over."""
    if not path.exists():
        return
    with path.open("rb") as lines:
        for line in lines:
            try:
                yield json.loads(line)
            except ValueError:
                continue


def _ends_torn(path: Path) -> bool:
    with path.open("rb") as written:
        size = written.seek(0, os.SEEK_END)
        if size == 0:
            return False
        written.seek(size - 1)
        return written.read(1) != b"\n"
