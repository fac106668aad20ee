"""Real Valkey between the relay and a worker, and what happens when it is wiped or away (G6)."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import dramatiq
import pytest
from dramatiq import Worker
from sqlalchemy import text

from modori.background import hints, relay, work
from modori.background.broker import Actor, make_broker, register
from modori.kernel.ids import new_id
from modori.sandbox.engines import Engines
from modori.storage import db, outbox
from tests.conftest import Cluster
from tests.world import World


@contextmanager
def messenger(redis_url: str, **jobs: Callable[..., None]) -> Iterator[dramatiq.Broker]:
    """A broker with these actors, as hints' own, and a worker on it."""
    broker = make_broker(redis_url)
    register(broker, [Actor(run, name) for name, run in jobs.items()])
    worker = Worker(broker, worker_timeout=50, worker_threads=2)
    hints.configure(broker)
    worker.start()
    try:
        yield broker
    finally:
        hints.configure(None)
        worker.stop(timeout=60_000)
        broker.close()


def wait_for(condition: Callable[[], bool], *, within_s: float = 60.0) -> bool:
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.02)
    return False


def test_a_hint_reaches_a_worker(engines: Cluster) -> None:
    came: list[tuple[object, ...]] = []
    name = f"job_{new_id().hex}"
    with messenger(engines.redis_url, **{name: lambda *args: came.append(args)}):
        assert hints.hint(name, "tenant", ["a", "b"])
        assert wait_for(lambda: came == [("tenant", ["a", "b"])])


def test_a_message_is_tried_once(engines: Cluster) -> None:
    tries: list[str] = []
    name = f"job_{new_id().hex}"

    def fails(which: str) -> None:
        tries.append(which)
        if which == "bad":
            raise ValueError

    with messenger(engines.redis_url, **{name: fails}) as broker:
        hints.hint(name, "bad")
        assert wait_for(lambda: tries == ["bad"])
        hints.hint(name, "good")
        assert wait_for(lambda: tries == ["bad", "good"])
        broker.join("default", timeout=60_000)
        assert tries == ["bad", "good"]


def test_g6_work_whose_hint_was_wiped_is_done_after_a_sweep(world: World, own_engines: Engines) -> None:
    topic = f"test.{new_id()}"
    acme = world.acme.tenant_id
    done = threading.Event()

    def job(tenant_id: str, work_id: str) -> None:
        work.run(tenant_id, work_id, lambda session, payload, now: done.set())

    with db.tenant_transaction(acme) as session:
        outbox.promise(session, topic, key=topic, at=world.now, tenant_id=acme)
    broker = make_broker(own_engines.redis_url)
    register(broker, [Actor(job, "job")])
    hints.configure(broker)
    for _ in range(3):
        relay.relay_once({topic: ["job"]})
    own_engines.wipe_valkey(restart=True)
    with messenger(own_engines.redis_url, job=job):
        assert not done.wait(0.5), "the hint was lost"
        with db.tenant_transaction(acme) as session:
            session.connection().execute(text("update work set hinted_at = now() - interval '11 s'"))
        ours = lambda name, *ids: hints.hint(name, *ids) if name == "job" else None  # noqa: E731  # not other tests' work
        while relay.sweep_once(tell=ours):
            pass
        assert done.wait(60)


def test_g6_a_wipe_while_a_worker_runs_stops_nothing(own_engines: Engines) -> None:
    came: list[str] = []
    with messenger(own_engines.redis_url, job=came.append):
        assert hints.hint("job", "before")
        assert wait_for(lambda: came == ["before"])
        own_engines.wipe_valkey()
        assert hints.hint("job", "after")
        assert wait_for(lambda: came == ["before", "after"])


def test_a_hint_without_a_server_is_lost_at_once() -> None:
    broker = make_broker("redis://127.0.0.1:1/0")
    register(broker, [Actor(print, "job")])
    hints.configure(broker)
    try:
        started = time.monotonic()
        assert [hints.hint("job", str(number)) for number in range(50)] == [False] * 50
        assert time.monotonic() - started < 10.0, "a missing server slows nobody down"
    finally:
        hints.configure(None)


def test_a_name_that_wiring_does_not_know_is_a_mistake(engines: Cluster) -> None:
    with messenger(engines.redis_url), pytest.raises(dramatiq.ActorNotFound):
        hints.hint("nobody")
