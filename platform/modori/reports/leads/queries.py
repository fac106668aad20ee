"""Lists of leads over several tenants, lateral per tenant; and one lead's page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text
from sqlmodel import Session

from modori.kernel.errors import NotFound
from modori.kernel.ids import LeadId, TenantId
from modori.leads.model import Arm, LeadState
from modori.people.model import Channel, ContactKind
from modori.reports.opening import masked_name
from modori.reports.paging import Cursor
from modori.storage.db import ReadSession, bind_tenants

AT_A_TIME: Final = 64
"""Clients."""


@dataclass(frozen=True, slots=True)
class LeadFilter:
    """What a list of leads is narrowed to; None leaves a condition out. Values are in minor units."""

    state: LeadState | None = None
    arm: Arm | None = None
    site_id: UUID | None = None
    channel: Channel | None = None
    made_from_at: datetime | None = None
    made_before_at: datetime | None = None
    least_minor: int | None = None


@dataclass(frozen=True, slots=True)
class LeadRow:
    """One lead in a list. contacts: masked values; items: how many lines the cart has."""

    tenant_id: TenantId
    lead_id: LeadId
    state: LeadState
    arm: Arm
    made_at: datetime
    value_minor: int | None
    currency: str | None
    site_name: str
    person: str | None
    contacts: list[str]
    first_item: str | None
    items: int
    sent: int
    next_due_at: datetime | None
    next_channel: Channel | None


@dataclass(frozen=True, slots=True)
class SiteChoice:
    """A site to filter by."""

    tenant_id: TenantId
    site_id: UUID
    name: str


@dataclass(frozen=True, slots=True)
class ContactRow:
    """A contact point of a lead, masked."""

    contact_point_id: UUID
    kind: ContactKind
    masked: str
    is_mobile: bool | None
    is_known: bool
    """Whether we hold the value, and not its hash alone."""
    dead_reason: str | None
    erased_at: datetime | None


@dataclass(frozen=True, slots=True)
class LeadPage:
    """All that stands at the top of a lead's page. contacts are masked; items as in Episode.items."""

    tenant_id: TenantId
    lead_id: LeadId
    episode_id: UUID
    site_id: UUID
    person_id: UUID
    state: LeadState
    arm: Arm
    holdout_pct: int
    value_minor: int | None
    currency: str | None
    held_reason: str | None
    made_at: datetime
    ended_at: datetime | None
    ended_by: str | None
    route_name: str | None
    scenario_id: UUID | None
    scenario_name: str | None
    site_name: str
    timezone: str
    locale: str
    items: list[dict[str, Any]]
    cart_minor: int | None
    cart_currency: str | None
    form_progress: float | None
    last_field: str | None
    started_at: datetime
    last_activity_at: datetime
    abandoned_at: datetime | None
    ordered_at: datetime | None
    person: str | None
    contacts: list[ContactRow]


