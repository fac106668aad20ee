"""What crosses the port between sending and the world: the permit that goes out, the four answers that come back."""

from dataclasses import dataclass, field
from datetime import datetime

from modori.kernel.ids import CallId, ContactPointId, DeliveryId, LeadId, ReceiptId, TenantId, TouchId
from modori.people.model import Channel

_GATE = object()


class ForgedPermit(Exception):
    """An adapter was handed a permit that no gate made."""


@dataclass(frozen=True, slots=True)
class Permit:
    """Leave to make one call to a provider, made by `sending.actions` after the gate allowed it (G4).

    Its delivery is on record as `sending` before anyone holds a permit. Past `deadline_at` the delivery counts as
    unknown, so that an adapter must not start then.
    """

    tenant_id: TenantId
    touch_id: TouchId
    lead_id: LeadId
    delivery_id: DeliveryId
    call_id: CallId | None
    channel: Channel
    contact_point_id: ContactPointId
    receipt_id: ReceiptId
    begun_at: datetime
    deadline_at: datetime
    _made_by: object = field(default=None, repr=False, compare=False)

    def assert_real(self) -> None:
        """Refuse a permit that was built by hand. raises ForgedPermit"""
        if self._made_by is not _GATE:
            raise ForgedPermit(str(self.delivery_id))


def grant(
    *,
    tenant_id: TenantId,
    touch_id: TouchId,
    lead_id: LeadId,
    delivery_id: DeliveryId,
    call_id: CallId | None,
    channel: Channel,
    contact_point_id: ContactPointId,
    receipt_id: ReceiptId,
    begun_at: datetime,
    deadline_at: datetime,
) -> Permit:
    """Make a permit. Only `sending/actions.py` may call this: a test of the architecture sees to it."""
    return Permit(
        tenant_id=tenant_id,
        touch_id=touch_id,
        lead_id=lead_id,
        delivery_id=delivery_id,
        call_id=call_id,
        channel=channel,
        contact_point_id=contact_point_id,
        receipt_id=receipt_id,
        begun_at=begun_at,
        deadline_at=deadline_at,
        _made_by=_GATE,
    )


@dataclass(frozen=True, slots=True)
class Accepted:
    """The provider took it. `ref` is the provider's own name for it: a SID, a Message-ID."""

    ref: str


@dataclass(frozen=True, slots=True)
class Rejected:
    """The provider refused it for good.

    opted_out     because the person had told the provider to stop us
    takes_no_sms  the number is a landline's: no SMS goes there, a call does
    """

    code: str
    address_is_dead: bool
    opted_out: bool = False
    takes_no_sms: bool = False


@dataclass(frozen=True, slots=True)
class NotSent:
    """Certain not to have gone out. `retry_at`: not before this, where the provider said so."""

    retry_at: datetime | None
    evidence: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """It may have gone out. Never sent again by itself (G3)."""

    evidence: str


Answer = Accepted | Rejected | NotSent | Unknown
