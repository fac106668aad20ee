"""G7: the processes themselves end at once, and say why, where their log-in is not bound by row security."""

import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import psycopg
import pytest

from modori.storage.roles import DatabaseUrls
from tests.conftest import Cluster
from tests.world import KEY_SETTINGS

WITHIN_S = 90.0
"""Generous: the machine may be busy with other tests."""
PASSWORD = "never-to-be-shown"


@pytest.fixture(scope="module")
def unsafe_urls(engines: Cluster, database_urls: DatabaseUrls) -> Iterator[dict[str, str]]:
    """Why a log-in is refused → its URL on this worker's database."""
    database = urlsplit(database_urls.app).path.strip("/")
    superuser = urlsplit(engines.superuser_url)._replace(path=f"/{database}").geturl()
    host = urlsplit(database_urls.app).netloc.rpartition("@")[2]
    bypassing, owning = f"bypassing_{database}", f"owning_{database}"
    with psycopg.connect(superuser, autocommit=True) as admin:
        for name, attributes in ((bypassing, "bypassrls"), (owning, "")):
            admin.execute(f"create role {name} login password '{PASSWORD}' {attributes}")
            admin.execute(f"grant connect on database {database} to {name}")
        admin.execute("create schema guarded")
        admin.execute("create table guarded.mine (id int)")
        admin.execute(f"alter table guarded.mine owner to {owning}")

    def url(name: str) -> str:
        return urlsplit(database_urls.app)._replace(netloc=f"{name}:{PASSWORD}@{host}").geturl()

    yield {
        "postgres may not serve: it is a superuser": superuser,
        "modori_owner may not serve: it has BYPASSRLS": database_urls.owner,
        f"{bypassing} may not serve: it has BYPASSRLS": url(bypassing),
        f"{owning} may not serve: it owns the table guarded.mine": url(owning),
    }
    with psycopg.connect(superuser, autocommit=True) as admin:
        admin.execute("drop schema guarded cascade")
        for name in (bypassing, owning):
            admin.execute(f"drop owned by {name} cascade")
            admin.execute(f"drop role {name}")


def begin(command: str, *, app: str, scan: str, redis: str) -> "subprocess.Popen[str]":
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("MODORI_")}
    told = {
        "MODORI_ENV": "development",
        "MODORI_DATABASE_URL": app,
        "MODORI_SCAN_DATABASE_URL": scan,
        "MODORI_REDIS_URL": redis,
        "MODORI_PORT": "1",  # should it come so far after all, it serves nobody
    }
    return subprocess.Popen(
        [sys.executable, "-m", "modori.entrypoints.cli", command],
        env=inherited | dict(KEY_SETTINGS) | told,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def end_of(process: "subprocess.Popen[str]") -> tuple[int, str]:
    try:
        _, said = process.communicate(timeout=WITHIN_S)
        return process.returncode, said
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()


@pytest.mark.parametrize("command", ["web", "worker", "scheduler"])
def test_g7_no_process_serves_as_a_role_that_sees_every_client(
    command: str, unsafe_urls: dict[str, str], database_urls: DatabaseUrls, engines: Cluster
) -> None:
    reasons = list(unsafe_urls)
    for two in (reasons[:2], reasons[2:]):  # at once, and no more: a start is two seconds of computing
        with ThreadPoolExecutor(2) as threads:

            def refused(reason: str) -> tuple[int, str]:
                scan, redis = database_urls.scan, engines.redis_url
                return end_of(begin(command, app=unsafe_urls[reason], scan=scan, redis=redis))

            for reason, (status, said) in zip(two, threads.map(refused, two), strict=True):
                assert_refused(status, said, reason, unsafe_urls[reason])


def test_g7_claims_are_not_made_as_such_a_role_either(
    unsafe_urls: dict[str, str], database_urls: DatabaseUrls, engines: Cluster
) -> None:
    reason, unsafe = next(iter(unsafe_urls.items()))
    status, said = end_of(begin("scheduler", app=database_urls.app, scan=unsafe, redis=engines.redis_url))
    assert_refused(status, said, reason, unsafe)


def assert_refused(status: int, said: str, reason: str, url: str) -> None:
    assert status == 1, said
    assert reason in said
    assert "The database role is not bound by row security" in said
    assert "Traceback" not in said
    assert str(urlsplit(url).password) not in said
