"""How long is kept what."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

EVIDENCE: Final = timedelta(days=3 * 365 + 1)
"""Of consents, and of what was sent to whom: 3 years after the last message (RULES 7, 9)."""

TYPED: Final = timedelta(days=31)
"""An address that was typed and then corrected may be corrected back, or wait for the rest of its form."""

LOOK_AGAIN: Final = timedelta(days=1)
"""What is held without a known end, by an open lead or an episode that still runs, is looked at every day."""


@dataclass(frozen=True, slots=True)
class Horizons:
    """Since when things must have happened to be kept: what was captured, and what is evidence."""

    captured_since: datetime
    evidence_since: datetime


@dataclass(frozen=True, slots=True)
class Holding:
    """What holds on to a contact point's value.

    captured_at  the newest of what was captured with it: its episodes' last activity, its last order
    evidence_at  the newest consent that names it, the newest message or dial to it
    is_running   an open lead may use it, or an episode has it that is not forgotten
    """

    made_at: datetime
    captured_at: datetime | None
    evidence_at: datetime | None
    is_running: bool


def horizons(now: datetime, *, captured_days: int) -> Horizons:
    return Horizons(now - timedelta(days=captured_days), now - EVIDENCE)


def kept_until(held: Holding, *, captured_days: int, now: datetime) -> datetime | None:
    """Say until when a contact point's value is kept, as far as can be said now; None: nothing holds it any more."""
    ends = [held.made_at + TYPED]
    if held.captured_at is not None:
        ends.append(held.captured_at + timedelta(days=captured_days))
    if held.evidence_at is not None:
        ends.append(held.evidence_at + EVIDENCE)
    if held.is_running:
        ends.append(now + LOOK_AGAIN)
    end = max(ends)
    return end if end > now else None
