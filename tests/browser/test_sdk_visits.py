"""What a visitor did last arrives although the tab is closed, also after requests that failed, and counts once (G1)."""

from collections.abc import Callable
from pathlib import Path
from time import monotonic, sleep

from modori.storage.roles import DatabaseUrls
from tests import world
from tests.benchmarks.ground import Place
from tests.benchmarks.visiting import Failing, Standing, Visitor, read_standing, settled, visiting
from tests.conftest import Cluster

VISITS = 100
FAILING_VISITORS = 24
SETTLED_S = 30
UNLUCKY = 2
"""Of 24: whose next visit's requests failed, too, as 30 in 100 do. The share is measured by `benchmarks.visits`."""


def _pay(
    tmp_path: Path, urls: DatabaseUrls, engines: Cluster, failing: Failing, visitors: list[Visitor], at_once: int
) -> Standing:
    world.connect(urls)
    place = Place(urls, engines.superuser_url, engines.redis_url)
    with visiting(tmp_path, place, failing, at_once=at_once) as (crowd, site):
        crowd.visit(visitors, come_again=failing.share > 0)
        standing = settled(lambda: read_standing(site, visitors), within_s=SETTLED_S)
        deadline = monotonic() + SETTLED_S  # on a slow machine two seconds without news are not the end
        while len(standing.last_states) < len(visitors) and monotonic() < deadline:
            sleep(1)
            standing = read_standing(site, visitors)
        return standing


def test_g1_last_states_of_closed_tabs_arrive(
    tmp_path: Path, clone_database: Callable[[], DatabaseUrls], engines: Cluster
) -> None:
    visitors = [Visitor(number) for number in range(VISITS)]
    standing = _pay(tmp_path, clone_database(), engines, Failing(0), visitors, at_once=8)
    assert set(range(VISITS)) - standing.last_states == set()
    assert standing.events == standing.distinct


def test_g1_what_failed_requests_lost_arrives_with_the_next_visit_and_once(
    tmp_path: Path, clone_database: Callable[[], DatabaseUrls], engines: Cluster
) -> None:
    failing = Failing(0.3)
    visitors = [Visitor(number) for number in range(FAILING_VISITORS)]
    standing = _pay(tmp_path, clone_database(), engines, failing, visitors, at_once=FAILING_VISITORS)
    assert failing.failed >= FAILING_VISITORS / 2
    assert len(set(range(FAILING_VISITORS)) - standing.last_states) <= UNLUCKY
    assert standing.events == standing.distinct
