"""The faults: the sandbox's misbehaviour, kills out of nowhere, wiped and restarted engines, by a seeded schedule."""

import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from modori.kernel.failpoints import ALL
from modori.sandbox.engines import Engines
from tests.chaos.house import House, wait_until

MISBEHAVIOUR: Final[list[dict[str, Any]]] = [
    {"channel": "sms", "mode": "timeout_after_accept", "rate": 0.03, "seconds": 16},
    {"channel": "sms", "mode": "error_500_after_accept", "rate": 0.08},
    {"channel": "sms", "mode": "error_429", "rate": 0.06},
    {"channel": "sms", "mode": "error_503", "rate": 0.04},
    {"channel": "sms", "mode": "reset_before", "rate": 0.04},
    {"channel": "sms", "mode": "reset_after_accept", "rate": 0.06},
    {"channel": "sms", "mode": "duplicate_callbacks", "rate": 0.2},
    {"channel": "sms", "mode": "shuffle_callbacks", "rate": 0.3},
    {"channel": "email", "mode": "reset_before", "rate": 0.03},
    {"channel": "email", "mode": "smtp_4xx_rcpt", "rate": 0.06},
    {"channel": "email", "mode": "smtp_4xx_data", "rate": 0.06},
    {"channel": "email", "mode": "smtp_drop_after_data", "rate": 0.06},
    {"channel": "email", "mode": "smtp_timeout_after_data", "rate": 0.02, "seconds": 16},
]
"""Rates of the requests that each spoils."""

STRAY_RATE: Final = 0.002
"""How often any point kills, once each has killed at least once."""


@dataclass
class Storm:
    """Everything that it does to engines and processes goes by `seed`. Engines die with the thread that starts them, so
    that it blows in the caller's.

    pause_s  the longest calm between two faults
    """

    house: House
    engines: Engines
    seed: int
    pause_s: float = 3.0
    counts: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._dice = random.Random(self.seed)

    def begin(self) -> None:
        """Let the world misbehave, and kill each process once, which arms it."""
        for number, fault in enumerate(MISBEHAVIOUR):
            self.house.tell_sandbox("POST", "/control/faults", fault | {"seed": self.seed * 100 + number})
        self.house.arm(sorted(ALL), stray=",".join(f"{name}=kill:{STRAY_RATE}" for name in sorted(ALL)))
        for name in self._victims():
            self.house.kill(name)

    def blow(self, until: Callable[[], bool], *, within_s: float) -> None:
        """One fault after the other until there has been enough."""
        deeds: list[Callable[[], None]] = [self._kill_somebody, self._wipe, self._restart_valkey]
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline:
            if wait_until(until, within_s=self._dice.uniform(0.5, self.pause_s)):
                return
            self._dice.choices(deeds, weights=(6, 2, 1))[0]()

    def end(self) -> float:
        """Let the world behave, wipe Valkey, kill everybody once more. Returns when that was, monotonic seconds."""
        self.house.tell_sandbox("DELETE", "/control/faults")
        self._wipe()
        self.house.calm()
        return time.monotonic()

    def restart_postgres(self) -> None:
        self.engines.restart_postgres(abruptly=True)
        self.counts["PostgreSQL killed"] += 1

    def _victims(self) -> list[str]:
        return sorted(name for name, seat in self.house.seats.items() if seat.command != "sandbox")

    def _kill_somebody(self) -> None:
        victim = self._dice.choice(self._victims())
        self.house.kill(victim)
        self.counts[f"{victim} killed"] += 1

    def _wipe(self) -> None:
        self.engines.wipe_valkey()
        self.counts["Valkey wiped"] += 1

    def _restart_valkey(self) -> None:
        self.engines.wipe_valkey(restart=True)
        self.counts["Valkey killed"] += 1
