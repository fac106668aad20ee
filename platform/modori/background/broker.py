"""The messenger: Dramatiq on Redis or Valkey, without retries, delays or time limits of its own.

PostgreSQL keeps the schedule, the retries and the leases. A message is only a hint that a row waits, so one that is
lost or a minute old is worth nothing: the row is hinted again. Time limits would raise inside a provider's call or
between its answer and our record of it; every wait of ours has a limit of its own instead.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import dramatiq
from dramatiq.brokers.redis import RedisBroker
from dramatiq.middleware import AgeLimit

from modori.background.valkey import client_of

HINT_AGE_MS: Final = 60_000
HEARTBEAT_MS: Final = 15_000
"""A worker that was silent for this long is dead, and its unanswered messages go back."""


@dataclass(frozen=True)
class Actor:
    """A plain function that a message may call.

    priority  smaller goes first where messages wait in a worker: quick work before slow providers
    """

    run: Callable[..., None]
    name: str
    priority: int = 0


def make_broker(url: str) -> RedisBroker:
    """Make the process's broker. It connects when it is used; the server may be away."""
    return RedisBroker(  # type: ignore[no-untyped-call]  # dramatiq leaves its constructor without types
        client=client_of(url),
        middleware=[AgeLimit(max_age=HINT_AGE_MS)],
        namespace="modori",
        maintenance_chance=1_000_000,
        heartbeat_timeout=HEARTBEAT_MS,
        dead_message_ttl=3_600_000,
    )


def register(broker: dramatiq.Broker, actors: Sequence[Actor]) -> None:
    """Make actors of plain functions. On a broker that is named: a decorator would bind to a default one silently.

    There is no Retries middleware whose `max_retries` could be set: a message is tried once.
    """
    for actor in actors:
        dramatiq.actor(actor_name=actor.name, priority=actor.priority, broker=broker)(actor.run)