# The page is cut before anything is joined to it: over a thousand clients the planner would join first, for a minute.
_WANTED = """
    and (cast(:state as text) is null or lead.state = :state)
    and (cast(:arm as text) is null or lead.arm = :arm)
    and (cast(:site_id as uuid) is null or lead.site_id = :site_id)
    and (cast(:least as bigint) is null or lead.value_minor >= :least)
    and (cast(:from_at as timestamptz) is null or lead.made_at >= :from_at)
    and (cast(:before_at as timestamptz) is null or lead.made_at < :before_at)
    and (cast(:channel as text) is null or exists (select 1 from touch t
      where t.tenant_id = lead.tenant_id and t.lead_id = lead.lead_id and t.channel = :channel))
    and (cast(:after_at as timestamptz) is null or (lead.made_at, lead.lead_id) < (:after_at, cast(:after_id as uuid)))
"""
_NEWEST = f"""
select n.tenant_id, n.made_at, n.lead_id
from unnest(cast(:tenants as uuid[])) as mine(tenant_id)
cross join lateral (
  select lead.tenant_id, lead.made_at, lead.lead_id from lead where lead.tenant_id = mine.tenant_id {_WANTED}
  order by lead.made_at desc, lead.lead_id desc limit 1
) n
"""  # noqa: S608  # a constant of this file
_LIST = f"""
with page as materialized (select l.*
from unnest(cast(:tenants as uuid[])) as mine(tenant_id)
cross join lateral (
  select * from lead where lead.tenant_id = mine.tenant_id {_WANTED}
  order by lead.made_at desc, lead.lead_id desc limit :limit
) l
order by l.made_at desc, l.lead_id desc limit :limit)
select l.tenant_id, l.lead_id, l.state, l.arm, l.made_at, l.value_minor, l.currency, s.name as site_name,
  l.person_id, p.name as sealed_name,
  array(select cp.masked from lead_contact lc join contact_point cp using (tenant_id, contact_point_id)
    where lc.tenant_id = l.tenant_id and lc.lead_id = l.lead_id order by cp.kind) as contacts,
  e.items -> 0 ->> 'name' as first_item, jsonb_array_length(e.items) as items,
  (select count(*) from touch t where t.tenant_id = l.tenant_id and t.lead_id = l.lead_id and t.state = 'sent') as sent,
  due.due_at as next_due_at, due.channel as next_channel
from page l
join site s on s.tenant_id = l.tenant_id and s.site_id = l.site_id
join person p on p.tenant_id = l.tenant_id and p.person_id = l.person_id
join episode e on e.tenant_id = l.tenant_id and e.episode_id = l.episode_id
left join lateral (
  select t.due_at, t.channel from touch t where t.tenant_id = l.tenant_id and t.lead_id = l.lead_id
    and t.state in ('planned', 'claimed', 'queued') order by t.due_at limit 1
) due on true
order by l.made_at desc, l.lead_id desc
"""  # noqa: S608  # a constant of this file


def list_leads(
    session: ReadSession, *, tenant_ids: Sequence[TenantId], wanted: LeadFilter, after: Cursor | None, limit: int
) -> list[LeadRow]:
    """List leads of several tenants, newest first, those after `after`. The transaction is bound to these tenants.

    Row security hands each look into an index all clients that the transaction is bound to, and their sorting is what a
    list over thousands of clients would cost. Whoever has a lead on the page has their newest one among the page's
    length of newest ones: those are found for some clients at a time, and the page is read for theirs alone.
    """
    given = {
        "state": wanted.state,
        "arm": wanted.arm,
        "site_id": wanted.site_id,
        "channel": wanted.channel,
        "least": wanted.least_minor,
        "from_at": wanted.made_from_at,
        "before_at": wanted.made_before_at,
        "after_at": after.at if after else None,
        "after_id": after.row_id if after else None,
        "limit": limit,
    }
    if len(tenant_ids) <= AT_A_TIME:
        return _list_leads(session, tenant_ids, given)
    newest: list[tuple[datetime, UUID, TenantId]] = []
    for start in range(0, len(tenant_ids), AT_A_TIME):
        some = list(tenant_ids[start : start + AT_A_TIME])
        bind_tenants(session, some)
        rows = session.connection().execute(text(_NEWEST), given | {"tenants": some})
        newest += [(row.made_at, row.lead_id, TenantId(row.tenant_id)) for row in rows]
    theirs = [tenant_id for _, _, tenant_id in sorted(newest, reverse=True)[:limit]]
    bind_tenants(session, theirs)
    found = _list_leads(session, theirs, given)
    bind_tenants(session, tenant_ids)
    return found


def _list_leads(session: ReadSession, tenant_ids: Sequence[TenantId], given: Mapping[str, Any]) -> list[LeadRow]:
    rows = session.connection().execute(text(_LIST), {**given, "tenants": list(tenant_ids)})
    return [
        LeadRow(
            tenant_id=row.tenant_id,
            lead_id=row.lead_id,
            state=LeadState(row.state),
            arm=Arm(row.arm),
            made_at=row.made_at,
            value_minor=row.value_minor,
            currency=row.currency,
            site_name=row.site_name,
            person=masked_name(session, tenant_id=row.tenant_id, person_id=row.person_id, sealed=row.sealed_name),
            contacts=row.contacts,
            first_item=row.first_item,
            items=row.items,
            sent=row.sent,
            next_due_at=row.next_due_at,
            next_channel=None if row.next_channel is None else Channel(row.next_channel),
        )
        for row in rows.all()
    ]


