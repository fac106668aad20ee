"""How late 1,000 mails begin that are due at one moment, through the real scheduler, messenger, worker and SMTP.

python -m tests.benchmarks.lateness
"""

import time
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

import psycopg

from modori.capture.model import Episode, EpisodeContact, EpisodeState
from modori.kernel import clock
from modori.kernel.ids import new_id
from modori.leads.model import Arm, Lead, LeadContact, LeadState
from modori.outreach.actions import add_version, approve_version, make_scenario
from modori.outreach.queries import list_steps
from modori.outreach.standard import standard_steps
from modori.people import actions as people
from modori.people.model import Channel, ContactKind, EvidenceSource
from modori.people.points import meet_contact_point
from modori.sending.model import Touch
from modori.storage.db import tenant_transaction
from tests.benchmarks.figures import percentile, say, say_row
from tests.benchmarks.ground import Ground, ground, make_site, modori, processor_s, wait_s
from tests.world import TenantWorld

TENANTS: Final = 4
SENDS: Final = 1_000
SETTLE_S: Final = 3.0
SOON_S: Final = 2.0
GIVE_UP_S: Final = 150.0

ITEMS: Final = [{"id": "p1", "name": "鉄のフライパン", "price_minor": 4980, "quantity": 1, "stock": 3}]

_DUE: Final = """
with moment as (select now() + make_interval(secs => %s) as at)
update touch set first_due_at = moment.at, due_at = moment.at from moment where state = 'planned' returning moment.at
"""
_OPEN: Final = "select count(*) from touch where state in ('planned', 'claimed', 'sending')"
_LATE: Final = """
select extract(epoch from d.begun_at - %s)::float8, extract(epoch from d.recorded_at - d.begun_at)::float8
from delivery d where d.state = 'accepted'
"""


def measure(ready: Ground) -> None:
    """Plan, let the moment come, and read the ledgers. raises AssertionError where a mail was not accepted once"""
    place = ready.place()
    sites = [make_site(f"late{number}") for number in range(TENANTS)]
    for number, site in enumerate(sites):
        _plan(site, SENDS // TENANTS, number * SENDS)
    programs = {name: modori(name) for name in ("web", "worker", "scheduler", "sandbox")}
    with (
        ready.processes(place, programs, site=sites[0]),
        psycopg.connect(place.superuser_url, autocommit=True) as watcher,
    ):
        wait_s(SETTLE_S)
        before = processor_s(ready)
        due_at: Any = watcher.execute(_DUE, (SOON_S,)).fetchone()
        started = time.monotonic()
        while _count_open(watcher) and time.monotonic() - started < GIVE_UP_S:
            wait_s(0.25)
        after = processor_s(ready)
        rows = watcher.execute(_LATE, (due_at[0],)).fetchall()
        states: dict[str, int] = dict(watcher.execute("select state, count(*) from touch group by state").fetchall())
    assert states == {"sent": SENDS}, states
    assert len(rows) == SENDS, len(rows)
    late_s, took_s = [row[0] for row in rows], [row[1] for row in rows]
    say()
    say(f"Lateness: {SENDS:,} mails due at one moment, {TENANTS} clients, one worker with 8 threads")
    for name, share in (("p50", 0.50), ("p99", 0.99), ("max", 1.0)):
        say_row(f"from due to begun, {name}", f"{percentile(late_s, share):.2f}", "s")
    say_row("earliest", f"{min(late_s):.3f}", "s")
    say_row("from begun to answered and recorded, p50", f"{percentile(took_s, 0.5) * 1000:.0f}", "ms")
    for who in ("worker", "scheduler", "sandbox", "PostgreSQL"):
        say_row(f"processor time per mail: {who}", f"{(after[who] - before[who]) / SENDS * 1000:.1f}", "ms")
    say_row("mails a second, from the due moment to the last one", f"{SENDS / max(late_s):.0f}", "")


def _count_open(watcher: "psycopg.Connection[Any]") -> int:
    row: Any = watcher.execute(_OPEN).fetchone()
    return int(row[0])


def _plan(site: TenantWorld, count: int, first: int) -> None:
    """Make people with a cart, a consent and a first mail of the standard scenario, planned for tomorrow."""
    now = clock.now()
    with tenant_transaction(site.tenant_id) as session:
        scenario_id = make_scenario(session, tenant_id=site.tenant_id, name="standard", now=now)
        version_id = add_version(
            session, tenant_id=site.tenant_id, scenario_id=scenario_id, steps=standard_steps(), now=now
        )
        approve_version(session, tenant_id=site.tenant_id, version_id=version_id, user_id=None, now=now)
        step_id = list_steps(session, tenant_id=site.tenant_id, version_id=version_id)[0].step_id
        rows: list[Any] = []
        for number in range(first, first + count):
            rows += _one(session, site, number, version_id, step_id)
        for kind in (Episode, EpisodeContact, Lead, LeadContact, Touch):
            session.add_all(row for row in rows if type(row) is kind)
            session.flush()


def _one(session: Any, site: TenantWorld, number: int, version_id: UUID, step_id: UUID) -> list[Any]:
    tenant_id, site_id, now = site.tenant_id, site.site_id, clock.now()
    email = f"p{number}@person.example"
    point = meet_contact_point(session, tenant_id=tenant_id, kind=ContactKind.EMAIL, value=email, now=now)
    point_id, episode_id, lead_id = point.contact_point_id, new_id(), new_id()
    people.record_consent(
        session,
        tenant_id=tenant_id,
        channel=Channel.EMAIL,
        granted=True,
        text="受け取ります",
        source=EvidenceSource.BROWSER,
        site_id=site_id,
        episode_id=episode_id,
        given_at=now,
        now=now,
    )
    then = now - timedelta(hours=1)
    episode = Episode(
        tenant_id=tenant_id,
        episode_id=episode_id,
        site_id=site_id,
        visitor=f"visitor{number:012d}",
        person_id=point.person_id,
        state=EpisodeState.ABANDONED,
        currency="JPY",
        cart_minor=4980,
        items=ITEMS,
        cart_url=f"{site.origin}/cart",
        started_at=then,
        last_activity_at=then,
        abandoned_at=then,
    )
    lead = Lead(
        tenant_id=tenant_id,
        lead_id=lead_id,
        episode_id=episode_id,
        site_id=site_id,
        person_id=point.person_id,
        state=LeadState.ACTIVE,
        arm=Arm.TREATED,
        arm_draw=0.5,
        holdout_pct=0,
        value_minor=4980,
        currency="JPY",
        made_at=now,
    )
    touch = Touch(
        tenant_id=tenant_id,
        touch_id=new_id(),
        lead_id=lead_id,
        episode_id=episode_id,
        site_id=site_id,
        scenario_version_id=version_id,
        step_id=step_id,
        step_number=1,
        channel=Channel.EMAIL,
        purpose="reminder",
        contact_point_id=point_id,
        planned_at=now,
        first_due_at=now + timedelta(days=1),
        due_at=now + timedelta(days=1),
    )
    ids = {"tenant_id": tenant_id, "contact_point_id": point_id}
    captured = EpisodeContact(episode_id=episode_id, source="form", captured_at=then, **ids)
    usable = LeadContact(lead_id=lead_id, kind=ContactKind.EMAIL.value, **ids)
    return [episode, captured, lead, usable, touch]


if __name__ == "__main__":
    with ground() as only:
        measure(only)
