"""What arrives of visits that end by closing the tab: over a good network, and while three in ten requests fail.

python -m tests.benchmarks.visits [visitors]
"""

import sys
from collections import Counter
from typing import Final

from tests.benchmarks.figures import say, say_row
from tests.benchmarks.ground import UNLIMITED, Ground, ground, modori
from tests.benchmarks.visiting import (
    Crowd,
    Failing,
    Shop,
    Standing,
    Visitor,
    failing_front,
    read_standing,
    settled,
)
from tests.world import NOW, make_tenant

VISITORS: Final = 1_000
AT_ONCE: Final = 8
FAILING_SHARE: Final = 0.3
ARRIVED: Final = 0.995
ARRIVED_AFTER_NEXT_VISIT: Final = 0.99
"""At least so many of the last states (issue 3)."""


def measure(ready: Ground, visitors: int = VISITORS) -> None:
    """Visit twice as many as `visitors`, count what stands in the database, and say it."""
    say()
    say(f"Visits that end by closing the tab: {visitors:,} each, {AT_ONCE} at once, browser and server on this machine")
    for share in (0.0, FAILING_SHARE):
        failing = Failing(share)
        crowd, standing = _visits(ready, failing, [Visitor(number) for number in range(visitors)])
        arrived = len(standing.last_states) / visitors
        if share:
            total = failing.failed + failing.passed
            say_row("requests to the server, of which failed", f"{total:,}, {failing.failed / total:.1%}", "")
            say_row("last states after the next visit", f"{arrived:.2%}", f"(at least {ARRIVED_AFTER_NEXT_VISIT:.1%})")
        else:
            say_row("last states", f"{arrived:.2%}", f"(at least {ARRIVED:.1%})")
        missing = Counter(Visitor(number).doing for number in range(visitors) if number not in standing.last_states)
        for doing, count in missing.items():
            say_row(f"  missing of who {doing}", count, "")
        say_row("visitors whose browser heard in time that it may", f"{crowd.permitted:,}", "")
        say_row("events stored, of which twice", f"{standing.events:,}, {standing.events - standing.distinct}", "")
        assert standing.events == standing.distinct, standing
        assert arrived >= (ARRIVED_AFTER_NEXT_VISIT if share else ARRIVED), (share, arrived)


def _visits(ready: Ground, failing: Failing, visitors: list[Visitor]) -> tuple[Crowd, Standing]:
    shop = Shop()
    place = ready.place()
    with shop.open():
        site = make_tenant(f"visits{failing.share:.0%}".rstrip("%"), now=NOW, **UNLIMITED | {"origins": [shop.url]})
        with (
            ready.processes(place, {"web": modori("web")}, site=site) as running,
            failing_front(running.web_port, failing) as front_url,
        ):
            shop.install(sdk_host=front_url if failing.share else running.web_url, site_key=site.site_key)
            crowd = Crowd(shop, AT_ONCE)
            crowd.visit(visitors, come_again=failing.share > 0)
            return crowd, settled(lambda: read_standing(site, visitors), within_s=60)


if __name__ == "__main__":
    with ground() as only:
        measure(only, int(sys.argv[1]) if len(sys.argv) > 1 else VISITORS)
