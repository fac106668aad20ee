"""What arrives of visits that end by closing the tab: over a good network, and while three in ten requests fail.

python -m tests.benchmarks.visits [visits]
"""

import sys
from collections import Counter
from collections.abc import Sequence
from typing import Final

from tests.benchmarks.figures import say, say_row
from tests.benchmarks.ground import Ground, ground
from tests.benchmarks.visiting import Crowd, Failing, Standing, Visitor, read_standing, settled, visiting

VISITS: Final = 1_000
FAILING_SHARE: Final = 0.3
ARRIVED: Final = 0.995
ARRIVED_AFTER_NEXT_VISIT: Final = 0.99
"""At least so many of the last states (issue 3)."""


def measure(ready: Ground, visits: int = VISITS) -> None:
    """Pay `visits` in each of two networks, count what stands in the database, and say it."""
    say()
    say(f"Visits that end by closing the tab: {visits:,} in each network; browser and server on this machine")
    _say_good(ready, [Visitor(number) for number in range(visits)])
    _say_failing(ready, [Visitor(number) for number in range(visits // 2)])


def _say_good(ready: Ground, visitors: Sequence[Visitor]) -> None:
    _, standing = pay(ready, Failing(0), visitors, at_once=8)
    arrived = _say_standing("last states", ARRIVED, visitors, standing)
    assert arrived >= ARRIVED, arrived


def _say_failing(ready: Ground, visitors: Sequence[Visitor]) -> None:
    """Each visits twice, and is patient: many wait at the same time for a network that fails."""
    failing = Failing(FAILING_SHARE)
    crowd, standing = pay(ready, failing, visitors, at_once=24)
    say_row("requests to the server, of which failed", f"{failing.asked:,}, {failing.failed / failing.asked:.1%}", "")
    say_row("visitors whom the config did not reach in time", len(visitors) - crowd.permitted, "")
    arrived = _say_standing("last states after the next visit", ARRIVED_AFTER_NEXT_VISIT, visitors, standing)
    assert arrived >= ARRIVED_AFTER_NEXT_VISIT, arrived


def _say_standing(name: str, least: float, visitors: Sequence[Visitor], standing: Standing) -> float:
    arrived = len(standing.last_states) / len(visitors)
    say_row(name, f"{arrived:.2%}", f"(at least {least:.1%})")
    for doing, count in Counter(one.doing for one in visitors if one.number not in standing.last_states).items():
        say_row(f"  missing of who {doing}", count, "")
    say_row("events stored, of which twice", f"{standing.events:,}, {standing.events - standing.distinct}", "")
    assert standing.events == standing.distinct, standing
    return arrived


def pay(ready: Ground, failing: Failing, visitors: Sequence[Visitor], *, at_once: int) -> tuple[Crowd, Standing]:
    """Let them visit a shop of their own, and read what is stored when no more arrives."""
    with visiting(ready.folder, ready.place(), failing, at_once=at_once) as (crowd, site):
        crowd.visit(visitors, come_again=failing.share > 0)
        return crowd, settled(lambda: read_standing(site, visitors), within_s=60)


if __name__ == "__main__":
    with ground() as only:
        measure(only, int(sys.argv[1]) if len(sys.argv) > 1 else VISITS)
