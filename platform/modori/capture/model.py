"""Events as they came in, scrubbed; visitors; and the episode into which they fold."""

from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKeyConstraint, Index, text
from sqlmodel import Field

from modori.capture.rules import Mark
from modori.storage.columns import Instant, Json, TenantRow, choice


class Event(TenantRow, table=True):
    """One thing that was reported. Partitioned by day of arrival; holds no personal value (section 6)."""

    __tablename__ = "event"
    received_at: datetime = Field(primary_key=True, sa_type=Instant)
    event_id: UUID = Field(primary_key=True)
    site_id: UUID
    visitor: str | None = None
    type: str
    at: datetime = Field(sa_type=Instant)
    page_url: str | None = None
    page_title: str | None = None
    body: dict[str, Any] = Field(sa_type=Json)
    episode_id: UUID | None = None
    mark: Mark | None = Field(default=None, sa_type=choice(Mark))
    """Why nobody's act is behind it: such an event folds into nothing."""

    __table_args__ = (
        Index("event_of_episode", "tenant_id", "episode_id", "at"),
        Index("event_of_visitor", "tenant_id", "visitor", postgresql_where=text("episode_id is null")),
        {"postgresql_partition_by": "RANGE (received_at)"},
    )


class EventSeen(TenantRow, table=True):
    """Each event id once (G1); purged after 30 days, so an event older than that is refused.

    So that a leak counts once, too, there is an id made of the event's for each (`protection.queries.count_leaks`).
    """

    __tablename__ = "event_seen"
    event_id: UUID = Field(primary_key=True)
    seen_on: date

    __table_args__ = (Index("event_seen_by_day", "seen_on"),)


class Visitor(TenantRow, table=True):
    """One browser on one site. The mark of its last order keeps late events of a bought cart from opening a new one."""

    __tablename__ = "visitor"
    site_id: UUID = Field(primary_key=True)
    visitor: str = Field(primary_key=True)
    last_ordered_at: datetime | None = Field(default=None, sa_type=Instant)
    contact_points_on: date | None = None
    contact_points_count: int = 0
    """New contact points by this visitor on that day (RULES 36)."""
    capture_refused_at: datetime | None = Field(default=None, sa_type=Instant)
    """When capture was last refused ("no thanks", RULES 15): nothing that happened before is ever taken again."""
    capture_granted_at: datetime | None = Field(default=None, sa_type=Instant)
    """When it was last granted; later than the refusal, it re-opens."""
    made_at: datetime = Field(sa_type=Instant)

    __table_args__ = (
        Index(
            "visitor_by_age",
            "tenant_id",
            "made_at",
            postgresql_where=text("capture_refused_at is null or capture_granted_at > capture_refused_at"),
        ),
    )


class ContactVelocity(TenantRow, table=True):
    """New contact points that one network address brought to a site within an hour, by keyed hash (RULES 36)."""

    __tablename__ = "contact_velocity"
    site_id: UUID = Field(primary_key=True)
    ip_index: bytes = Field(primary_key=True)
    hour_at: datetime = Field(primary_key=True, sa_type=Instant)
    new_points: int = 0


class PrefixVelocity(TenantRow, table=True):
    """New contact points that look alike and came to a site within an hour, by keyed hash of what they share."""

    __tablename__ = "prefix_velocity"
    site_id: UUID = Field(primary_key=True)
    prefix_index: bytes = Field(primary_key=True)
    hour_at: datetime = Field(primary_key=True, sa_type=Instant)
    new_points: int = 0


class CaptureChoice(TenantRow, table=True):
    """Evidence of a visitor's word about capture: when, which control, the exact text (RULES 3, 15).

    It never changes, and cannot be deleted before three years.
    """

    __tablename__ = "capture_choice"
    choice_id: UUID = Field(primary_key=True)
    site_id: UUID
    visitor: str
    granted: bool
    text: str
    text_hash: bytes
    control: str | None = None
    page_url: str | None = None
    given_at: datetime = Field(sa_type=Instant)
    recorded_at: datetime = Field(sa_type=Instant)

    __table_args__ = (
        Index("capture_choice_of_visitor", "tenant_id", "site_id", "visitor", "given_at"),
        Index("capture_choice_by_age", "tenant_id", "recorded_at"),
    )


class LeakKind(StrEnum):
    """What must never leave a browser and reached the server all the same (G8)."""

    CARD = "card"
    PASSWORD = "password"  # noqa: S105  # the name of a kind, not a secret
    SECURITY_CODE = "security_code"
    ONE_TIME_CODE = "one_time_code"


