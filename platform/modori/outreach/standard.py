"""The standard scenario: a mail, an SMS and a call, worded in Japanese and English."""

from collections.abc import Sequence
from datetime import datetime

from sqlmodel import Session

from modori.kernel.ids import ScenarioId, SiteId, TenantId
from modori.leads.actions import add_route
from modori.leads.queries import list_routes
from modori.outreach import queries
from modori.outreach.actions import StepDraft, add_version, make_scenario
from modori.outreach.default_wordings import default_wording
from modori.outreach.model import Purpose
from modori.people.model import Channel

LOCALES = ("ja", "en")

NAME, ROUTE_NAME = "標準（3段階）", "すべて"

STEPS = ((Channel.EMAIL, Purpose.REMINDER), (Channel.SMS, Purpose.BENEFIT), (Channel.CALL, Purpose.LAST_NOTICE))

DELAYS_S = (3600, 24 * 3600, 3 * 24 * 3600)
"""1 h, 24 h and 3 d after the last activity (RULES 31)."""


def standard_steps(delays_s: Sequence[int] = DELAYS_S) -> list[StepDraft]:
    """Draft the three steps. `delays_s`: seconds from the episode's last activity, one for each step."""
    return [
        StepDraft(channel, purpose, delay_s, _wordings(channel, purpose))
        for (channel, purpose), delay_s in zip(STEPS, delays_s, strict=True)
    ]


def make_standard_scenario(session: Session, *, tenant_id: TenantId, now: datetime) -> ScenarioId:
    """Give a new client the standard scenario, its first version waiting for somebody's approval."""
    scenario_id = make_scenario(session, tenant_id=tenant_id, name=NAME, now=now)
    add_version(session, tenant_id=tenant_id, scenario_id=scenario_id, steps=standard_steps(), now=now)
    return scenario_id


def route_to_standard(session: Session, *, tenant_id: TenantId, site_id: SiteId) -> bool:
    """Lead everybody of a new site to the client's oldest scenario. False where there is none, or a route already."""
    scenario_id = queries.find_oldest_scenario(session, tenant_id=tenant_id)
    if scenario_id is None or list_routes(session, tenant_id=tenant_id, site_id=site_id):
        return False
    add_route(session, tenant_id=tenant_id, site_id=site_id, name=ROUTE_NAME, conditions={}, scenario_id=scenario_id)
    return True


def _wordings(channel: Channel, purpose: Purpose) -> dict[str, tuple[str | None, str]]:
    wordings = (default_wording(channel, purpose, locale) for locale in LOCALES)
    return {one.locale: (one.subject, one.body) for one in wordings}
