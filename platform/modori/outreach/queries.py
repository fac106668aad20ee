"""Every query of outreach: scenarios, what planning needs, and the touch that dispatch works on."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlmodel import Session, col, select

from modori.kernel.errors import NotFound
from modori.kernel.ids import LeadId, ScenarioId, ScenarioVersionId, TenantId, TouchId
from modori.leads.model import Lead
from modori.outreach.model import Scenario, ScenarioVersion, Step, Variant
from modori.outreach.rules import ContactOption
from modori.people.model import ContactKind


def get_scenario(session: Session, *, tenant_id: TenantId, scenario_id: ScenarioId) -> Scenario:
    """Read one scenario. raises NotFound"""
    found = session.get(Scenario, (tenant_id, scenario_id))
    if found is None:
        raise NotFound("there is no such scenario")
    return found


def find_oldest_scenario(session: Session, *, tenant_id: TenantId) -> ScenarioId | None:
    """Find the scenario that a client has had for longest."""
    found = session.exec(
        select(Scenario.scenario_id)
        .where(Scenario.tenant_id == tenant_id)
        .order_by(col(Scenario.made_at), col(Scenario.scenario_id))
        .limit(1)
    ).first()
    return None if found is None else ScenarioId(found)


def lock_version(session: Session, *, tenant_id: TenantId, version_id: ScenarioVersionId) -> ScenarioVersion:
    """Lock one version of a scenario. raises NotFound"""
    found = session.exec(
        select(ScenarioVersion)
        .where(ScenarioVersion.tenant_id == tenant_id, ScenarioVersion.scenario_version_id == version_id)
        .with_for_update(key_share=True)
    ).one_or_none()
    if found is None:
        raise NotFound("there is no such version")
    return found


def next_version_number(session: Session, *, tenant_id: TenantId, scenario_id: ScenarioId) -> int:
    """Return the number of a scenario's next version, under a lock of the scenario."""
    session.connection().execute(
        text("select 1 from scenario where tenant_id = :t and scenario_id = :id for update"),
        {"t": tenant_id, "id": scenario_id},
    )
    row = session.connection().execute(
        text("select coalesce(max(number), 0) + 1 from scenario_version where tenant_id = :t and scenario_id = :id"),
        {"t": tenant_id, "id": scenario_id},
    )
    return int(row.scalar_one())


def list_steps(session: Session, *, tenant_id: TenantId, version_id: UUID) -> Sequence[Step]:
    """List a version's steps in order."""
    return session.exec(
        select(Step)
        .where(Step.tenant_id == tenant_id, Step.scenario_version_id == version_id)
        .order_by(col(Step.number))
        .limit(100)
    ).all()


class PlanRow(NamedTuple):
    """What planning reads of a lead, under its lock."""

    state: str
    arm: str
    episode_id: UUID
    site_id: UUID
    scenario_version_id: UUID | None
    last_activity_at: datetime


def lock_lead_for_plan(session: Session, *, tenant_id: TenantId, lead_id: LeadId) -> PlanRow:
    """Lock episode and lead (G2), and read what planning needs. raises NotFound"""
    key = {"t": tenant_id, "id": lead_id}
    session.connection().execute(
        text(
            "select 1 from episode where tenant_id = :t and episode_id ="
            " (select episode_id from lead where tenant_id = :t and lead_id = :id) for no key update"
        ),
        key,
    )
    row = (
        session.connection()
        .execute(
            text(
                "select l.state, l.arm, l.episode_id, l.site_id, s.current_version_id, e.last_activity_at"
                " from lead l join episode e on e.tenant_id = l.tenant_id and e.episode_id = l.episode_id"
                " left join scenario s on s.tenant_id = l.tenant_id and s.scenario_id = l.scenario_id"
                " where l.tenant_id = :t and l.lead_id = :id for no key update of l"
            ),
            key,
        )
        .one_or_none()
    )
    if row is None:
        raise NotFound("there is no such lead")
    return PlanRow(*row)


def list_contact_options(session: Session, *, tenant_id: TenantId, lead_id: LeadId) -> list[ContactOption]:
    """List the contact points that a lead may use, mobiles before other phones, then oldest first."""
    rows = session.connection().execute(
        text(
            "select c.contact_point_id, c.kind, c.is_mobile from lead_contact k join contact_point c"
            " on c.tenant_id = k.tenant_id and c.contact_point_id = k.contact_point_id"
            " where k.tenant_id = :t and k.lead_id = :id and c.dead_at is null and c.erased_at is null"
            " order by c.is_mobile desc nulls last, c.made_at, c.contact_point_id limit 50"
        ),
        {"t": tenant_id, "id": lead_id},
    )
    return [ContactOption(*row) for row in rows]


class DueRow(NamedTuple):
    """A claimed touch, as dispatch takes it up."""

    lead_id: UUID
    channel: str
    step_id: UUID
    locale: str
    site_id: UUID


def find_claimed_touch(session: Session, *, tenant_id: TenantId, touch_id: TouchId) -> DueRow | None:
    """Find a touch that is still claimed, with the language to write in: the episode's, else the site's."""
    row = (
        session.connection()
        .execute(
            text(
                "select t.lead_id, t.channel, t.step_id, coalesce(e.locale, s.locale) as locale, t.site_id"
                " from touch t join episode e on e.tenant_id = t.tenant_id and e.episode_id = t.episode_id"
                " join site s on s.tenant_id = t.tenant_id and s.site_id = t.site_id"
                " where t.tenant_id = :t and t.touch_id = :id and t.state = 'claimed'"
            ),
            {"t": tenant_id, "id": touch_id},
        )
        .one_or_none()
    )
    return None if row is None else DueRow(*row)


