"""Four seeded bugs, each in a scenario made for it: the judge finds every one, and nothing where the bug is not."""

import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psycopg
import pytest

from tests import world
from tests.chaos.conftest import Ground
from tests.chaos.crowd import Crowd, Deed, Person, make_people
from tests.chaos.house import House, Nursery, make_client, utc_now, wait_until
from tests.chaos.judge import Clause, Violation
from tests.chaos.reading import Case

PEOPLE = 12
LATE_S = 14.0
"""Longer than the sweep takes to bring back what was lost: what is missing then is missing."""
SETTLE_S = 60.0


@dataclass(frozen=True)
class Scene:
    """A house without workers or schedulers yet, and people who have begun to come."""

    house: House
    ground: Ground
    crowd: Crowd
    people: list[Person]
    case: Case


Setting = Callable[[], AbstractContextManager[Scene]]


@pytest.fixture
def setting(make_ground: Callable[[], Ground], nursery: Nursery, tmp_path: Path) -> Setting:
    @contextmanager
    def make() -> Iterator[Scene]:
        ground = make_ground()
        world.connect(ground.urls)
        tenant = make_client(utc_now(), delays_s=(2, 3, 3600))
        with House(nursery, tmp_path / "house", ground.urls, ground.redis_url, tenant, seed=7) as house:
            house.seat("sandbox", "sandbox")
            house.seat("web", "web")
            house.wait_for_sandbox()
            house.wait_for_web()
            crowd = Crowd(house.web_url, house.world_url, tenant)
            people = make_people(PEOPLE, seed=7, acting=0.0)
            crowd.come(people, within_s=0.5)
            try:
                case = Case(ground.superuser_url, tenant.tenant_id, house.accepted, crowd.memory)
                yield Scene(house, ground, crowd, people, case)
            finally:
                crowd.end()

    return make


def no_lead_lock(scene: Scene, mutant: str | None) -> None:
    """Begins have read their facts and wait for the client's budget, which we hold; everybody orders meanwhile."""
    with psycopg.connect(scene.ground.superuser_url) as holder:
        key = {"tenant": scene.case.tenant, "month": utc_now().date().replace(day=1)}
        holder.execute("insert into spend (tenant_id, month_on, spent_minor) values (%(tenant)s, %(month)s, 0)", key)
        holder.commit()
        holder.execute("select 1 from spend where tenant_id = %(tenant)s for update", key)
        scene.house.seat("scheduler", "scheduler")
        scene.house.seat("worker", "worker", mutant=mutant)
        assert wait_until(lambda: _begins_that_wait(scene) > 0 and scene.crowd.is_over(), within_s=120)
        scene.crowd.act(scene.people, Deed.ORDER_BY_EMAIL)
        wait_until(lambda: len(scene.crowd.memory.acknowledged) == PEOPLE, within_s=4.0)
        if mutant:  # without the bug the orders wait as well
            assert wait_until(lambda: len(scene.crowd.memory.acknowledged) > PEOPLE / 2, within_s=60)


def _begins_that_wait(scene: Scene) -> int:
    """Count the begins that stand before the budget's lock."""
    with psycopg.connect(scene.ground.superuser_url) as connection:
        [(count,)] = connection.execute(
            "select count(*) from pg_stat_activity where datname = current_database()"
            " and wait_event_type = 'Lock' and query like '%spent_minor%'"
        ).fetchall()
    return int(count)


def record_before_send(scene: Scene, mutant: str | None) -> None:
    """The worker dies once, where its call has an answer that is not on record; the mutant passes there too early."""
    scene.house.arm(["call.answered"], stray="")
    scene.house.seat("scheduler", "scheduler")
    scene.house.seat("worker", "worker", mutant=mutant)


def retry_on_500(scene: Scene, mutant: str | None) -> None:
    """The provider takes every SMS and says that it has failed."""
    fault = {"channel": "sms", "mode": "error_500_after_accept", "rate": 1.0}
    scene.house.tell_sandbox("POST", "/control/faults", fault)
    scene.house.seat("scheduler", "scheduler")
    scene.house.seat("worker", "worker", mutant=mutant)


def done_when_hinted(scene: Scene, mutant: str | None) -> None:
    """Hints are given while no worker is there, and Valkey loses them."""
    scene.house.seat("scheduler", "scheduler", mutant=mutant)
    assert wait_until(scene.crowd.is_over, within_s=120)
    time.sleep(2.5)  # every cart has been abandoned
    assert wait_until(lambda: _works_hinted(scene) > 0, within_s=120)
    scene.ground.engines.wipe_valkey()
    scene.house.seat("worker", "worker", mutant=mutant)


def _works_hinted(scene: Scene) -> int:
    """Count the works of leads to be made."""
    with psycopg.connect(scene.ground.superuser_url) as connection:
        [(count,)] = connection.execute(
            "select count(*) from work join promise using (tenant_id, promise_id) where topic = 'episode.abandoned'"
        ).fetchall()
    return int(count)


Scenario = Callable[[Scene, str | None], None]
SCENARIOS: Final[dict[Scenario, Clause]] = {
    no_lead_lock: Clause.AFTER_STOP,
    record_before_send: Clause.PHANTOM,
    retry_on_500: Clause.DOUBLE,
    done_when_hinted: Clause.FORGOTTEN,
}


def _patience_s(scenario: Scenario, mutant: str | None) -> float:
    return LATE_S if mutant and SCENARIOS[scenario] is Clause.FORGOTTEN else SETTLE_S


def play(scene: Scene, scenario: Scenario, mutant: str | None, *, within_s: float) -> list[Violation]:
    """Let the scenario run until it is found or nothing is in hand, at most for `within_s`; then end all and judge."""
    scenario(scene, mutant)
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        time.sleep(0.5)
        found = {one.clause for one in scene.case.judge()[1]}
        if mutant is None and scene.crowd.is_over() and not found & {Clause.UNSETTLED, Clause.FORGOTTEN}:
            break  # with a bug seeded, a quiet moment between two steps is no end: it is waited out
        if mutant and SCENARIOS[scenario] in found - {Clause.FORGOTTEN}:
            break  # done cannot be undone; the forgotten may only be late
    for name in ("scheduler", "worker"):
        scene.house.end(name)
    violations = scene.case.judge()[1]
    print(f"\n{scenario.__name__}, mutant {mutant}: {Counter(one.clause.name for one in violations)}")
    return violations


CASES: Final = [
    *((scenario, scenario.__name__) for scenario in SCENARIOS),
    *((scenario, None) for scenario in SCENARIOS if "MODORI_CHAOS_LEADS" in os.environ),
]
"""`make test` shows that the bugs are found; `make chaos` also that nothing else is, where the bug is not."""


@pytest.mark.parametrize(("scenario", "mutant"), CASES, ids=lambda one: getattr(one, "__name__", one or "no bug"))
def test_the_judge_finds_the_seeded_bug(scenario: Scenario, mutant: str | None, setting: Setting) -> None:
    with setting() as scene:
        violations = play(scene, scenario, mutant, within_s=_patience_s(scenario, mutant))
        if mutant is None:
            assert violations == [], scene.case.explain(violations)
        else:
            assert SCENARIOS[scenario] in {one.clause for one in violations}