def list_site_choices(session: ReadSession, *, tenant_ids: Sequence[TenantId], chosen: str = "") -> list[SiteChoice]:
    """List the sites of several tenants by name, at most 500.

    chosen  the id of a site that is among them, however many there are: a link named it
    """
    rows = session.connection().execute(
        text(
            "select tenant_id, site_id, name from site where tenant_id = any(cast(:tenants as uuid[]))"
            " order by cast(site_id as text) <> :chosen, name, site_id limit 500"
        ),
        {"tenants": list(tenant_ids), "chosen": chosen},
    )
    return sorted((SiteChoice(*row) for row in rows), key=lambda one: (one.name, one.site_id))


_PAGE = """
select l.lead_id, l.episode_id, l.site_id, l.person_id, l.state, l.arm, l.holdout_pct, l.value_minor, l.currency,
  l.held_reason, l.made_at, l.ended_at, l.ended_by, r.name as route_name, l.scenario_id, sc.name as scenario_name,
  s.name as site_name, coalesce(p.timezone, s.timezone) as timezone, coalesce(e.locale, s.locale) as locale,
  e.items, e.cart_minor, e.currency as cart_currency, e.form_progress, e.last_field, e.started_at, e.last_activity_at,
  e.abandoned_at, e.ordered_at, p.name as sealed_name
from lead l
join site s on s.tenant_id = l.tenant_id and s.site_id = l.site_id
join person p on p.tenant_id = l.tenant_id and p.person_id = l.person_id
join episode e on e.tenant_id = l.tenant_id and e.episode_id = l.episode_id
left join route r on r.tenant_id = l.tenant_id and r.route_id = l.route_id
left join scenario sc on sc.tenant_id = l.tenant_id and sc.scenario_id = l.scenario_id
where l.tenant_id = :tenant_id and l.lead_id = :lead_id
"""


def get_lead_page(session: ReadSession, *, tenant_id: TenantId, lead_id: LeadId) -> LeadPage:
    """Read what stands at the top of a lead's page. raises NotFound"""
    row = (
        session.connection().execute(text(_PAGE), {"tenant_id": tenant_id, "lead_id": lead_id}).mappings().one_or_none()
    )
    if row is None:
        raise NotFound("there is no such lead")
    given = dict(row)
    sealed = given.pop("sealed_name")
    given["state"], given["arm"] = LeadState(given["state"]), Arm(given["arm"])
    return LeadPage(
        tenant_id=tenant_id,
        person=masked_name(session, tenant_id=tenant_id, person_id=given["person_id"], sealed=sealed),
        contacts=list_contacts(session, tenant_id=tenant_id, lead_id=lead_id),
        **given,
    )


def list_contacts(session: Session, *, tenant_id: TenantId, lead_id: LeadId) -> list[ContactRow]:
    """List the contact points that a lead may use, e-mail first."""
    rows = session.connection().execute(
        text(
            "select cp.contact_point_id, cp.kind, cp.masked, cp.is_mobile, cp.value is not null as is_known,"
            " cp.dead_reason, cp.erased_at"
            " from lead_contact lc join contact_point cp using (tenant_id, contact_point_id)"
            " where lc.tenant_id = :tenant_id and lc.lead_id = :lead_id order by cp.kind, cp.contact_point_id limit 50"
        ),
        {"tenant_id": tenant_id, "lead_id": lead_id},
    )
    return [
        ContactRow(
            row.contact_point_id,
            ContactKind(row.kind),
            row.masked,
            row.is_mobile,
            row.is_known,
            row.dead_reason,
            row.erased_at,
        )
        for row in rows
    ]


def get_person_id(session: Session, *, tenant_id: TenantId, lead_id: LeadId) -> UUID:
    """Say whose lead it is. raises NotFound"""
    found = session.connection().execute(
        text("select person_id from lead where tenant_id = :tenant_id and lead_id = :lead_id"),
        {"tenant_id": tenant_id, "lead_id": lead_id},
    )
    person_id: UUID | None = found.scalar_one_or_none()
    if person_id is None:
        raise NotFound("there is no such lead")
    return person_id
