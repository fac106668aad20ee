"""A promise becomes work, and work has its effect once, whatever dies in between (G6)."""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import psycopg
import pytest
from sqlalchemy import text
from sqlmodel import Session
from structlog.testing import capture_logs

from modori.background import relay, work
from modori.kernel.errors import Conflict
from modori.kernel.ids import TenantId, new_id
from modori.reports.agency.queries import list_audit
from modori.storage import db, outbox, queries
from modori.storage.roles import DatabaseUrls
from modori.tenants.audit import record_audit
from tests.conftest import Cluster
from tests.drain import drain
from tests.world import World, connect, make_world

Ref = tuple[str, str, str]


@pytest.fixture
def topic() -> str:
    """A topic of this test's own: other tests' promises lie in the same database."""
    return f"test.{new_id()}"


def promise(world: World, topic: str, *, tenant_id: TenantId | None = None, key: str = "once") -> None:
    tenant_id = tenant_id or world.acme.tenant_id
    with db.tenant_transaction(tenant_id) as session:
        outbox.promise(session, topic, key=f"{topic}:{key}", at=world.now, tenant_id=tenant_id, thing_id="7")


def relayed(topic: str, *subscribers: str) -> list[Ref]:
    told: list[Ref] = []
    for _ in range(3):
        relay.relay_once({topic: subscribers}, tell=lambda *ref: told.append(ref))
    return told


def effect(world: World, action: str = "did") -> Callable[[Session, dict[str, Any], datetime], None]:
    """An effect that can be seen: an audit entry."""

    def do(session: Session, payload: dict[str, Any], now: datetime) -> None:
        record_audit(
            session,
            tenant_id=world.acme.tenant_id,
            user_id=None,
            action=action,
            subject_kind="thing",
            subject_id=payload["thing_id"],
            now=now,
        )

    return do


def effects(world: World) -> list[str]:
    with db.read_transaction([world.acme.tenant_id]) as session:
        rows = list_audit(session, tenant_ids=[world.acme.tenant_id], after=None, limit=50)
    return [one.action for one in rows]


def row(ref: Ref) -> tuple[str, int, str | None]:
    with db.tenant_transaction(TenantId(UUID(ref[1]))) as session:
        found = session.connection().execute(
            text("select state, claims, last_error from work where work_id = :id"), {"id": ref[2]}
        )
        state, claims, error = found.one()
        return state, claims, error


def let_lease_run_out(world: World, ref: Ref) -> None:
    with db.tenant_transaction(world.acme.tenant_id) as session:
        session.connection().execute(
            text("update work set claimed_at = claimed_at - interval '1 minute' where work_id = :id"), {"id": ref[2]}
        )


def test_each_subscriber_of_a_topic_gets_work_of_its_own(world: World, topic: str) -> None:
    promise(world, topic)
    promise(world, topic)  # the same key: it was promised already
    promise(world, topic, tenant_id=world.stranger.tenant_id)
    told = relayed(topic, "first", "second")
    assert sorted((name, tenant) for name, tenant, _ in told) == sorted(
        (name, str(tenant.tenant_id)) for name in ("first", "second") for tenant in (world.acme, world.stranger)
    )
    assert relayed(topic, "first", "second") == []


def test_an_effect_happens_once_however_often_it_is_hinted(world: World, topic: str) -> None:
    promise(world, topic)
    [ref] = relayed(topic, "job")
    for _ in range(3):
        work.run(ref[1], ref[2], effect(world))
    assert effects(world) == ["did"]
    assert row(ref) == ("done", 1, None)


def test_g7_a_job_cannot_take_a_strangers_work(world: World, topic: str) -> None:
    promise(world, topic)
    [ref] = relayed(topic, "job")
    work.run(str(world.stranger.tenant_id), ref[2], effect(world))
    assert effects(world) == []
    assert row(ref)[0] == "waiting"


def test_a_failure_leaves_no_effect_and_is_tried_again(world: World, topic: str) -> None:
    promise(world, topic)
    [ref] = relayed(topic, "job")
    seen = effect(world)

    def fails(session: Session, payload: dict[str, Any], now: datetime) -> None:
        seen(session, payload, now)
        session.flush()
        raise Conflict("taro@example.jp said so")

    work.run(ref[1], ref[2], fails)
    assert effects(world) == []
    state, claims, error = row(ref)
    assert (state, claims) == ("waiting", 1)
    assert error is not None
    assert error.startswith("Conflict [conflict]")
    assert "taro" not in error, "an error's own words may hold personal data"
    let_lease_run_out(world, ref)
    work.run(ref[1], ref[2], seen)
    assert effects(world) == ["did"]


def test_work_that_never_ends_well_is_quarantined(world: World, topic: str) -> None:
    promise(world, topic)
    [ref] = relayed(topic, "job")
    tries = 0

    def fails(session: Session, payload: dict[str, Any], now: datetime) -> None:
        nonlocal tries
        tries += 1
        raise ValueError

    for _ in range(6):
        work.run(ref[1], ref[2], fails)
        let_lease_run_out(world, ref)
    assert tries == work.MOST_CLAIMS
    assert row(ref)[0] == "quarantined"

    [listed] = [one for one in relay.list_quarantined() if str(one.work_id) == ref[2]]
    assert (listed.subscriber, str(listed.tenant_id)) == ("job", ref[1])
    assert listed.error.startswith("ValueError")
    relay.list_quarantined(and_retry=True)
    assert str(listed.work_id) not in [str(one.work_id) for one in relay.list_quarantined()]
    told: list[Ref] = []
    while relay.sweep_once(tell=lambda *one: told.append(one)):
        pass
    assert ref in told
    work.run(ref[1], ref[2], effect(world))
    assert effects(world) == ["did"]


