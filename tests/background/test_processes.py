"""`modori scheduler` and `modori worker` as processes, while their engines die and come back (G6)."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import psycopg
import pytest

from modori.entrypoints import migrate
from modori.kernel.ids import new_id
from modori.sandbox.engines import Engines
from modori.sandbox.ports import choose_port
from modori.storage.roles import DatabaseUrls, RolePasswords, provision
from tests.world import KEY_SETTINGS

WITHIN_S = 120.0
"""A bound, not a measure: on a busy machine a process needs half a minute to begin."""


@pytest.fixture(scope="module")
def urls(own_engines: Engines) -> DatabaseUrls:
    made = provision(own_engines.superuser_url, database="processes", passwords=RolePasswords.generate())
    migrate.upgrade(made.owner)
    return made


@contextmanager
def modori(
    command: str, urls: DatabaseUrls, engines: Engines, log: Path, **settings: str
) -> Iterator["subprocess.Popen[bytes]"]:
    """One process of ours, asked to stop at the end: it must, and well."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("MODORI_")}
    told = (
        inherited
        | dict(KEY_SETTINGS)
        | {
            "MODORI_ENV": "development",
            "MODORI_DATABASE_URL": urls.app,
            "MODORI_SCAN_DATABASE_URL": urls.scan,
            "MODORI_REDIS_URL": engines.redis_url,
        }
        | settings
    )
    with log.open("wb") as written:
        process = subprocess.Popen(
            [sys.executable, "-m", "modori.entrypoints.cli", command], env=told, stdout=written, stderr=written
        )
    try:
        yield process
        assert process.poll() is None, log.read_text()[-3000:]
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0, log.read_text()[-3000:]
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def promise(urls: DatabaseUrls) -> str:
    """Promise news of an order that there is not: its jobs fail, which shows that a worker took them up."""
    tenant_id, promise_id = new_id(), new_id()
    with psycopg.connect(urls.owner) as owner:
        owner.execute(
            "insert into promise (tenant_id, promise_id, topic, key, payload, promised_at)"
            " values (%s, %s, 'order.proven', %s, %s, now())",
            (tenant_id, promise_id, str(promise_id), f'{{"order_id": "{new_id()}"}}'),
        )
    return str(promise_id)


def took_up(urls: DatabaseUrls, promise_id: str) -> Callable[[], bool]:
    def look() -> bool:
        try:
            with psycopg.connect(urls.owner, connect_timeout=30) as owner:
                claims = owner.execute("select claims from work where promise_id = %s", (promise_id,)).fetchall()
        except psycopg.OperationalError:
            return False
        return bool(claims) and all(count >= 1 for (count,) in claims)

    return look


def comes_true(condition: Callable[[], bool], *, within_s: float = WITHIN_S) -> bool:
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.1)
    return False


def test_g6_scheduler_and_worker_outlive_their_engines(
    own_engines: Engines, urls: DatabaseUrls, tmp_path: Path
) -> None:
    logs = {name: tmp_path / f"{name}.log" for name in ("worker", "scheduler", "second scheduler")}

    def said() -> str:
        return "\n".join(f"--- {name}\n{log.read_text()[-3000:]}" for name, log in logs.items() if log.exists())

    with ExitStack() as processes:
        for name, log in logs.items():
            processes.enter_context(modori(name.split()[-1], urls, own_engines, log))
        assert comes_true(took_up(urls, promise(urls))), said()

        own_engines.wipe_valkey(restart=True)
        assert comes_true(took_up(urls, promise(urls))), said()

        own_engines.restart_postgres(abruptly=True)
        assert comes_true(took_up(urls, promise(urls))), said()

        with psycopg.connect(urls.owner) as owner:
            ran = {name for (name,) in owner.execute("select name from scheduled_run").fetchall()}
        assert {"relay", "sweep", "due touches"} <= ran
    for log in logs.values():
        assert "Traceback" not in log.read_text(), said()


def test_the_web_process_says_when_it_cannot_serve_and_comes_back(
    own_engines: Engines, urls: DatabaseUrls, tmp_path: Path
) -> None:
    base, log = f"http://127.0.0.1:{(port := choose_port(None))}", tmp_path / "web.log"

    def is_ready() -> bool:
        try:
            return bool(httpx.get(f"{base}/readyz", timeout=30).json()["status"] == "ready")
        except httpx.HTTPError:
            return False

    with modori("web", urls, own_engines, log, MODORI_PORT=str(port)):
        assert comes_true(is_ready), log.read_text()[-3000:]
        assert httpx.get(f"{base}/console", timeout=30).headers["location"].startswith("/console/login")
        own_engines.restart_postgres(abruptly=True)
        own_engines.wipe_valkey(restart=True)
        assert comes_true(is_ready), log.read_text()[-3000:]
        assert httpx.get(f"{base}/healthz", timeout=30).text == "ok"
        with psycopg.connect(urls.owner) as owner:
            owner.execute("update alembic_version set version_num = '0000'")
        stale = httpx.get(f"{base}/readyz", timeout=30)
        with psycopg.connect(urls.owner) as owner:
            owner.execute("update alembic_version set version_num = %s", (migrate.newest_revision(),))
    assert stale.status_code == 503
    assert "schema is 0000" in stale.json()["checks"]["postgresql"]


def test_a_web_process_that_begins_before_its_database_is_migrated_serves_once_it_is(
    own_engines: Engines, urls: DatabaseUrls, tmp_path: Path
) -> None:
    with psycopg.connect(own_engines.superuser_url, autocommit=True) as superuser:
        superuser.execute("create database later owner modori_owner")
    later = DatabaseUrls(*(url.replace("/processes", "/later") for url in (urls.owner, urls.app, urls.scan)))
    base, log = f"http://127.0.0.1:{(port := choose_port(None))}", tmp_path / "web.log"

    def says(status: int) -> Callable[[], bool]:
        def look() -> bool:
            try:
                return httpx.get(f"{base}/readyz", timeout=30).status_code == status
            except httpx.HTTPError:
                return False

        return look

    with modori("web", later, own_engines, log, MODORI_PORT=str(port)) as process:
        assert comes_true(lambda: process.poll() is not None or says(503)())
        assert "prices.unread" in log.read_text(), log.read_text()[-3000:]
        migrate.upgrade(later.owner)
        assert comes_true(says(200)), log.read_text()[-3000:]
