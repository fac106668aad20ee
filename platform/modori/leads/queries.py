"""Every query and lock of leads. Lock order (G2): episode, lead, contact points by id."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlmodel import Session, col, select

from modori.kernel.errors import NotFound
from modori.kernel.ids import SiteId, TenantId
from modori.leads.model import OPEN_STATES, Lead, Route
from modori.people.model import ContactKind


@dataclass(frozen=True, slots=True)
class ContactRow:
    """A contact point of an episode as it stands, read under its lock."""

    contact_point_id: UUID
    kind: ContactKind
    value_index: bytes
    is_mobile: bool
    is_gone: bool
    last_ordered_at: datetime | None
    source: str
    """Who told us: form, identify, or signed."""


@dataclass(frozen=True, slots=True)
class DueEpisode:
    """An episode at which the idle scan must look."""

    tenant_id: TenantId
    episode_id: UUID


def get_lead(session: Session, *, tenant_id: TenantId, lead_id: UUID) -> Lead:
    """Read one lead without a lock. raises NotFound"""
    found = session.get(Lead, (tenant_id, lead_id))
    if found is None:
        raise NotFound()
    return found


def lock_lead(session: Session, *, tenant_id: TenantId, lead_id: UUID) -> Lead:
    """Lock one lead, whose episode the caller has locked. raises NotFound"""
    found = session.exec(
        select(Lead)
        .where(Lead.tenant_id == tenant_id, Lead.lead_id == lead_id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    ).one_or_none()
    if found is None:
        raise NotFound()
    return found


def find_lead_of_episode(session: Session, *, tenant_id: TenantId, episode_id: UUID) -> Lead | None:
    return session.exec(select(Lead).where(Lead.tenant_id == tenant_id, Lead.episode_id == episode_id)).one_or_none()


def find_open_lead_of_person(session: Session, *, tenant_id: TenantId, person_id: UUID) -> Lead | None:
    return session.exec(
        select(Lead).where(Lead.tenant_id == tenant_id, Lead.person_id == person_id, col(Lead.state).in_(OPEN_STATES))
    ).one_or_none()


def list_open_leads_of_contacts(
    session: Session, *, tenant_id: TenantId, contact_point_ids: Sequence[UUID], limit: int = 100
) -> list[Lead]:
    """Return the open leads that may use any of some contact points, oldest first."""
    rows = session.connection().execute(
        text(
            "select distinct l.lead_id, l.made_at from lead_contact c"
            " join lead l on l.tenant_id = c.tenant_id and l.lead_id = c.lead_id and l.state in ('held', 'active')"
            " where c.tenant_id = :tenant_id and c.contact_point_id = any(:ids) order by l.made_at, l.lead_id"
            " limit :limit"
        ),
        {"tenant_id": tenant_id, "ids": list(contact_point_ids), "limit": limit},
    )
    return [get_lead(session, tenant_id=tenant_id, lead_id=row[0]) for row in rows]


def lock_contacts_of_episode(session: Session, *, tenant_id: TenantId, episode_id: UUID) -> list[ContactRow]:
    """Lock the contact points of a locked episode, by id, and read them as they are under the lock."""
    rows = session.connection().execute(
        text(
            "select c.contact_point_id, c.kind, c.value_index, coalesce(c.is_mobile, false),"
            " c.value is null or c.dead_at is not null or c.erased_at is not null, c.last_ordered_at, e.source"
            " from episode_contact e join contact_point c"
            "  on c.tenant_id = e.tenant_id and c.contact_point_id = e.contact_point_id"
            " where e.tenant_id = :tenant_id and e.episode_id = :episode_id"
            " order by c.contact_point_id limit 100 for no key update of c"
        ),
        {"tenant_id": tenant_id, "episode_id": episode_id},
    )
    return [ContactRow(row[0], ContactKind(row[1]), bytes(row[2]), row[3], row[4], row[5], row[6]) for row in rows]


def list_routes(session: Session, *, tenant_id: TenantId, site_id: SiteId) -> list[Route]:
    """Return a site's enabled routes, first to try first."""
    return list(
        session.exec(
            select(Route)
            .where(Route.tenant_id == tenant_id, Route.site_id == site_id, col(Route.enabled).is_(True))
            .order_by(col(Route.position), col(Route.route_id))
            .limit(200)
        )
    )


def insert_lead(session: Session, lead: Lead) -> bool:
    """Insert a lead; False where the person has got an open one, or the episode its lead, meanwhile."""
    row = lead.model_dump() | {"state": lead.state.value, "arm": lead.arm.value}
    made = session.connection().execute(
        text(
            "insert into lead (tenant_id, lead_id, episode_id, site_id, person_id, state, arm, arm_draw, holdout_pct,"
            " route_id, scenario_id, value_minor, currency, held_reason, made_at) values (:tenant_id, :lead_id,"
            " :episode_id, :site_id, :person_id, :state, :arm, :arm_draw, :holdout_pct, :route_id, :scenario_id,"
            " :value_minor, :currency, :held_reason, :made_at) on conflict do nothing"
        ),
        row,
    )
    return bool(made.rowcount)


def insert_lead_contact(
    session: Session, *, tenant_id: TenantId, lead_id: UUID, contact_point_id: UUID, kind: str
) -> None:
    session.connection().execute(
        text(
            "insert into lead_contact (tenant_id, lead_id, contact_point_id, kind)"
            " values (:tenant_id, :lead_id, :contact_point_id, :kind) on conflict do nothing"
        ),
        {
            "tenant_id": tenant_id,
            "lead_id": lead_id,
            "contact_point_id": contact_point_id,
            "kind": kind,
        },
    )


def save(session: Session, row: Lead | Route) -> None:
    session.add(row)
    session.flush()


def list_due_episodes(session: Session, *, now: datetime, per_tenant: int, limit: int) -> list[DueEpisode]:
    """List episodes at which the idle scan must look, at most `per_tenant` of each tenant (G12). Scan role.

    Lateral per tenant, over the partial index (tenant_id, due_at): a tenant with a million due hides nobody.
    """
    rows = session.connection().execute(
        text(
            "select due.tenant_id, due.episode_id from tenant t cross join lateral ("
            " select e.tenant_id, e.episode_id, e.due_at from episode e where e.tenant_id = t.tenant_id"
            " and e.due_at is not null and e.due_at <= :now order by e.due_at limit :per_tenant) due"
            " order by due.due_at limit :limit"
        ),
        {"now": now, "per_tenant": per_tenant, "limit": limit},
    )
    return [DueEpisode(TenantId(row[0]), row[1]) for row in rows]


def find_next_due_at(session: Session) -> datetime | None:
    """Return when the next episode of any tenant is due. Scan role; over the partial index (due_at)."""
    row = session.connection().execute(
        text("select due_at from episode where due_at is not null order by due_at limit 1")
    )
    found: datetime | None = row.scalar_one_or_none()
    return found