def test_a_claim_that_another_took_over_rolls_its_effect_back(world: World, topic: str) -> None:
    promise(world, topic)
    [ref] = relayed(topic, "job")
    seen = effect(world, "late")

    def is_slow(session: Session, payload: dict[str, Any], now: datetime) -> None:
        seen(session, payload, now)
        let_lease_run_out(world, ref)
        work.run(ref[1], ref[2], effect(world, "in time"))

    work.run(ref[1], ref[2], is_slow)
    assert effects(world) == ["in time"]
    assert row(ref) == ("done", 2, None)


def test_an_effect_outside_runs_without_a_transaction(world: World, topic: str) -> None:
    promise(world, topic)
    [ref] = relayed(topic, "job")
    seen: list[tuple[str, bool]] = []
    for _ in range(2):
        work.run_outside(ref[1], ref[2], lambda payload, now: seen.append((payload["thing_id"], db.in_transaction())))
    assert seen == [("7", False)]
    assert row(ref)[0] == "done"


def test_the_sweep_hints_again_what_was_hinted_ten_seconds_ago(world: World, topic: str) -> None:
    promise(world, topic)
    [ref] = relayed(topic, "job")

    def swept() -> list[str]:
        told: list[Ref] = []
        while relay.sweep_once(tell=lambda *one: told.append(one)):
            pass
        return [work_id for _, _, work_id in told]

    swept()
    assert ref[2] not in swept()
    with db.tenant_transaction(world.acme.tenant_id) as session:
        session.connection().execute(
            text("update work set hinted_at = now() - interval '11 s' where work_id = :id"), {"id": ref[2]}
        )
    assert ref[2] in swept()
    assert ref[2] not in swept(), "a hint holds for another ten seconds"
    work.run(ref[1], ref[2], effect(world))
    assert ref[2] not in swept()


def test_a_rolled_back_change_promises_nothing(world: World, topic: str) -> None:
    def changes_its_mind() -> None:
        with db.tenant_transaction(world.acme.tenant_id) as session:
            outbox.promise(session, topic, key=topic, at=world.now, tenant_id=world.acme.tenant_id)
            raise Conflict

    with pytest.raises(Conflict):
        changes_its_mind()
    assert relayed(topic, "job") == []


@pytest.fixture
def closing(
    fresh_database: DatabaseUrls, database_urls: DatabaseUrls, engines: Cluster
) -> Iterator[Callable[[bool], None]]:
    """A database of the test's own, and a way to close it to everybody and to open it again."""
    name = urlsplit(fresh_database.app).path.strip("/")

    def close(closed: bool) -> None:
        with psycopg.connect(engines.superuser_url, autocommit=True) as superuser:
            superuser.execute(f"alter database {name} allow_connections {not closed}")
            if closed:
                ends = "select pg_terminate_backend(pid, 60000) from pg_stat_activity where datname = %s"
                superuser.execute(ends, (name,))

    connect(fresh_database)
    yield close
    connect(database_urls)


def test_g6_work_that_loses_its_database_says_so_and_is_left_to_the_sweep(
    closing: Callable[[bool], None], topic: str
) -> None:
    world = make_world()
    promise(world, topic)
    [ref] = relayed(topic, "job")

    def fails(session: Session, payload: dict[str, Any], now: datetime) -> None:
        closing(True)
        raise Conflict

    with capture_logs() as said:
        work.run(ref[1], ref[2], fails)
        work.run(ref[1], ref[2], effect(world))  # nor can it be claimed
    assert [line["event"] for line in said] == ["work.failed", "work.database_away", "work.database_away"]
    closing(False)
    assert row(ref) == ("waiting", 1, None)
    let_lease_run_out(world, ref)
    work.run(ref[1], ref[2], effect(world))
    assert effects(world) == ["did"]


def test_finished_work_is_forgotten_after_a_while(world: World, topic: str) -> None:
    promise(world, topic)
    [ref] = relayed(topic, "job")
    work.run(ref[1], ref[2], effect(world))
    relay.forget_finished(older_than_days=7)
    assert row(ref)[0] == "done"
    with db.tenant_transaction(world.acme.tenant_id) as session:
        session.connection().execute(
            text("update work set done_at = now() - interval '8 days' where work_id = :id"), {"id": ref[2]}
        )
    assert relay.forget_finished(older_than_days=7) >= 1
    with db.tenant_transaction(world.acme.tenant_id) as session:
        assert (
            queries.claim_work(session, tenant_id=world.acme.tenant_id, work_id=UUID(ref[2]), lease_s=8, most_claims=3)
            is None
        )


def test_drain_runs_what_follows_what_follows(world: World, topic: str) -> None:
    second = f"{topic}.second"
    acme = world.acme.tenant_id

    def first_job(tenant_id: str, work_id: str) -> None:
        work.run(
            tenant_id,
            work_id,
            lambda session, payload, now: outbox.promise(
                session, second, key=second, at=now, tenant_id=acme, thing_id=payload["thing_id"]
            ),
        )

    def second_job(tenant_id: str, work_id: str) -> None:
        work.run(tenant_id, work_id, effect(world))

    promise(world, topic)
    ran = drain([acme], subscribers={topic: ["one"], second: ["two"]}, jobs={"one": first_job, "two": second_job})
    assert ran == ["one", "two"]
    assert effects(world) == ["did"]
