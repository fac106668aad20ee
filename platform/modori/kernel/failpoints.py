"""Named points where a test may kill the process, to prove that any point of the send path survives it.

Off unless `arm` is called, which settings allow in development only. The chaos tests read the log afterwards and
demand that every point was hit.
"""

import os
import random
import signal
import time
from pathlib import Path
from typing import Final

ALL: Final = frozenset(
    {
        "ingest.before_commit",
        "ingest.after_commit",
        "relay.before_commit",
        "relay.after_commit",
        "work.after_claim",
        "work.before_commit",
        "work.after_commit",
        "claim.before_commit",
        "claim.after_commit",
        "dispatch.prepared",
        "begin.judged",
        "begin.before_commit",
        "begin.after_commit",
        "call.answered",
        "record.before_commit",
        "record.after_commit",
        "report.before_commit",
        "reconcile.before_record",
    }
)

_kill_rates: dict[str, float] = {}
_sleeps_s: dict[str, float] = {}
_log: Path | None = None
_random = random.Random()  # noqa: S311  # chaos wants a seed, not secrecy


class UnknownFailpoint(ValueError):
    """The specification names a point that is not in the code, or a deed that there is not."""


def arm(specification: str, *, log: Path | None = None, seed: int | None = None) -> None:
    """Arm points for this process: "begin.after_commit=kill:0.05,call.answered=sleep:2".

    kill:p   with probability p end the process by SIGKILL   sleep:s   wait s seconds
    raises   UnknownFailpoint
    """
    global _log
    _kill_rates.clear()
    _sleeps_s.clear()
    _log = log
    _random.seed(seed)
    for part in filter(None, specification.split(",")):
        name, _, deed = part.partition("=")
        verb, _, amount = deed.partition(":")
        if name not in ALL or verb not in ("kill", "sleep"):
            raise UnknownFailpoint(part)
        (_kill_rates if verb == "kill" else _sleeps_s)[name] = float(amount)


def hit(name: str) -> None:
    """Pass a named point: nothing happens unless it is armed."""
    if not _kill_rates and not _sleeps_s:
        return
    if name in _sleeps_s:
        time.sleep(_sleeps_s[name])
    if _random.random() < _kill_rates.get(name, 0.0):
        if _log is not None:
            with _log.open("a") as log:
                log.write(f"{name} {os.getpid()}\n")
        os.kill(os.getpid(), signal.SIGKILL)
