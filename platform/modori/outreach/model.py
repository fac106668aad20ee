"""The versioned plan of contacts for a lead."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import ForeignKeyConstraint, UniqueConstraint
from sqlmodel import Field

from modori.people.model import Channel
from modori.storage.columns import Instant, TenantRow, choice


class Purpose(StrEnum):
    """What a step is for; the wording follows it."""

    REMINDER = "reminder"
    BENEFIT = "benefit"
    LAST_NOTICE = "last_notice"


class Scenario(TenantRow, table=True):
    """A plan of contacts, by name. Its versions are immutable once approved."""

    __tablename__ = "scenario"
    scenario_id: UUID = Field(primary_key=True)
    name: str
    current_version_id: UUID | None = None
    """The approved version that new leads get."""
    made_at: datetime = Field(sa_type=Instant)


class ScenarioVersion(TenantRow, table=True):
    """One wording and timing of a scenario, approved as a whole."""

    __tablename__ = "scenario_version"
    scenario_version_id: UUID = Field(primary_key=True)
    scenario_id: UUID
    number: int
    made_at: datetime = Field(sa_type=Instant)
    approved_at: datetime | None = Field(default=None, sa_type=Instant)
    approved_by: UUID | None = None

    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "scenario_id"], ["scenario.tenant_id", "scenario.scenario_id"]),
        UniqueConstraint("tenant_id", "scenario_id", "number"),
    )


class Step(TenantRow, table=True):
    """One contact in a scenario: a channel and a delay counted from the episode's last activity."""

    __tablename__ = "step"
    step_id: UUID = Field(primary_key=True)
    scenario_version_id: UUID
    number: int
    channel: Channel = Field(sa_type=choice(Channel))
    purpose: Purpose = Field(sa_type=choice(Purpose))
    delay_s: int

    __table_args__ = (
        ForeignKeyConstraint(
            ["tenant_id", "scenario_version_id"],
            ["scenario_version.tenant_id", "scenario_version.scenario_version_id"],
        ),
        UniqueConstraint("tenant_id", "scenario_version_id", "number"),
    )


class Variant(TenantRow, table=True):
    """One wording of a step in one language, in Liquid. For a call it is the operator's script."""

    __tablename__ = "variant"
    variant_id: UUID = Field(primary_key=True)
    step_id: UUID
    locale: str
    subject: str | None = None
    body: str

    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "step_id"], ["step.tenant_id", "step.step_id"]),
        UniqueConstraint("tenant_id", "step_id", "locale"),
    )
