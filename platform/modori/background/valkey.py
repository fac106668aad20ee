"""Connections to Redis or Valkey. Nothing waits long for it, and nothing depends on its being there (G6)."""

import threading
import time
from collections.abc import Callable
from typing import Final

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

CONNECT_S: Final = 1.0
ANSWER_S: Final = 5.0
RESTED_AFTER_S: Final = 2.0

LOST: Final = (redis.RedisError, OSError)
"""What a server that is away, restarting or full makes the client raise."""


def client_of(url: str, *, answer_s: float = ANSWER_S) -> redis.Redis:
    """Make a client that gives up soon, instead of holding up a request or a scan. It connects when it is used."""
    return redis.Redis.from_url(
        url, socket_connect_timeout=CONNECT_S, socket_timeout=answer_s, retry=Retry(NoBackoff(), 1)
    )


class Rested:
    """Calls that a missing server must not slow down: after a failure, none is tried for two seconds.

    Then one caller tries, and the others rest on: a server that hangs would hold up each of them.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rests_until = 0.0

    def attempt(self, call: Callable[[], object]) -> bool:
        """Make the call, or not while resting. Returns whether it went through."""
        with self._lock:
            if time.monotonic() < self._rests_until:
                return False
            if self._rests_until:
                self._rests_until = time.monotonic() + RESTED_AFTER_S
        try:
            call()
        except LOST:
            with self._lock:
                self._rests_until = time.monotonic() + RESTED_AFTER_S
            return False
        self._rests_until = 0.0
        return True
