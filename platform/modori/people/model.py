"""Who somebody is and how they may be reached."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import ForeignKeyConstraint, Index, UniqueConstraint, text
from sqlmodel import Field

from modori.storage.columns import Instant, TenantRow, choice


class ContactKind(StrEnum):
    """What a contact point is. A phone serves the channels sms and call."""

    EMAIL = "email"
    PHONE = "phone"
    LINE = "line"


class Channel(StrEnum):
    """How we reach somebody; consents and touches name one of these."""

    EMAIL = "email"
    SMS = "sms"
    LINE = "line"
    CALL = "call"


class Person(TenantRow, table=True):
    """Somebody, as far as one client knows them."""

    __tablename__ = "person"
    person_id: UUID = Field(primary_key=True)
    name: bytes | None = None
    timezone: str | None = None
    """The zone that the person stated; None: the site's."""
    member_index: bytes | None = None
    last_ordered_at: datetime | None = Field(default=None, sa_type=Instant)
    erased_at: datetime | None = Field(default=None, sa_type=Instant)
    made_at: datetime = Field(sa_type=Instant)

    __table_args__ = (
        Index("person_by_member", "tenant_id", "member_index", postgresql_where=text("member_index is not null")),
    )


class ContactPoint(TenantRow, table=True):
    """One e-mail address, phone number or LINE user id. One row per value and tenant; it belongs to one person."""

    __tablename__ = "contact_point"
    contact_point_id: UUID = Field(primary_key=True)
    person_id: UUID
    kind: ContactKind = Field(sa_type=choice(ContactKind))
    value: bytes | None
    """Sealed; None after erasure."""
    value_index: bytes
    platform_index: bytes
    """Keyed hash for the caps over all tenants."""
    masked: str
    """As the console shows it without a reveal: t•••@e•••.jp, 090••••5678."""
    is_mobile: bool | None = None
    """For a phone: whether it can take an SMS (RULES 23)."""
    last_ordered_at: datetime | None = Field(default=None, sa_type=Instant)
    """The mark of an order that named this value, before or after we met it."""
    dead_at: datetime | None = Field(default=None, sa_type=Instant)
    dead_reason: str | None = None
    erased_at: datetime | None = Field(default=None, sa_type=Instant)
    made_at: datetime = Field(sa_type=Instant)
    kept_until: datetime | None = Field(default=None, sa_type=Instant)
    """Until when something holds on to the value, as far as retention has seen; it looks again then. None: not yet."""

    __table_args__ = (
        Index("contact_point_kept", "tenant_id", "kept_until", postgresql_where=text("value is not null")),
        ForeignKeyConstraint(["tenant_id", "person_id"], ["person.tenant_id", "person.person_id"]),
        UniqueConstraint("tenant_id", "kind", "value_index"),
        Index("contact_point_of_person", "tenant_id", "person_id"),
    )


class EvidenceSource(StrEnum):
    """Who told us: the SDK in a browser, the client's server, an upload, an operator, or the person themselves."""

    BROWSER = "browser"
    SERVER = "server"
    CSV = "csv"
    OPERATOR = "operator"
    LINK = "link"
    REPLY = "reply"
    REPORT = "report"


_GRANTS = text("granted")
"""A name of its own: `text` is a column of the table below."""


class Consent(TenantRow, table=True):
    """Evidence that we may write or call, or its withdrawal (RULES 3). It never changes; the newest word counts.

    A grant cannot be deleted before three years, a withdrawal never.

    A browser's consent binds to its episode, thereby to each contact point of that channel in it; a server's binds to
    one contact point.
    """

    __tablename__ = "consent"
    consent_id: UUID = Field(primary_key=True)
    channel: Channel = Field(sa_type=choice(Channel))
    granted: bool
    text: str
    text_hash: bytes
    control: str | None = None
    page_url: str | None = None
    site_id: UUID | None = None
    visitor: str | None = None
    episode_id: UUID | None = None
    contact_point_id: UUID | None = None
    source: EvidenceSource = Field(sa_type=choice(EvidenceSource))
    given_at: datetime = Field(sa_type=Instant)
    recorded_at: datetime = Field(sa_type=Instant)

    __table_args__ = (
        Index("consent_of_episode", "tenant_id", "episode_id", "channel", "given_at"),
        Index("consent_of_contact_point", "tenant_id", "contact_point_id", "channel", "given_at"),
        Index("consent_by_age", "tenant_id", "recorded_at", postgresql_where=_GRANTS),
    )


class StopEffect(StrEnum):
    """stop closes the channels it names · reopen opens what the same channel's stop closed (RULES 24)."""

    STOP = "stop"
    REOPEN = "reopen"


class StopReason(StrEnum):
    """Why somebody must not be contacted."""

    ONE_CLICK = "one_click"
    UNSUBSCRIBE_PAGE = "unsubscribe_page"
    REPLY = "reply"
    CALL_REFUSED = "call_refused"
    SERVER = "server"
    PROVIDER_OPT_OUT = "provider_opt_out"
    ERASURE = "erasure"


class Stop(TenantRow, table=True):
    """Evidence that we must not contact a value, by its blind index, so that it survives erasure (G5). Append-only.

    `via` is the channel by which the person said so: START on it re-opens only what it closed. A refusal on the
    telephone can never be re-opened (RULES 11).
    """

    __tablename__ = "stop"
    stop_id: UUID = Field(primary_key=True)
    kind: ContactKind = Field(sa_type=choice(ContactKind))
    value_index: bytes
    effect: StopEffect = Field(sa_type=choice(StopEffect))
    via: Channel | None = Field(default=None, sa_type=choice(Channel))
    reason: StopReason = Field(sa_type=choice(StopReason))
    source: EvidenceSource = Field(sa_type=choice(EvidenceSource))
    source_ref: str | None = None
    recorded_at: datetime = Field(sa_type=Instant)

    __table_args__ = (Index("stop_of_value", "tenant_id", "kind", "value_index", "recorded_at"),)


class Erasure(TenantRow, table=True):
    """A request to forget one value, carried out: what was erased and when (RULES 18)."""

    __tablename__ = "erasure"
    erasure_id: UUID = Field(primary_key=True)
    kind: ContactKind = Field(sa_type=choice(ContactKind))
    value_index: bytes
    requested_by: str
    erased_at: datetime = Field(sa_type=Instant)
