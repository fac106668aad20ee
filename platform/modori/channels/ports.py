"""What every adapter asks before it reaches the network."""

from datetime import datetime

from modori.people.model import Channel
from modori.sending.ports import Permit
from modori.storage import db


class NetworkInTransaction(Exception):
    """An adapter was called while this thread held a transaction open: locks would wait for a provider (STYLE 7)."""


class WrongChannel(Exception):
    """A permit for one channel was handed to another's adapter."""


def assert_may_call(permit: Permit, channel: Channel) -> None:
    """Refuse a forged permit, another channel's, and a call inside a transaction (G4)."""
    permit.assert_real()
    if permit.channel is not channel:
        raise WrongChannel(f"{permit.channel} is not {channel}")
    if db.in_transaction():
        raise NetworkInTransaction(str(permit.delivery_id))


def is_too_late(permit: Permit, now: datetime) -> bool:
    """Whether the delivery already counts as unknown, so that nothing may start any more."""
    return now >= permit.deadline_at
