"""What every test stands on: real engines for the session, a migrated database for each worker, and no foreign socket.

The pytest that a person started runs the engines and ends them; xdist's workers are told the URLs. Each worker works
in a database of its own, cloned from one that the first to need it has migrated.
"""

import json
import os
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from itertools import count
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql

from modori.sandbox.engine_folders import EnginesInUse, engines_folder
from modori.sandbox.engines import Engines
from modori.storage.roles import DatabaseUrls, RolePasswords, provision
from tests import network_guard
from tests.lanes import lay_out

network_guard.install()

pytest_plugins = ["tests.world"]

TEMPLATE = "modori_template"
_MIGRATING = 7_001  # the advisory lock that the template's maker holds
_CLUSTER = pytest.StashKey["Cluster"]()
_ENGINES = pytest.StashKey[Engines]()


@dataclass(frozen=True)
class Cluster:
    """The session's engines as a test or an xdist worker sees them."""

    superuser_url: str
    redis_url: str
    passwords: RolePasswords


def _start(config: pytest.Config) -> Cluster:
    folder = engines_folder(f"tests-{os.getpid()}")
    _clear_what_killed_sessions_left()
    engines = Engines(folder, durable=False)
    engines.start()
    config.stash[_ENGINES] = engines
    return Cluster(engines.superuser_url, engines.redis_url, RolePasswords.generate())


def _migrate(owner_url: str) -> None:
    from modori.entrypoints import migrate  # here, so that tests without a database do not load every room

    migrate.upgrade(owner_url)


def _clear_what_killed_sessions_left() -> None:
    for old in engines_folder("x").parent.glob("tests-*"):
        if time.time() - old.stat().st_mtime < 60:  # perhaps just made, and not locked yet
            continue
        try:
            Engines(old, durable=False).discard_if_idle()
        except EnginesInUse:
            continue


class _TellWorkers:
    """Start the engines once, before the first xdist worker, and give each worker what it needs to reach them."""

    def pytest_configure_node(self, node: object) -> None:
        config: pytest.Config = node.config  # type: ignore[attr-defined]  # xdist ships no types
        if _CLUSTER not in config.stash:
            config.stash[_CLUSTER] = _start(config)
        cluster = config.stash[_CLUSTER]
        passwords = cluster.passwords
        told = [cluster.superuser_url, cluster.redis_url, passwords.owner, passwords.app, passwords.scan]
        node.workerinput["modori_cluster"] = json.dumps(told)  # type: ignore[attr-defined]


def pytest_configure(config: pytest.Config) -> None:
    if hasattr(config, "workerinput"):
        superuser_url, redis_url, *passwords = json.loads(config.workerinput["modori_cluster"])
        config.stash[_CLUSTER] = Cluster(superuser_url, redis_url, RolePasswords(*passwords))
    elif config.pluginmanager.hasplugin("xdist"):
        config.pluginmanager.register(_TellWorkers())


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Lay the tests out for several workers; each works out the same order."""
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    files = [item.path.relative_to(config.rootpath).as_posix() for item in items]
    items[:] = [items[place] for place in lay_out(files, workers)]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """In CI a skipped test is a failed one: what did not run has shown nothing."""
    report = yield
    if report.skipped and os.environ.get("CI") == "true" and not hasattr(report, "wasxfail"):
        report.outcome, report.longrepr = "failed", f"skipped, which CI does not accept: {report.longrepr}"
    return report


def pytest_unconfigure(config: pytest.Config) -> None:
    if _ENGINES in config.stash:
        config.stash[_ENGINES].discard()


@pytest.fixture(scope="session")
def engines(pytestconfig: pytest.Config) -> Cluster:
    """The session's PostgreSQL and Valkey. A test that wants to break an engine starts its own (`own_engines`)."""
    if _CLUSTER not in pytestconfig.stash:
        pytestconfig.stash[_CLUSTER] = _start(pytestconfig)
    return pytestconfig.stash[_CLUSTER]


@pytest.fixture(scope="module")
def own_engines() -> Iterator[Engines]:
    """A PostgreSQL and a Valkey of this module's own, to be killed and wiped at will; fsync is off."""
    running = Engines(engines_folder(f"tests-{os.getpid()}-{uuid4().hex[:8]}"), durable=False)
    running.start()
    yield running
    running.discard()


@pytest.fixture(scope="session")
def template_database(engines: Cluster) -> str:
    """The name of a migrated, empty database. The first worker to ask makes it; the others wait for it."""
    with psycopg.connect(engines.superuser_url, autocommit=True) as cluster:
        cluster.execute("select pg_advisory_lock(%s)", (_MIGRATING,))
        if not cluster.execute("select 1 from pg_database where datname = %s", (TEMPLATE,)).fetchone():
            unfinished = f"{TEMPLATE}_unfinished"
            cluster.execute(sql.SQL("drop database if exists {}").format(sql.Identifier(unfinished)))
            _migrate(provision(engines.superuser_url, database=unfinished, passwords=engines.passwords).owner)
            rename = sql.SQL("alter database {} rename to {}")
            cluster.execute(rename.format(sql.Identifier(unfinished), sql.Identifier(TEMPLATE)))
    return TEMPLATE


@pytest.fixture(scope="session")
def clone_database(engines: Cluster, template_database: str) -> Callable[[], DatabaseUrls]:
    """Make one more empty, migrated database (about 0.1 s); all are gone when the session ends."""
    worker, numbers = os.environ.get("PYTEST_XDIST_WORKER", "main"), count()

    def clone() -> DatabaseUrls:
        name = f"modori_{worker}_{next(numbers)}"
        return provision(engines.superuser_url, database=name, passwords=engines.passwords, template=template_database)

    return clone


@pytest.fixture(scope="session")
def database_urls(clone_database: Callable[[], DatabaseUrls]) -> DatabaseUrls:
    """This worker's own database, shared by its tests: they keep apart by tenants of their own."""
    return clone_database()


@pytest.fixture
def fresh_database(clone_database: Callable[[], DatabaseUrls]) -> DatabaseUrls:
    """An empty, migrated database for this test alone."""
    return clone_database()


@pytest.fixture(autouse=True)
def _no_foreign_sockets() -> Iterator[None]:
    network_guard.take_trespasses()
    yield
    seen = network_guard.take_trespasses()
    if seen:
        pytest.fail("; ".join(seen))
