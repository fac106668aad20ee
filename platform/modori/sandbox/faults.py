"""How the outer world misbehaves when it is told to, repeatably by a seed."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

MAX_HOLD_S = 20.0
"""No fault holds a connection longer than this."""


class Channel(StrEnum):
    SMS = "sms"
    CALL = "call"
    EMAIL = "email"


class Mode(StrEnum):
    """The first group spoils one answer; the second spoils callbacks; the third speaks SMTP."""

    TIMEOUT_AFTER_ACCEPT = "timeout_after_accept"
    ERROR_500_AFTER_ACCEPT = "error_500_after_accept"
    ERROR_429 = "error_429"
    ERROR_503 = "error_503"
    RESET_BEFORE = "reset_before"
    RESET_AFTER_ACCEPT = "reset_after_accept"
    SLOW = "slow"
    DUPLICATE_CALLBACKS = "duplicate_callbacks"
    SHUFFLE_CALLBACKS = "shuffle_callbacks"
    DROP_CALLBACKS = "drop_callbacks"
    SMTP_4XX_RCPT = "smtp_4xx_rcpt"
    SMTP_4XX_DATA = "smtp_4xx_data"
    SMTP_DROP_AFTER_DATA = "smtp_drop_after_data"
    SMTP_TIMEOUT_AFTER_DATA = "smtp_timeout_after_data"


_MAIL_WORDS = {
    Mode.TIMEOUT_AFTER_ACCEPT: Mode.SMTP_TIMEOUT_AFTER_DATA,
    Mode.RESET_AFTER_ACCEPT: Mode.SMTP_DROP_AFTER_DATA,
}
"""General words that mail takes too, and what they mean there."""

HTTP_MODES = frozenset(mode for mode in Mode if not mode.startswith("smtp_"))
MAIL_MODES = frozenset(mode for mode in Mode if mode.startswith("smtp_")) | {Mode.RESET_BEFORE, Mode.SLOW}
CALLBACK_MODES = frozenset(mode for mode in Mode if mode.endswith("_callbacks"))
ANSWER_MODES = frozenset(Mode) - CALLBACK_MODES


class BadFault(ValueError):
    """The control API was asked for a fault that does not exist."""


@dataclass
class Fault:
    """One standing order to misbehave.

    rate           share of the requests that it spoils, 0 to 1
    seconds        how long a held or slow answer takes, at most MAX_HOLD_S, which is the default for holding
    retry_after_s  what a 429 or 503 tells the client to wait
    times          how many it may still spoil; None has no end
    """

    channel: Channel
    mode: Mode
    rate: float = 1.0
    seconds: float = MAX_HOLD_S
    retry_after_s: int = 1
    seed: int = 0
    times: int | None = None
    spoiled: int = 0
    _dice: random.Random = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._dice = random.Random(f"{self.seed}:{self.channel}:{self.mode}")

    def strikes(self) -> bool:
        """Throw the dice once for one request."""
        hit = self._dice.random() < self.rate
        if not hit or (self.times is not None and self.spoiled >= self.times):
            return False
        self.spoiled += 1
        return True

    def as_json(self) -> dict[str, Any]:
        return {
            "channel": self.channel,
            "mode": self.mode,
            "rate": self.rate,
            "seconds": self.seconds,
            "retry_after_s": self.retry_after_s,
            "seed": self.seed,
            "times": self.times,
            "spoiled": self.spoiled,
        }


def parse_fault(wanted: Mapping[str, Any]) -> Fault:
    """Read a fault from JSON. Raises BadFault with a sentence that says what is wrong."""
    try:
        channel = Channel(wanted["channel"])
        mode = Mode(wanted["mode"])
        fault = Fault(
            channel=channel,
            mode=_MAIL_WORDS.get(mode, mode) if channel is Channel.EMAIL else mode,
            rate=float(wanted.get("rate", 1.0)),
            seconds=float(wanted.get("seconds", 2.0 if mode is Mode.SLOW else MAX_HOLD_S)),
            retry_after_s=int(wanted.get("retry_after_s", 1)),
            seed=int(wanted.get("seed", 0)),
            times=None if wanted.get("times") is None else int(wanted["times"]),
        )
    except (KeyError, TypeError, ValueError) as wrong:
        raise BadFault(f"not a fault: {wrong}") from wrong
    if fault.mode not in (MAIL_MODES if channel is Channel.EMAIL else HTTP_MODES):
        raise BadFault(f"{channel} has no {mode}")
    if not 0 <= fault.rate <= 1 or not 0 <= fault.seconds <= MAX_HOLD_S:
        raise BadFault(f"rate is 0 to 1 and seconds 0 to {MAX_HOLD_S:g}")
    return fault


class FaultPlan:
    """The standing orders, in the order in which they were given."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []

    def add(self, fault: Fault) -> None:
        self._faults.append(fault)

    def clear(self) -> None:
        self._faults.clear()

    def list_all(self) -> list[dict[str, Any]]:
        return [fault.as_json() for fault in self._faults]

    def draw_answer(self, channel: Channel) -> Fault | None:
        """The fault, if any, that spoils the answer to this request."""
        return self._draw(channel, ANSWER_MODES)

    def draw_callback(self, channel: Channel, mode: Mode) -> bool:
        """Whether this callback (or for shuffling, this sequence of them) is spoiled in this way."""
        return self._draw(channel, frozenset({mode})) is not None

    def _draw(self, channel: Channel, modes: frozenset[Mode]) -> Fault | None:
        for fault in self._faults:
            if fault.channel is channel and fault.mode in modes and fault.strikes():
                return fault
        return None
