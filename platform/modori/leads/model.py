"""Leads: abandoned episodes whose person we may contact; and the routes that choose their scenario."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKeyConstraint, Index, text
from sqlmodel import Field

from modori.storage.columns import Instant, Json, TenantRow, choice


class LeadState(StrEnum):
    """held → active → converted | stopped | refused | exhausted | erased | expired.

    held waits for a person at the agency (quarantine, contact limits); a holdout lead is `active` with arm holdout
    and is watched only.
    """

    HELD = "held"
    ACTIVE = "active"
    CONVERTED = "converted"
    STOPPED = "stopped"
    REFUSED = "refused"
    EXHAUSTED = "exhausted"
    EXPIRED = "expired"
    ERASED = "erased"


OPEN_STATES = (LeadState.HELD, LeadState.ACTIVE)


class Arm(StrEnum):
    """treated leads are contacted; holdout leads are watched and never contacted."""

    TREATED = "treated"
    HOLDOUT = "holdout"


class Route(TenantRow, table=True):
    """Conditions of a site that lead to a scenario; the first that matches, by position, wins."""

    __tablename__ = "route"
    route_id: UUID = Field(primary_key=True)
    site_id: UUID
    position: int
    name: str
    conditions: dict[str, Any] = Field(sa_type=Json)
    """{"min_value": 3000, "max_value": …, "contact": ["email"], "consent": ["sms"], "hours": ["09:00","18:00"]},
    each optional: value in major units, all named contact kinds present, all named consents given, hour of the site."""
    scenario_id: UUID
    enabled: bool = True

    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "site_id"], ["site.tenant_id", "site.site_id"]),
        Index("route_of_site", "tenant_id", "site_id", "position"),
    )


class Lead(TenantRow, table=True):
    """An abandoned episode whose person we may contact by at least one channel. One open lead per person."""

    __tablename__ = "lead"
    lead_id: UUID = Field(primary_key=True)
    episode_id: UUID
    site_id: UUID
    person_id: UUID
    state: LeadState = Field(sa_type=choice(LeadState))
    arm: Arm = Field(sa_type=choice(Arm))
    arm_draw: float
    """The random number in [0, 1) that chose the arm: below holdout_pct / 100 is holdout."""
    holdout_pct: int
    route_id: UUID | None = None
    scenario_id: UUID | None = None
    value_minor: int | None = Field(default=None, sa_type=BigInteger)
    currency: str | None = Field(default=None, max_length=3)
    held_reason: str | None = None
    made_at: datetime = Field(sa_type=Instant)
    ended_at: datetime | None = Field(default=None, sa_type=Instant)
    ended_by: str | None = None
    """What ended it, for the timeline: order:…, stop:…, call:…, plan:… with the id."""

    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "episode_id"], ["episode.tenant_id", "episode.episode_id"]),
        ForeignKeyConstraint(["tenant_id", "person_id"], ["person.tenant_id", "person.person_id"]),
        Index(
            "lead_open_person",
            "tenant_id",
            "person_id",
            unique=True,
            postgresql_where=text("state in ('held', 'active')"),
        ),
        Index("lead_of_episode", "tenant_id", "episode_id", unique=True),
        Index("lead_by_time", "tenant_id", "made_at", "lead_id"),
    )


class LeadContact(TenantRow, table=True):
    """A contact point that this lead may use, fixed when the lead was made (and erased with the value)."""

    __tablename__ = "lead_contact"
    lead_id: UUID = Field(primary_key=True)
    contact_point_id: UUID = Field(primary_key=True)
    kind: str

    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "lead_id"], ["lead.tenant_id", "lead.lead_id"]),
        ForeignKeyConstraint(
            ["tenant_id", "contact_point_id"], ["contact_point.tenant_id", "contact_point.contact_point_id"]
        ),
        Index("lead_contact_by_point", "tenant_id", "contact_point_id"),
    )
