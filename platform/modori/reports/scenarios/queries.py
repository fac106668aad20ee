"""Scenarios of several tenants, and one version with its steps and wordings."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlmodel import Session

from modori.kernel.errors import NotFound
from modori.kernel.ids import ScenarioId, ScenarioVersionId, TenantId
from modori.outreach.model import Purpose
from modori.people.model import Channel
from modori.storage.db import ReadSession


@dataclass(frozen=True, slots=True)
class ScenarioRow:
    """A scenario in a list. waiting: the newest version if it is not the approved one."""

    tenant_id: TenantId
    scenario_id: ScenarioId
    name: str
    current_number: int | None
    waiting_number: int | None
    channels: list[Channel]
    open_leads: int


@dataclass(frozen=True, slots=True)
class WordingRow:
    """One wording of a step; for a call it is the script."""

    locale: str
    subject: str | None
    body: str


@dataclass(frozen=True, slots=True)
class StepRow:
    """One contact in a version, with its wordings by language."""

    step_id: UUID
    number: int
    channel: Channel
    purpose: Purpose
    delay_s: int
    wordings: list[WordingRow]


@dataclass(frozen=True, slots=True)
class VersionRow:
    """One version of a scenario, in the list beside it."""

    scenario_version_id: ScenarioVersionId
    number: int
    made_at: datetime
    approved_at: datetime | None
    approved_by: str | None


@dataclass(frozen=True, slots=True)
class ScenarioPage:
    """A scenario, its versions newest first, and the steps of the one shown."""

    tenant_id: TenantId
    scenario_id: ScenarioId
    name: str
    current_version_id: UUID | None
    versions: list[VersionRow]
    shown: VersionRow
    steps: list[StepRow]


def list_scenarios(
    session: ReadSession, *, tenant_ids: Sequence[TenantId], after: ScenarioId | None, limit: int
) -> list[ScenarioRow]:
    """List the scenarios of several tenants by name, those that come behind `after` where it is given."""
    rows = session.connection().execute(
        text(
            "select s.tenant_id, s.scenario_id, s.name, c.number,"
            " case when n.scenario_version_id is distinct from s.current_version_id then n.number end,"
            " coalesce((select array_agg(t.channel order by t.number) from step t where t.tenant_id = s.tenant_id"
            "   and t.scenario_version_id = coalesce(s.current_version_id, n.scenario_version_id)), '{}') as channels,"
            " (select count(*) from lead l where l.tenant_id = s.tenant_id and l.scenario_id = s.scenario_id"
            "   and l.state in ('held', 'active'))"
            " from scenario s"
            " left join scenario_version c on c.tenant_id = s.tenant_id"
            "   and c.scenario_version_id = s.current_version_id"
            " left join lateral (select v.scenario_version_id, v.number from scenario_version v"
            "   where v.tenant_id = s.tenant_id and v.scenario_id = s.scenario_id order by v.number desc limit 1) n"
            "   on true"
            " where s.tenant_id = any(cast(:tenants as uuid[])) and (cast(:after as uuid) is null"
            "   or (s.name, s.scenario_id) > (select a.name, a.scenario_id from scenario a"
            "     where a.tenant_id = any(cast(:tenants as uuid[])) and a.scenario_id = cast(:after as uuid)))"
            " order by s.name, s.scenario_id limit :limit"
        ),
        {"tenants": list(tenant_ids), "after": after, "limit": limit},
    )
    return [
        ScenarioRow(row[0], row[1], row[2], row[3], row[4], [Channel(one) for one in row.channels], row[6])
        for row in rows
    ]


def get_scenario_page(
    session: ReadSession, *, tenant_id: TenantId, scenario_id: ScenarioId, number: int | None = None
) -> ScenarioPage:
    """Read a scenario with one of its versions: `number`, else the approved one, else the newest. raises NotFound"""
    of_scenario = {"tenant_id": tenant_id, "scenario_id": scenario_id}
    scenario = (
        session.connection()
        .execute(
            text(
                "select name, current_version_id from scenario"
                " where tenant_id = :tenant_id and scenario_id = :scenario_id"
            ),
            of_scenario,
        )
        .one_or_none()
    )
    versions = session.connection().execute(
        text(
            "select v.scenario_version_id, v.number, v.made_at, v.approved_at, u.name from scenario_version v"
            " left join user_account u on u.user_id = v.approved_by"
            " where v.tenant_id = :tenant_id and v.scenario_id = :scenario_id order by v.number desc limit 100"
        ),
        of_scenario,
    )
    known = [VersionRow(*row) for row in versions]
    if scenario is None or not known:
        raise NotFound("there is no such scenario")
    if number is None:
        wanted = [one for one in known if one.scenario_version_id == scenario.current_version_id] or known[:1]
    else:
        wanted = [one for one in known if one.number == number]
    if not wanted:
        raise NotFound("there is no such version")
    return ScenarioPage(
        tenant_id=tenant_id,
        scenario_id=scenario_id,
        name=scenario.name,
        current_version_id=scenario.current_version_id,
        versions=known,
        shown=wanted[0],
        steps=list_steps(session, tenant_id=tenant_id, version_id=wanted[0].scenario_version_id),
    )


def list_steps(session: ReadSession, *, tenant_id: TenantId, version_id: ScenarioVersionId) -> list[StepRow]:
    """List a version's steps in order, each with its wordings."""
    rows = session.connection().execute(
        text(
            "select t.step_id, t.number, t.channel, t.purpose, t.delay_s, coalesce((select jsonb_agg("
            "   jsonb_build_object('locale', v.locale, 'subject', v.subject, 'body', v.body) order by v.locale desc)"
            "   from variant v where v.tenant_id = t.tenant_id and v.step_id = t.step_id), '[]'::jsonb) as wordings"
            " from step t where t.tenant_id = :tenant_id and t.scenario_version_id = :version_id"
            " order by t.number limit 100"
        ),
        {"tenant_id": tenant_id, "version_id": version_id},
    )
    return [
        StepRow(
            row.step_id,
            row.number,
            Channel(row.channel),
            Purpose(row.purpose),
            row.delay_s,
            [WordingRow(**one) for one in row.wordings],
        )
        for row in rows
    ]


def find_script(session: Session, *, tenant_id: TenantId, step_id: UUID, locale: str) -> str | None:
    """Find the wording of a step in a language, else in any."""
    found = session.connection().execute(
        text(
            "select body from variant where tenant_id = :tenant_id and step_id = :step_id"
            " order by (locale = :locale) desc, locale desc limit 1"
        ),
        {"tenant_id": tenant_id, "step_id": step_id, "locale": locale},
    )
    body: str | None = found.scalar_one_or_none()
    return body
