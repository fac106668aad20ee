"""Callers who present keys or tokens that nobody knows: each costs a look into the database, so they get few."""

import hashlib
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from threading import Lock
from time import monotonic
from typing import Final

from fastapi import Request

from modori.api.admission import STRANGERS_BURST, STRANGERS_PER_S, network_of
from modori.api.rates import Rates
from modori.kernel.errors import Limited

REMEMBERED_S: Final = 600.0
"""Who was known within this time is no stranger: neighbours that guess do not keep them out."""
MOST_REMEMBERED: Final = 50_000


class Presented(StrEnum):
    """What is presented. The values name buckets; that of keys is ingest's own (RULES 36).

    Links have another, so that somebody who guesses keys keeps nobody from a way out of our messages.
    """

    KEY = "stranger"
    LINK = "stranger with a link"


class Strangers:
    """How many unknown keys and tokens each network has presented, and who was known lately. Kept in this process."""

    def __init__(self, rates: Rates | None = None, *, tick: Callable[[], float] = monotonic) -> None:
        self._rates, self._tick, self._lock = rates or Rates(), tick, Lock()
        self._known: OrderedDict[bytes, float] = OrderedDict()

    def admit(self, what: Presented, presented: str, *, network: str) -> "Guest":
        """Let somebody in to be looked up.

        raises  Limited for a network that has just presented too many unknown ones, unless this one was known lately
        """
        digest = hashlib.sha256(presented.encode("utf-8", "surrogatepass")).digest()
        if self._known.get(digest, 0.0) <= self._tick():
            wait_s = self._rates.look((what.value, network), 1, per_s=STRANGERS_PER_S, burst=STRANGERS_BURST)
            if wait_s:
                raise Limited(retry_after_s=wait_s)
        return Guest(self, what, presented, network, digest)

    def remember(self, guest: "Guest") -> None:
        with self._lock:
            self._known[guest.digest] = self._tick() + REMEMBERED_S
            self._known.move_to_end(guest.digest)
            while len(self._known) > MOST_REMEMBERED:
                self._known.popitem(last=False)

    def count(self, guest: "Guest") -> None:
        """Count an unknown one. raises Limited once there are too many"""
        key = (guest.what.value, guest.network)
        wait_s = self._rates.take(key, 1, per_s=STRANGERS_PER_S, burst=STRANGERS_BURST)
        if wait_s:
            raise Limited(retry_after_s=wait_s)


@dataclass(frozen=True, slots=True)
class Guest:
    """Somebody who presents a key or a token and may be looked up. Say what came of it: `is_known` or `is_unknown`."""

    strangers: Strangers
    what: Presented
    presented: str
    network: str
    digest: bytes

    def is_known(self) -> None:
        self.strangers.remember(self)

    def is_unknown(self) -> None:
        """Count it; the caller refuses. raises Limited once there are too many"""
        self.strangers.count(self)


def guest_of(request: Request, what: Presented, presented: str) -> Guest:
    """Admit a request's caller, whose address the front has put into `request.client`. raises Limited

    To be called on the event loop: who is refused has cost neither a thread nor a look into the database.
    """
    state = request.app.state
    if not hasattr(state, "strangers"):
        state.strangers = Strangers()
    network = network_of(request.client.host if request.client else "")
    guest: Guest = state.strangers.admit(what, presented, network=network)
    return guest
