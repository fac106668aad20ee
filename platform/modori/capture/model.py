"""Events as they came in, scrubbed; visitors; and the episode into which they fold."""

from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKeyConstraint, Index, text
from sqlmodel import Field

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

    __table_args__ = (
        Index("event_of_episode", "tenant_id", "episode_id", "at"),
        {"postgresql_partition_by": "RANGE (received_at)"},
    )


class EventSeen(TenantRow, table=True):
    """Each event id once (G1); purged after 30 days, so an event older than that is refused."""

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
    made_at: datetime = Field(sa_type=Instant)


class ContactVelocity(TenantRow, table=True):
    """New contact points that one network address brought to a site within an hour, by keyed hash (RULES 36)."""

    __tablename__ = "contact_velocity"
    site_id: UUID = Field(primary_key=True)
    ip_index: bytes = Field(primary_key=True)
    hour_at: datetime = Field(primary_key=True, sa_type=Instant)
    new_points: int = 0


class EpisodeState(StrEnum):
    """open → abandoned (and again open to activity) → ordered | expired. An open one may be ordered or expire, too."""

    OPEN = "open"
    ABANDONED = "abandoned"
    ORDERED = "ordered"
    EXPIRED = "expired"


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

    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "site_id"], ["site.tenant_id", "site.site_id"]),
        Index(
            "episode_current",
            "tenant_id",
            "site_id",
            "visitor",
            unique=True,
            postgresql_where=text("state in ('open', 'abandoned')"),
        ),
        Index("episode_due", "tenant_id", "due_at", postgresql_where=text("due_at is not null")),
        Index("episode_next_due", "due_at", postgresql_where=text("due_at is not null")),
        Index("episode_of_visitor", "tenant_id", "site_id", "visitor", postgresql_where=text("visitor is not null")),
        Index("episode_of_person", "tenant_id", "person_id", postgresql_where=text("person_id is not null")),
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
