"""Engines that are durable, keep commit timestamps, and may be broken; a migrated database for each scenario."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from modori.entrypoints import migrate
from modori.sandbox.engine_folders import engines_folder
from modori.sandbox.engines import Engines
from modori.storage.roles import DatabaseUrls, RolePasswords, provision
from tests.chaos.house import Nursery


@dataclass(frozen=True)
class Ground:
    """The engines under a scenario. `superuser_url` may read every row and every commit's timestamp."""

    engines: Engines
    urls: DatabaseUrls
    superuser_url: str
    redis_url: str


@pytest.fixture(scope="session")
def chaos_engines() -> Iterator[Engines]:
    """As in production: fsync on, so that a killed PostgreSQL keeps what it has acknowledged."""
    running = Engines(engines_folder(f"tests-{os.getpid()}-{uuid4().hex[:8]}"), durable=True)
    try:
        running.start()
        with psycopg.connect(running.superuser_url, autocommit=True) as connection:
            connection.execute("alter system set track_commit_timestamp = on")
        running.restart_postgres(abruptly=False)
        yield running
    finally:
        running.discard()


@pytest.fixture(scope="session")
def make_ground(chaos_engines: Engines) -> Callable[[], Ground]:
    """Make an empty, migrated database and an empty Valkey."""
    passwords, template, numbers = RolePasswords.generate(), "chaos_template", count()
    owner = provision(chaos_engines.superuser_url, database=template, passwords=passwords).owner
    migrate.upgrade(owner)

    def make() -> Ground:
        name = f"chaos_{next(numbers)}"
        chaos_engines.wipe_valkey()
        superuser = chaos_engines.superuser_url
        urls = provision(superuser, database=name, passwords=passwords, template=template)
        return Ground(chaos_engines, urls, superuser.rpartition("/")[0] + f"/{name}", chaos_engines.redis_url)

    return make


@pytest.fixture
def ground(make_ground: Callable[[], Ground]) -> Ground:
    return make_ground()


@pytest.fixture(scope="session")
def nursery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nursery]:
    """One for all scenarios: the product is imported once."""
    started = Nursery(Path(tmp_path_factory.mktemp("nursery")) / "nursery.log")
    yield started
    started.close()
