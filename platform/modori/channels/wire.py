"""What crosses channels' borders: a wording in, a prepared message out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple
from uuid import UUID

from modori.channels.model import LinkKind
from modori.kernel.ids import SiteId, TenantId
from modori.people.model import Channel, ContactKind


@dataclass(frozen=True, slots=True)
class Wording:
    """One variant of a step as its author wrote it, in Liquid. `subject` is for mail only."""

    subject: str | None
    body: str
    locale: str


@dataclass(frozen=True, slots=True)
class LinkDraft:
    """A tracked link that a prepared message carries; on record only once the message may go out."""

    kind: LinkKind
    token: str = field(repr=False)
    target_url: str | None = None


@dataclass(frozen=True, slots=True)
class Sender:
    """In whose name a message goes out, as the law wants it shown (RULES 4). `address`: mail or SMS sender."""

    name: str
    address: str
    postal_address: str
    complaint_contact: str


@dataclass(frozen=True, slots=True)
class DkimKey:
    """A client's signing key; `private_key` is PEM."""

    domain: str
    selector: str
    private_key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class MessageFacts:
    """All that a message may show, as read in one transaction.

    items      as in Episode.items
    to_value   the plain address or number
    """

    channel: Channel
    to_value: str = field(repr=False)
    person_name: str | None = field(repr=False)
    items: Sequence[Mapping[str, Any]]
    cart_minor: int | None
    currency: str | None
    cart_url: str | None
    site_name: str
    site_origins: Sequence[str]
    site_cart_url: str | None
    sender: Sender
    dkim: DkimKey | None = None
    picture_origins: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Prepared:
    """A message ready to be sent, with nothing left to look up. Personal fields stay out of its repr.

    text         the SMS, or the mail's plain part
    parts        of an SMS; None for mail
    digest       of the facts shown (kernel.digest): begin compares it under its locks
    """

    channel: Channel
    locale: str
    to_value: str = field(repr=False)
    sender: Sender
    subject: str | None = field(repr=False)
    text: str = field(repr=False)
    html: str | None = field(repr=False)
    links: tuple[LinkDraft, ...]
    unsubscribe_url: str = field(repr=False)
    parts: int | None
    digest: bytes
    dkim: DkimKey | None = None


@dataclass(frozen=True, slots=True)
class Prices:
    """What contacts count against clients' months, by the client's currency, in its minor unit. A mail counts nothing.

    dial_minor  of one dial, answered or not: both legs, the operator's and the customer's
    A currency that is not named has no price: what a contact counts there is not known (G14).
    """

    sms_part_minor: Mapping[str, int] = field(default_factory=dict)
    dial_minor: Mapping[str, int] = field(default_factory=dict)

    @property
    def currencies(self) -> frozenset[str]:
        """In which everything has its price, so that a month's limit can be kept."""
        return frozenset(self.sms_part_minor.keys() & self.dial_minor.keys())

    def of_message(self, message: Prepared) -> Mapping[str, int] | None:
        """What a message counts, by currency. None: it is a mail."""
        if message.channel is Channel.EMAIL:
            return None
        return {currency: message.parts * minor for currency, minor in self.sms_part_minor.items() if message.parts}


class UnpreparableReason(StrEnum):
    """Why a touch has no message: each is an answer that an operator can read."""

    WORDING_BROKEN = "wording_broken"
    TOO_LONG = "too_long"
    ADDRESS_GONE = "address_gone"
    NOWHERE_TO_LEAD = "nowhere_to_lead"


@dataclass(frozen=True, slots=True)
class Unpreparable:
    """No message can be made. `detail` is for the wording's author: no personal data in it."""

    reason: UnpreparableReason
    detail: str = ""


class LinkRef(NamedTuple):
    """A token resolved to its row, before its tenant's transaction is open."""

    tenant_id: TenantId
    link_id: UUID


@dataclass(frozen=True, slots=True)
class Visit:
    """How somebody, or something, opened a link."""

    user_agent: str
    is_prefetch: bool = False


@dataclass(frozen=True, slots=True)
class Destination:
    """Where an opened link leads. `counts`: an event there may confirm the click, so the token goes along."""

    url: str
    counts: bool


@dataclass(frozen=True, slots=True)
class WayBack:
    """What a restore link leads back to: an episode of a site.

    receiver  whom its message went to, by kind and blind index
    """

    site_id: SiteId
    episode_id: UUID
    origins: tuple[str, ...]
    receiver: tuple[ContactKind, bytes]


@dataclass(frozen=True, slots=True)
class OptOut:
    """What the unsubscribe page shows: who sent the message, by which channel, to whom (masked)."""

    channel: Channel
    locale: str
    masked: str
    sender: Sender
    stopped: bool
