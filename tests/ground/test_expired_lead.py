"""A lead that time has ended takes its plan with it, by way of the promise that leads makes and outreach keeps."""

from datetime import timedelta

import pytest
from sqlalchemy import text

from modori.capture.model import EpisodeState
from modori.entrypoints import wiring
from modori.leads import actions as leads
from modori.leads import queries as lead_queries
from modori.leads.model import LeadState
from modori.sending.model import TouchState
from modori.storage.db import tenant_transaction
from tests.drain import drain
from tests.leadworld import LeadWorld, make_lead
from tests.world import NOW, World


def touch_state(lead: LeadWorld) -> TouchState:
    with tenant_transaction(lead.tenant.tenant_id) as session:
        found = session.connection().execute(
            text("select state from touch where touch_id = :touch_id"), {"touch_id": lead.touch_id}
        )
        return TouchState(found.scalar_one())


@pytest.mark.parametrize(
    ("after", "state", "touch"),
    [
        (timedelta(days=30) - timedelta(seconds=1), LeadState.ACTIVE, TouchState.PLANNED),
        (timedelta(days=30), LeadState.EXPIRED, TouchState.CANCELLED),
    ],
)
def test_an_expired_leads_plan_is_cancelled(
    world: World, after: timedelta, state: LeadState, touch: TouchState
) -> None:
    lead = make_lead(world.acme, touch_state=TouchState.PLANNED, last_activity_at=NOW, abandoned_at=NOW, due_at=NOW)
    other = make_lead(world.acme, touch_state=TouchState.PLANNED, state=EpisodeState.ABANDONED)
    acme = world.acme.tenant_id
    with tenant_transaction(acme) as session:
        leads.settle_episode(session, tenant_id=acme, episode_id=lead.episode_id, now=NOW + after)
    drain([acme], subscribers=wiring.subscribers(), jobs=wiring.jobs())
    with tenant_transaction(acme) as session:
        assert lead_queries.lock_lead(session, tenant_id=acme, lead_id=lead.lead_id).state == state
    assert touch_state(lead) == touch
    assert touch_state(other) == TouchState.PLANNED
