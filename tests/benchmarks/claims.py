"""Touches claimed per second while a million are pending, by the scheduler's own scan and figures.

python -m tests.benchmarks.claims
"""

from collections import Counter
from collections.abc import Sequence
from time import perf_counter
from typing import Any, Final
from uuid import UUID

import psycopg
from sqlalchemy import event

from modori.sending import scans
from modori.storage import db
from tests.benchmarks.figures import percentile, say, say_row, spread
from tests.benchmarks.ground import Ground, Place, ground, make_site
from tests.benchmarks.seeding import analyse, load_leads, load_touches, loading

TENANTS: Final = 20
GIANT: Final = 810_000
"""Due touches of the first client."""
OTHERS: Final = 10_000
"""Due touches of each of the others."""
EACH: Final = 100
"""Touches of one lead: the leads themselves are not what is measured."""
SECONDS: Final = 5.0
REPEATS: Final = 3

_PARTIAL_INDEX: Final = "touch_due"
_BEGUN: Final = "update touch set state = 'sent', claimed_at = null where state = 'claimed'"


def measure(ready: Ground) -> None:
    """Claim, hand over, claim again. raises AssertionError where the plan leaves the partial index"""
    place = ready.place()
    sites = [make_site(f"claims{number:02d}") for number in range(TENANTS)]
    with loading(place) as connection:
        for number, site in enumerate(sites):
            load_leads(connection, site, (GIANT if number == 0 else OTHERS) // EACH)
            load_touches(connection, each=EACH, channel="sms", state="planned")
    analyse(place)
    pending = _count_pending(place)
    statements: list[tuple[str, Any]] = []

    def note(_conn: object, _cursor: object, statement: str, parameters: Any, *_: object) -> None:
        statements.append((statement, parameters))

    event.listen(db.database().scan, "before_cursor_execute", note)
    per_s, rounds_s, first = [], [], Counter[UUID]()
    with psycopg.connect(place.superuser_url, autocommit=True) as worker:
        _round(worker, Counter())
        for _ in range(REPEATS):
            claimed, took_s = 0, 0.0
            while took_s < SECONDS / REPEATS:
                seen: Counter[UUID] = Counter()
                one_s = _round(worker, seen)
                claimed += seen.total()
                took_s += one_s
                rounds_s.append(one_s)
                first = first or seen
            per_s.append(claimed / took_s)
        claim = next(one for one in statements if "skip locked" in one[0] and "update touch" in one[0])
        plan = _explain(place, *claim)
    sleep_s = _time_next_due()
    say()
    say(f"Claims: {pending:,} pending, {TENANTS} clients, {GIANT:,} of them one client's; median of {REPEATS}")
    say_row("touches claimed", spread(per_s), "a second")
    say_row(f"one round of at most {scans.MOST_CLAIMED:,}, p50", f"{percentile(rounds_s, 0.5) * 1000:.1f}", "ms")
    say_row("  p99", f"{percentile(rounds_s, 0.99) * 1000:.1f}", "ms")
    say_row("clients in the first round, smallest and largest share", _shares(first), "touches")
    say_row("looking when the next one is due", f"{sleep_s * 1000:.1f}", "ms")
    for line in plan:
        say(f"    {line}")
    assert any(f"using {_PARTIAL_INDEX} " in line for line in plan), plan
    assert not any("Seq Scan on touch" in line for line in plan), plan


def _round(worker: "psycopg.Connection[Any]", seen: Counter[UUID]) -> float:
    """Claim as the scheduler does; then let a stand-in for the workers begin all of it. Returns the claim's seconds."""

    def tell(tenant_id: str, touch_ids: Sequence[str]) -> None:
        seen[UUID(tenant_id)] += len(touch_ids)

    started = perf_counter()
    scans.claim_due(tell)
    took_s = perf_counter() - started
    worker.execute(_BEGUN)
    return took_s


def _time_next_due() -> float:
    started = perf_counter()
    scans.next_due_at()
    return perf_counter() - started


def _explain(place: Place, statement: str, parameters: Any) -> list[str]:
    """Explain the very statement that the scan has sent, as the scan role; nothing of it is kept."""
    with psycopg.connect(place.urls.scan) as connection:
        rows = connection.execute(f"explain (costs off) {statement}", parameters)
        return [str(row[0]) for row in rows]


def _shares(first: Counter[UUID]) -> str:
    return f"{len(first)}: {min(first.values())} … {max(first.values())}"


def _count_pending(place: Place) -> int:
    with psycopg.connect(place.superuser_url) as connection:
        row = connection.execute("select count(*) from touch where state = 'planned'").fetchone()
    assert row is not None
    return int(row[0])


if __name__ == "__main__":
    with ground() as only:
        measure(only)
