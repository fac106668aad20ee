"""The one place that sends a message. A hint that is lost costs a sweep (10 s), never the work."""

import dramatiq

from modori.background import counts
from modori.background.valkey import Rested

_broker: dramatiq.Broker | None = None
_rested = Rested()


def configure(broker: dramatiq.Broker | None) -> None:
    """Set the process's broker, on which wiring has registered the actors. None: hints go nowhere."""
    global _broker, _rested
    _broker, _rested = broker, Rested()


def hint(actor_name: str, *args: object) -> bool:
    """Ask a worker to look at rows that a scan would find again anyway. Returns whether the message was handed over.

    args    ids as text, or lists of them
    raises  dramatiq.ActorNotFound for a name that wiring does not know
    """
    if _broker is None:
        counts.HINTS.labels("lost").inc()
        return False
    actor = _broker.get_actor(actor_name)
    is_sent = _rested.attempt(lambda: actor.send(*args))
    counts.HINTS.labels("sent" if is_sent else "lost").inc()
    return is_sent
