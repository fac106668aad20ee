"""How long events are kept, wherever they lie: days by PostgreSQL's clock, in a database of the test's own."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, time, timedelta
from time import sleep
from uuid import UUID

import psycopg
import pytest

from modori.capture import queries, scans
from modori.kernel import clock
from modori.storage.db import scan_transaction
from modori.storage.roles import DatabaseUrls
from tests.captureworld import cart, new_visitor, take
from tests.world import TenantWorld, connect, make_tenant

DAY = timedelta(days=1)
KEPT_DAYS = 400
LONGEST_TEST_S = 60
DAYS_AHEAD = 7
"""As a new database has them."""


@pytest.fixture
def urls(clone_database: Callable[[], DatabaseUrls], database_urls: DatabaseUrls) -> Iterator[DatabaseUrls]:
    """Only this test's events lie in it. Whoever comes next gets the worker's own database again."""
    left_s = (today() + DAY - datetime.now(UTC)).total_seconds()
    if left_s < LONGEST_TEST_S:  # PostgreSQL's day must not end in the middle
        sleep(left_s)
    own = clone_database()
    connect(own)
    with scan_transaction() as session:  # the template may be yesterday's
        queries.make_event_partitions(session, days_ahead=DAYS_AHEAD)
    with psycopg.connect(own.owner) as owner:
        owner.execute(f"drop table if exists {partition(today() - 2 * DAY)}")
    yield own
    connect(database_urls)


@pytest.fixture
def acme(urls: DatabaseUrls) -> TenantWorld:
    return make_tenant("acme")


def today() -> datetime:
    """The first instant of the present day in UTC, by which partitions are cut."""
    return datetime.combine(datetime.now(UTC).date(), time(), UTC)


def receive(tenant: TenantWorld, at: datetime) -> UUID:
    """Have one event taken by a machine whose clock says `at`."""
    event = cart(tenant, visitor=new_visitor(), at=at)
    with clock.moved_to(at):
        take(tenant, [event], now=at)
    return UUID(event["id"])


def where(urls: DatabaseUrls) -> dict[UUID, str]:
    """Each stored event's partition."""
    with psycopg.connect(urls.owner) as connection:
        return dict(connection.execute("select event_id, tableoid::regclass::text from event").fetchall())


def partition(day: datetime) -> str:
    return f"event_{day:%Y%m%d}"


def test_what_no_partition_takes_goes_when_it_is_too_old_and_not_a_day_sooner(
    urls: DatabaseUrls, acme: TenantWorld
) -> None:
    first_kept = today() - KEPT_DAYS * DAY
    gone = receive(acme, first_kept - timedelta(microseconds=1))
    stay = [receive(acme, at) for at in (first_kept, today() - 200 * DAY)]
    assert set(where(urls).values()) == {"event_past"}
    assert scans.forget_past_events(KEPT_DAYS) == 1
    assert set(where(urls)) == set(stay)
    assert gone not in where(urls)
    assert scans.forget_past_events(KEPT_DAYS) == 0


def test_rows_among_younger_ones_go_a_round_at_a_time_oldest_first(urls: DatabaseUrls, acme: TenantWorld) -> None:
    oldest_first = [receive(acme, today() - (KEPT_DAYS + age) * DAY) for age in (5, 4, 3, 2, 1)]
    kept = receive(acme, today() - 10 * DAY)
    rounds = []
    while True:
        with scan_transaction() as session:
            removed = queries.delete_past_events(session, keep_days=KEPT_DAYS, most=2)
        if not removed:
            break
        rounds.append((removed, set(where(urls))))
    assert rounds == [
        (2, {*oldest_first[2:], kept}),
        (2, {*oldest_first[4:], kept}),
        (1, {kept}),
    ]


def test_where_all_are_too_old_they_go_at_once(urls: DatabaseUrls, acme: TenantWorld) -> None:
    for age in range(3):
        receive(acme, today() - (KEPT_DAYS + 1 + age) * DAY)
    present = receive(acme, datetime.now(UTC))
    with scan_transaction() as session:
        assert queries.delete_past_events(session, keep_days=KEPT_DAYS, most=1) == 1
    assert where(urls) == {present: partition(today())}


def test_a_long_reader_of_all_events_does_not_keep_old_ones_alive(urls: DatabaseUrls, acme: TenantWorld) -> None:
    """The partition cannot be emptied at once under the reader: rows go one by one."""
    receive(acme, today() - (KEPT_DAYS + 1) * DAY)
    with psycopg.connect(urls.owner) as reader:
        assert reader.execute("select count(*) from event").fetchone() == (1,)  # its lock lasts until the end
        assert scans.forget_past_events(KEPT_DAYS) == 1
    assert where(urls) == {}


def test_days_with_a_partition_are_dropped_whole_when_their_time_has_come(
    urls: DatabaseUrls, acme: TenantWorld
) -> None:
    old, kept = today() - 3 * DAY, today() - 2 * DAY
    with psycopg.connect(urls.owner) as owner:  # as if a scheduler had made them when they were to come
        for day in (old, kept):
            owner.execute(
                f"create table {partition(day)} partition of event for values from ('{day}') to ('{day + DAY}')"
            )
    receive(acme, old + DAY - timedelta(microseconds=1))
    last = receive(acme, kept)
    scans.keep_event_partitions(2)
    assert where(urls) == {last: partition(kept)}
    with psycopg.connect(urls.owner) as owner:
        assert owner.execute("select to_regclass(%s)", (partition(old),)).fetchone() == (None,)


def test_an_event_of_a_clock_that_is_fast_is_kept_and_hinders_no_other_day(
    urls: DatabaseUrls, acme: TenantWorld
) -> None:
    soon, far = receive(acme, today() + 3 * DAY), receive(acme, today() + 9 * DAY)
    assert where(urls) == {soon: partition(today() + 3 * DAY), far: "event_past"}
    with scan_transaction() as session:
        assert queries.make_event_partitions(session, days_ahead=10) == 2  # the days 8 and 10; 9 lies elsewhere
    later = receive(acme, today() + 9 * DAY + timedelta(hours=1))
    assert where(urls)[later] == "event_past"
    assert scans.forget_past_events(KEPT_DAYS) == 0
    assert set(where(urls)) == {soon, far, later}


def test_a_scheduler_whose_clock_is_wrong_forgets_nothing(urls: DatabaseUrls, acme: TenantWorld) -> None:
    kept = {receive(acme, today() - 100 * DAY), receive(acme, datetime.now(UTC))}
    with clock.moved_to(today() + 1000 * DAY):
        scans.keep_event_partitions(KEPT_DAYS)
        assert scans.forget_past_events(KEPT_DAYS) == 0
    assert set(where(urls)) == kept
