"""What a stop closes, and what re-opens it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

CHANNELS_OF: Final[dict[str, frozenset[str]]] = {
    "email": frozenset({"email"}),
    "phone": frozenset({"sms", "call"}),
    "line": frozenset({"line"}),
}
"""The channels that each kind of contact point serves."""

REOPENABLE: Final = frozenset({"reply", "unsubscribe_page", "one_click"})
"""Reasons that the same channel's START may cancel. A refusal by telephone (RULES 11), an erasure, the client's own
stop and a provider's block are never cancelled by a word."""


@dataclass(frozen=True, slots=True)
class StopFact:
    """One row of the evidence about one contact point. `effect` is stop or reopen."""

    stop_id: UUID
    kind: str
    effect: str
    via: str | None
    reason: str
    recorded_at: datetime


def standing_stop(stops: Sequence[StopFact], channel: str) -> StopFact | None:
    """Return the earliest stop that still forbids `channel`, or None.

    stops    all the evidence about one contact point, in any order
    channel  email, sms, line or call; a stop closes every channel of its contact point, whatever way it came (G5)
    source   RULES 5, 11, 24: a re-opening cancels only earlier stops that came by the same channel
    """
    return next((stop for stop in _standing(stops) if channel in CHANNELS_OF[stop.kind]), None)


def can_reopen(stops: Sequence[StopFact], via: str) -> bool:
    """Say whether START by `via` would cancel a stop that stands now."""
    return any(stop.via == via and stop.reason in REOPENABLE for stop in _standing(stops))


def _standing(stops: Sequence[StopFact]) -> list[StopFact]:
    """Return the stops that nothing has cancelled, earliest first."""
    standing: list[StopFact] = []
    for one in sorted(stops, key=lambda stop: (stop.recorded_at, stop.stop_id)):
        if one.effect == "stop":
            standing.append(one)
        else:
            standing = [stop for stop in standing if stop.via != one.via or stop.reason not in REOPENABLE]
    return standing
