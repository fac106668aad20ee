"""Kill -9 at any point of the send path, wiped engines, a misbehaving world: judged from the ledgers alone."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from modori.kernel.failpoints import ALL
from tests import world
from tests.chaos.conftest import Ground
from tests.chaos.crowd import Crowd, make_people
from tests.chaos.house import House, Nursery, make_client, utc_now
from tests.chaos.judge import Clause
from tests.chaos.reading import Case, describe
from tests.chaos.storm import Storm

LEADS = int(os.environ.get("MODORI_CHAOS_LEADS", "150"))
SEED = int(os.environ.get("MODORI_CHAOS_SEED", "20261121"))
ARRIVAL_S = 0.15
"""Between one person and the next: some order before there is a lead, and more of them than leads are wanted."""
LONGEST_TAIL_S = 180.0
"""How long it may blow on for a failpoint that nobody has passed yet, or a person who is still asking."""
SETTLE_S = 60.0
"""After the last fault nothing may be in hand for longer."""


@pytest.fixture
def house(ground: Ground, nursery: Nursery, tmp_path: Path) -> Iterator[House]:
    world.connect(ground.urls)
    tenant = make_client(utc_now(), delays_s=(2, 4, 6))
    with House(nursery, tmp_path / "house", ground.urls, ground.redis_url, tenant, seed=SEED % 100_000) as house:
        house.seat("sandbox", "sandbox")
        for name in ("web", "worker-1", "worker-2", "scheduler-1", "scheduler-2"):
            house.seat(name, name.partition("-")[0])
        house.wait_for_sandbox()
        house.wait_for_web()
        yield house


def test_g1_g2_g3_g6_nothing_is_lost_doubled_or_sent_after_a_stop(house: House, ground: Ground) -> None:
    started, people = time.monotonic(), make_people(round(LEADS * 1.35), seed=SEED % 1000)
    arrive_s = len(people) * ARRIVAL_S
    crowd = Crowd(house.web_url, house.world_url, house.tenant)
    storm = Storm(house, ground.engines, SEED)
    crowd.come(people, within_s=arrive_s)
    storm.begin()
    storm.blow(lambda: crowd.memory.done >= len(people) * 0.4, within_s=arrive_s)
    storm.restart_postgres()
    storm.blow(lambda: crowd.is_over() and house.fired() >= ALL, within_s=arrive_s + LONGEST_TAIL_S)
    last_fault = storm.end()
    crowd.end()
    case = Case(ground.superuser_url, house.tenant.tenant_id, house.accepted, crowd.memory)
    while True:
        ledgers, violations = case.judge()
        waited_s = time.monotonic() - last_fault
        if waited_s > SETTLE_S or not any(one.clause in (Clause.UNSETTLED, Clause.FORGOTTEN) for one in violations):
            break
        time.sleep(1)
    print(
        f"\n{len(people)} people, seed {SEED}, {time.monotonic() - started:.0f} s,"
        f" settled {waited_s:.0f} s after the last fault",
        describe(ledgers),
        f"died {house.deaths} times, at {len(house.fired())} of {len(ALL)} points; {dict(storm.counts)}",
        f"asked again: {dict(crowd.memory.retries)}; gave up {crowd.memory.gave_up}",
        sep="\n",
    )
    assert violations == [], case.explain(violations)
    assert house.fired() >= ALL, f"never reached: {sorted(ALL - house.fired())}"
    assert crowd.memory.refusals == []
    assert len(ledgers.leads) >= LEADS
    assert len(crowd.memory.acknowledged) > LEADS * 0.1