def find_wording(session: Session, *, tenant_id: TenantId, step_id: UUID, locale: str) -> Variant | None:
    """Find a step's wording in a language, else in Japanese, else in whatever there is."""
    return session.exec(
        select(Variant)
        .where(Variant.tenant_id == tenant_id, Variant.step_id == step_id)
        .order_by((col(Variant.locale) == locale[:2]).desc(), (col(Variant.locale) == "ja").desc())
        .limit(1)
    ).first()


def list_open_leads_of_value(session: Session, *, tenant_id: TenantId, kind: str, value_index: bytes) -> list[UUID]:
    """List open leads that may use this contact value."""
    rows = session.connection().execute(
        text(
            "select l.lead_id from contact_point c"
            " join lead_contact k on k.tenant_id = c.tenant_id and k.contact_point_id = c.contact_point_id"
            " join lead l on l.tenant_id = k.tenant_id and l.lead_id = k.lead_id and l.state in ('held', 'active')"
            " where c.tenant_id = :t and c.kind = :kind and c.value_index = :index order by l.lead_id limit 1000"
        ),
        {"t": tenant_id, "kind": kind, "index": value_index},
    )
    return list(rows.scalars())


def list_open_leads_of_contact_point(session: Session, *, tenant_id: TenantId, contact_point_id: UUID) -> list[UUID]:
    """List open leads that may use this contact point."""
    rows = session.connection().execute(
        text(
            "select l.lead_id from lead_contact k"
            " join lead l on l.tenant_id = k.tenant_id and l.lead_id = k.lead_id and l.state in ('held', 'active')"
            " where k.tenant_id = :t and k.contact_point_id = :id order by l.lead_id limit 1000"
        ),
        {"t": tenant_id, "id": contact_point_id},
    )
    return list(rows.scalars())


class PointOfPerson(NamedTuple):
    """A contact point of a lead or of the person behind it."""

    contact_point_id: UUID
    kind: ContactKind
    value_index: bytes
    masked: str
    erased_at: datetime | None


def list_points_of_person(
    session: Session, *, tenant_id: TenantId, lead_id: LeadId, limit: int = 200
) -> list[PointOfPerson]:
    """List what a lead may use, and what else belongs to its person, in the order of their ids. raises NotFound"""
    person_id = session.exec(
        select(Lead.person_id).where(Lead.tenant_id == tenant_id, Lead.lead_id == lead_id)
    ).one_or_none()
    if person_id is None:
        raise NotFound("there is no such lead")
    rows = session.connection().execute(
        text(
            "select contact_point_id, kind, value_index, masked, erased_at from contact_point where tenant_id = :t"
            " and contact_point_id in ("
            "  select contact_point_id from lead_contact where tenant_id = :t and lead_id = :lead_id"
            "  union select contact_point_id from contact_point where tenant_id = :t and person_id = :person_id)"
            " order by contact_point_id limit :limit"
        ),
        {"t": tenant_id, "lead_id": lead_id, "person_id": person_id, "limit": limit},
    )
    return [
        PointOfPerson(row.contact_point_id, ContactKind(row.kind), bytes(row.value_index), row.masked, row.erased_at)
        for row in rows
    ]


def has_open_touch(session: Session, *, tenant_id: TenantId, lead_id: LeadId) -> bool:
    """Say whether anything of a lead's plan may still happen."""
    row = session.connection().execute(
        text(
            "select exists (select 1 from touch where tenant_id = :t and lead_id = :id"
            " and state in ('planned', 'claimed', 'queued', 'sending'))"
        ),
        {"t": tenant_id, "id": lead_id},
    )
    return bool(row.scalar_one())


def set_touch_approval(session: Session, *, tenant_id: TenantId, version_id: UUID, approved: bool) -> int:
    """Mark the open touches of a version as approved or not: the gate reads the mark."""
    changed = session.connection().execute(
        text(
            "update touch set approved = :approved where tenant_id = :t and scenario_version_id = :id"
            " and state in ('planned', 'claimed', 'queued')"
        ),
        {"t": tenant_id, "id": version_id, "approved": approved},
    )
    return int(changed.rowcount)


class UnknownDelivery(NamedTuple):
    """What reconciliation needs to ask the provider: never stored, never logged."""

    channel: str
    contact_point_id: UUID
    begun_at: datetime
    content: bytes | None
    state: str
    sms_from: str


def get_unknown_delivery(session: Session, *, tenant_id: TenantId, delivery_id: UUID) -> UnknownDelivery:
    """Read a delivery for reconciliation."""
    row = (
        session.connection()
        .execute(
            text(
                "select d.channel, d.contact_point_id, d.begun_at, d.content, d.state, n.sms_from from delivery d"
                " join tenant n on n.tenant_id = d.tenant_id where d.tenant_id = :t and d.delivery_id = :id"
            ),
            {"t": tenant_id, "id": delivery_id},
        )
        .one()
    )
    return UnknownDelivery._make(row)