class CaptureLeak(TenantRow, table=True):
    """How often the server had to refuse what the tag should have kept back, by day (UTC) and field. Never a value."""

    __tablename__ = "capture_leak"
    site_id: UUID = Field(primary_key=True)
    leaked_on: date = Field(primary_key=True)
    kind: LeakKind = Field(primary_key=True, sa_type=choice(LeakKind))
    field: str = Field(primary_key=True)
    count: int = 0


class EpisodeState(StrEnum):
    """open → abandoned (and again open to activity) → ordered | expired | refused. An open one may end alike.

    refused: the visitor said "no thanks" to capture, and what was folded into it is gone.
    """

    OPEN = "open"
    ABANDONED = "abandoned"
    ORDERED = "ordered"
    EXPIRED = "expired"
    REFUSED = "refused"


class Episode(TenantRow, table=True):
    """One person's try to buy or to apply, on one site: the newest cart, the newest form, and who it is.

    A visitor has at most one current episode (state open or abandoned) per site.
    """

    __tablename__ = "episode"
    episode_id: UUID = Field(primary_key=True)
    site_id: UUID
    visitor: str | None = None
    person_id: UUID | None = None
    state: EpisodeState = Field(default=EpisodeState.OPEN, sa_type=choice(EpisodeState))
    cart_id: str | None = None
    currency: str | None = Field(default=None, max_length=3)
    cart_minor: int | None = Field(default=None, sa_type=BigInteger)
    """The total shown, tax and shipping included, minor units."""
    items: list[dict[str, Any]] = Field(sa_type=Json)
    """[{"id", "name", "price_minor", "quantity", "url"?, "image"?, "stock"?}]; every URL on the site's origins."""
    cart_url: str | None = None
    form: str | None = None
    form_fields: bytes | None = None
    """The form's personal fields as JSON, sealed."""
    form_progress: float | None = None
    last_field: str | None = None
    submitted_at: datetime | None = Field(default=None, sa_type=Instant)
    locale: str | None = None
    cart_at: datetime | None = Field(default=None, sa_type=Instant)
    """The instant of the newest cart event that was folded: an older one that arrives later changes nothing."""
    form_at: datetime | None = Field(default=None, sa_type=Instant)
    started_at: datetime = Field(sa_type=Instant)
    last_activity_at: datetime = Field(sa_type=Instant)
    due_at: datetime | None = Field(default=None, sa_type=Instant)
    """When the idle scan looks next: to abandon it, or to let it expire. None once it is ordered or expired."""
    settled_reason: str | None = None
    """What came of its last abandonment: lead_made, or why no lead was made (`leads.rules.NoLead`)."""
    abandoned_at: datetime | None = Field(default=None, sa_type=Instant)
    ordered_at: datetime | None = Field(default=None, sa_type=Instant)
    """The mark of an order, by any source: a browser's word stops, too (G11)."""
    held_reason: str | None = None
    """Why a lead of this episode waits for a person at the agency: contact-point limits."""
    forgotten_at: datetime | None = Field(default=None, sa_type=Instant)
    """When retention emptied it: amounts, instants and how it ended are left."""

    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "site_id"], ["site.tenant_id", "site.site_id"]),
        Index(  # without the client: a site is one client's, and no other index then looks as good (batch.queries)
            "episode_current",
            "site_id",
            "visitor",
            unique=True,
            postgresql_where=text("state in ('open', 'abandoned')"),
        ),
        Index("episode_due", "tenant_id", "due_at", postgresql_where=text("due_at is not null")),
        Index("episode_next_due", "due_at", postgresql_where=text("due_at is not null")),
        Index("episode_of_visitor", "tenant_id", "site_id", "visitor", postgresql_where=text("visitor is not null")),
        Index("episode_of_person", "tenant_id", "person_id", postgresql_where=text("person_id is not null")),
        Index(
            "episode_past",
            "tenant_id",
            "last_activity_at",
            postgresql_where=text("state in ('ordered', 'expired', 'refused') and forgotten_at is null"),
        ),
        Index("episode_by_cart", "tenant_id", "site_id", "cart_id", postgresql_where=text("cart_id is not null")),
    )


class EpisodeContact(TenantRow, table=True):
    """A contact point that was captured in an episode. A lead uses only these (section 5, Consent and identity)."""

    __tablename__ = "episode_contact"
    episode_id: UUID = Field(primary_key=True)
    contact_point_id: UUID = Field(primary_key=True)
    source: str
    """form, identify, or signed."""
    captured_at: datetime = Field(sa_type=Instant)

    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "episode_id"], ["episode.tenant_id", "episode.episode_id"]),
        ForeignKeyConstraint(
            ["tenant_id", "contact_point_id"], ["contact_point.tenant_id", "contact_point.contact_point_id"]
        ),
        Index("episode_contact_by_point", "tenant_id", "contact_point_id"),
    )
