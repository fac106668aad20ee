"""Planning: which contact point a step uses, and when it is due."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID


@dataclass(frozen=True, slots=True)
class ContactOption:
    """A contact point that a lead may use."""

    contact_point_id: UUID
    kind: str
    is_mobile: bool | None


def choose_contact(channel: str, options: Sequence[ContactOption]) -> ContactOption | None:
    """Choose the contact point of a step: the first that the channel can reach, or None.

    options  in order of preference
    source   RULES 23: only a mobile takes an SMS
    """
    for option in options:
        match channel:
            case "email" if option.kind == "email":
                return option
            case "sms" if option.kind == "phone" and option.is_mobile is True:
                return option
            case "call" if option.kind == "phone":
                return option
            case "line" if option.kind == "line":
                return option
    return None


def due_at(last_activity_at: datetime, delay_s: int) -> datetime:
    """Count a step's delay from the episode's last activity."""
    return last_activity_at + timedelta(seconds=delay_s)
