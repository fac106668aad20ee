"""What the newest form events of a site tell, and where people left its forms; bounded as the site's page is."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import text

from modori.kernel.ids import SiteId, TenantId
from modori.reports.sites.queries import CLOCKS_DIFFER, WALKED
from modori.reports.sites.rules import LeftField
from modori.storage.db import ReadSession

FORM_EVENTS: Final = 2000
FORMS: Final = 20
FIELDS: Final = 500
PEOPLE: Final = 2000
"""Episodes that the chart counts at most, newest first."""


@dataclass(frozen=True, slots=True)
class SurveyedField:
    """One input of a form as the newest survey saw it. people: how many visitors' surveys named it."""

    form: str
    field: str
    token: str | None
    why: str
    people: int
    last_at: datetime


@dataclass(frozen=True, slots=True)
class FormUse:
    """One form of the site: who used it lately, and how many people's fields were taken, by token.

    is_from_server  a server reported it: a browser's event names its page until it is blotted out with its fields
    """

    form: str
    people: int
    submitted: int
    last_at: datetime
    taken: Mapping[str, int] = field(default_factory=dict)
    is_from_server: bool = False


@dataclass(frozen=True, slots=True)
class SeenForms:
    """The forms of a site, most people first, and every input that surveys named.

    more_forms, more_fields  beyond the FORMS and the FIELDS that are listed
    looked_back_to           the oldest of the FORM_EVENTS that were looked at; None: there were fewer
    """

    forms: list[FormUse]
    fields: list[SurveyedField]
    more_forms: int
    more_fields: int
    looked_back_to: datetime | None


# Sorted by bytes, which is much faster than by a language's rules: nobody reads this order.
_FORMS = """
with forms as materialized (
  select w.received_at, w.visitor collate "C" as visitor, (w.body ->> 'form') collate "C" as form, w.body,
    w.page_url is null and w.body ? 'fields' as from_server from (
    select * from event e where e.tenant_id = :tenant_id and e.received_at >= :since and e.received_at <= :until
    order by e.received_at desc, e.event_id desc limit :walked) w
  where w.site_id = :site_id and w.type = 'form' and w.mark is null limit :forms
), used as (
  select form, count(distinct visitor) as people, max(received_at) as last_at,
    count(distinct visitor) filter (where (body -> 'submitted')::boolean) as submitted,
    bool_or(from_server) as from_server
  from forms group by 1 order by 2 desc, 1 limit :most_forms
), taken as (
  select f.form, t.token, count(distinct f.visitor) as people
  from forms f cross join lateral jsonb_object_keys(f.body -> 'fields') as t(token) group by 1, 2
), inputs as (
  select f.received_at, f.visitor, f.form, (s.one ->> 'field') collate "C" as field, s.one ->> 'token' as token,
    s.one ->> 'why' as why, s.place
  from forms f cross join lateral jsonb_array_elements(f.body -> 'survey') with ordinality as s(one, place)
  where f.body ? 'survey'
), newest as (
  select distinct on (form, field) * from inputs order by form, field, received_at desc, place
), counted as (
  select form, field, count(distinct visitor) as people from inputs group by form, field
)
select
  (select coalesce(jsonb_agg(jsonb_build_array(u.form, u.people, u.submitted, u.last_at,
      coalesce((select jsonb_object_agg(t.token, t.people) from taken t where t.form = u.form), '{}'), u.from_server)
    order by u.people desc, u.form), '[]') from used u) as forms,
  (select coalesce(jsonb_agg(jsonb_build_array(i.form, i.field, i.token, i.why, i.people, i.received_at)
    order by i.form, i.place, i.field), '[]') from (
      select n.*, c.people from newest n join counted c using (form, field)
      where n.form in (select form from used) order by n.form, n.place, n.field limit :most_fields) i) as fields,
  (select count(distinct form) from forms) - (select count(*) from used) as more_forms,
  (select greatest(count(*) - :most_fields, 0) from newest where form in (select form from used)) as more_fields,
  (select min(received_at) from forms having count(*) >= :forms) as looked_back_to
"""


def look_at_forms(
    session: ReadSession, *, tenant_id: TenantId, site_id: SiteId, since: datetime, now: datetime
) -> SeenForms:
    """Read what the newest FORM_EVENTS form events of a site tell: who used which form, which inputs it has."""
    row = (
        session.connection()
        .execute(
            text(_FORMS),
            {
                "tenant_id": tenant_id,
                "site_id": site_id,
                "since": since,
                "until": now + CLOCKS_DIFFER,
                "walked": WALKED,
                "forms": FORM_EVENTS,
                "most_forms": FORMS,
                "most_fields": FIELDS,
            },
        )
        .one()
    )
    at = datetime.fromisoformat
    return SeenForms(
        [
            FormUse(form, people, submitted, at(last), taken, is_from_server=from_server)
            for form, people, submitted, last, taken, from_server in row.forms
        ],
        [
            SurveyedField(form, name, token, why, people, at(last))
            for form, name, token, why, people, last in row.fields
        ],
        row.more_forms,
        row.more_fields,
        row.looked_back_to,
    )


def list_left_fields(session: ReadSession, *, tenant_id: TenantId, site_id: SiteId, since: datetime) -> list[LeftField]:
    """Count the people who left a form and did not come back to order, by the field that they touched last.

    The newest PEOPLE of them since an instant, found by the episode's id (ids are in the order of time); what they
    spent in the field comes from their newest form event, found by the episode.
    """
    rows = session.connection().execute(
        text(
            "with gone as materialized ("
            "   select e.episode_id, e.form, e.last_field, e.started_at, e.last_activity_at from ("
            "     select * from episode where tenant_id = :tenant_id and episode_id >= :first_id"
            "     order by episode_id desc limit :walked) e"
            "   where e.site_id = :site_id and e.form is not null and e.submitted_at is null"
            "     and e.state in ('abandoned', 'expired') and e.last_activity_at >= :since limit :people"
            " ), spent as ("
            "   select g.form, g.last_field, n.times -> g.last_field as times from gone g left join lateral ("
            "     select v.body -> 'times' as times from event v where v.tenant_id = :tenant_id"
            "       and v.episode_id = g.episode_id and v.type = 'form'"
            "       and v.received_at >= g.started_at - interval '1 day'"
            "       and v.received_at <= g.last_activity_at + interval '1 day'"
            "     order by v.at desc limit 1) n on true"
            " )"
            " select form, last_field, count(*),"
            "   round(percentile_cont(0.5) within group (order by (times ->> 'ms')::float8))::int,"
            "   count(*) filter (where (times ->> 'edits')::float8 > 0)"
            " from spent group by form, last_field order by 3 desc, 1, 2 limit :people"
        ),
        {
            "tenant_id": tenant_id,
            "site_id": site_id,
            "since": since,
            "first_id": _first_id(since),
            "walked": WALKED,
            "people": PEOPLE,
        },
    )
    return [LeftField(*row) for row in rows]


def _first_id(since: datetime) -> UUID:
    """Return the smallest id that can have been made at an instant (UUID version 7: milliseconds come first)."""
    return UUID(int=(int(since.timestamp() * 1000) << 80) | (7 << 76) | (2 << 62))
