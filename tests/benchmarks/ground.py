"""The ground under every benchmark: durable engines, migrated databases, the product's real processes.

Everything is on the loopback, in a folder of its own, and gone afterwards.
"""

import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from types import FrameType
from typing import Final
from urllib.parse import urlsplit

import psutil
import psycopg

from modori.entrypoints import migrate
from modori.entrypoints.demo_supervisor import Program, Supervisor
from modori.sandbox.engine_folders import EnginesInUse, engines_folder, processes_in
from modori.sandbox.engines import Engines
from modori.sandbox.ports import choose_port
from modori.storage import db
from modori.storage.roles import DatabaseUrls, RolePasswords, provision
from modori.tenants.policy import ANY_TIME, CONSENT_CHANNELS
from tests import world
from tests.benchmarks.figures import machine, say

READY_S: Final = 180.0
TEMPLATE: Final = "bench_template"
SERVING: Final = "tests.benchmarks.serving"

UNLIMITED: Final[dict[str, object]] = {
    "hours": {channel: {"weekday": ANY_TIME, "holiday": ANY_TIME} for channel in CONSENT_CHANNELS},
    "message_gap_s": 0,
    "messages_per_lead": 100,
    "messages_per_contact_week": 100_000,
    "first_messages_per_contact_day": 100_000,
    "ip_events_per_s": 1_000_000,
    "ip_events_burst": 1_000_000,
    "site_events_per_s": 1_000_000,
    "contact_points_per_ip_hour": 1_000_000,
    "contact_points_per_visitor_day": 1_000_000,
    "contact_points_per_prefix_hour": 1_000_000,
}
"""A site's limits, raised in its row and before that in the agency's (`world.lift_limits`): the product under
measurement knows of no benchmark."""


@dataclass(frozen=True)
class Place:
    """One migrated database of its own.

    superuser_url  the same database without row security, to load rows and to count them afterwards
    """

    urls: DatabaseUrls
    superuser_url: str
    redis_url: str


@dataclass
class Ground:
    """Running engines. `place` makes a database; `processes` starts parts of the product on it."""

    engines: Engines
    folder: Path
    passwords: RolePasswords
    _numbers: Iterator[int] = field(default_factory=count)

    def place(self) -> Place:
        """Make an empty, migrated database, and point this process's storage.db at it."""
        superuser = self.engines.superuser_url
        name = f"bench_{next(self._numbers)}"
        urls = provision(superuser, database=name, passwords=self.passwords, template=TEMPLATE)
        self.engines.wipe_valkey()
        world.connect(urls)
        return Place(urls, superuser.rpartition("/")[0] + f"/{name}", self.engines.redis_url)

    def processes(
        self, place: Place, programs: Mapping[str, Sequence[str]], *, site: world.TenantWorld, **settings: str
    ) -> AbstractContextManager["Running"]:
        """Run programs (name → arguments of this Python) until the block ends.

        site      whose keys the sandbox knows
        settings  further MODORI_… variables, without the prefix, in lower case
        """
        return running(self.folder, place, programs, site=site, **settings)


@dataclass(frozen=True)
class Running:
    """Where started processes answer, and where their logs are."""

    web_url: str
    world_url: str
    web_port: int
    logs: Path


@contextmanager
def running(
    folder: Path, place: Place, programs: Mapping[str, Sequence[str]], *, site: world.TenantWorld, **settings: str
) -> Iterator[Running]:
    """Run programs as `Ground.processes` does; their logs and the sandbox's state go under `folder`."""
    ports: list[int] = []
    for _ in range(4):
        ports.append(choose_port(None, avoid=frozenset(ports)))
    web_url, world_url = f"http://127.0.0.1:{ports[0]}", f"http://127.0.0.1:{ports[1]}"
    environment = _environment(place, site, ports, folder / "sandbox")
    environment |= {f"MODORI_{name.upper()}": value for name, value in settings.items()}
    ready = {"web": (f"{web_url}/healthz",), "sandbox": (f"{world_url}/healthz",)}
    logs = Path(tempfile.mkdtemp(dir=folder, prefix="logs-"))
    supervisor = Supervisor(logs=logs, environment=environment, say=say)
    try:
        for name, arguments in programs.items():
            supervisor.start(Program(name, (sys.executable, *arguments), ready.get(name, ())))
        supervisor.wait_until_ready(within_s=READY_S)
        yield Running(web_url, world_url, ports[0], logs)
    finally:
        supervisor.stop()


def modori(command: str) -> tuple[str, ...]:
    """Name one of the product's own processes, as `make demo` starts it."""
    return ("-m", "modori.entrypoints.cli", command)


@contextmanager
def ground() -> Iterator[Ground]:
    """Start the engines, say what machine this is, and leave nothing behind."""
    _end_cleanly_when_told()
    _clear_what_killed_runs_left()
    engines = Engines(engines_folder(f"bench-{os.getpid()}"), durable=True)
    folder = Path(tempfile.mkdtemp(prefix="modori-bench-"))
    try:
        engines.start()
        passwords = RolePasswords.generate()
        migrate.upgrade(provision(engines.superuser_url, database=TEMPLATE, passwords=passwords).owner)
        with psycopg.connect(engines.superuser_url) as cluster:
            row = cluster.execute("show server_version").fetchone()
            assert row is not None
        for line in machine(row[0]):
            say(line)
        yield Ground(engines, folder, passwords)
    finally:
        db.disconnect()
        engines.discard()
        shutil.rmtree(folder, ignore_errors=True)


def make_site(name: str) -> world.TenantWorld:
    """Make a client whose site has no limits, no gaps, and is open at any hour."""
    world.lift_limits()
    return world.make_tenant(name, now=world.NOW, **UNLIMITED)


def wait_s(seconds: float) -> None:
    """Let what was just started or loaded come to rest."""
    time.sleep(seconds)


def _environment(place: Place, site: world.TenantWorld, ports: Sequence[int], state_dir: Path) -> dict[str, str]:
    web_url, world_url = f"http://127.0.0.1:{ports[0]}", f"http://127.0.0.1:{ports[1]}"
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("MODORI_")}
    return inherited | {
        **world.KEY_SETTINGS,
        "MODORI_ENV": "development",
        "MODORI_DATABASE_URL": place.urls.app,
        "MODORI_SCAN_DATABASE_URL": place.urls.scan,
        "MODORI_REDIS_URL": place.redis_url,
        "MODORI_PUBLIC_URL": web_url,
        "MODORI_HOST": "127.0.0.1",
        "MODORI_PORT": str(ports[0]),
        "MODORI_SMTP_URL": f"smtp://127.0.0.1:{ports[2]}",
        "MODORI_TWILIO_ACCOUNT_SID": "AC" + "b" * 32,
        "MODORI_TWILIO_AUTH_TOKEN": "the benchmark's twilio token",
        "MODORI_TWILIO_API_BASE": world_url,
        "MODORI_SANDBOX_SITE_KEY": site.site_key,
        "MODORI_SANDBOX_SECRET_KEY": site.secret_key,
        "MODORI_SANDBOX_STATE_DIR": str(state_dir),
        "MODORI_SANDBOX_WEB_URL": web_url,
        "MODORI_SANDBOX_WORLD_URL": world_url,
        "MODORI_SANDBOX_SHOP_URL": f"http://localhost:{ports[3]}",
        "MODORI_SANDBOX_WORLD_PORT": str(ports[1]),
        "MODORI_SANDBOX_SMTP_PORT": str(ports[2]),
        "MODORI_SANDBOX_SHOP_PORT": str(ports[3]),
    }


def processor_s(ready: Ground) -> dict[str, float]:
    """Read how much processor time each of our processes has had so far, in seconds; the benchmark's own last."""
    spent: dict[str, float] = {}
    for child in psutil.Process().children():
        command = child.cmdline()
        if "modori.entrypoints.cli" in command or SERVING in command:
            times = child.cpu_times()
            spent["web" if SERVING in command else command[-1]] = times.user + times.system
    spent["PostgreSQL"] = 0.0
    for pid in processes_in(ready.engines.folder / "pgdata"):
        with suppress(psutil.NoSuchProcess):
            times = psutil.Process(pid).cpu_times()
            spent["PostgreSQL"] += times.user + times.system
    own = os.times()
    spent["load generator"] = own.user + own.system
    return spent


def postgres_environment(url: str) -> dict[str, str]:
    """Spell a URL as libpq's variables, so that no password is in a process list."""
    parts = urlsplit(url)
    return {
        "PATH": "/usr/bin:/bin",
        "LC_ALL": "C",
        "PGHOST": parts.hostname or "",
        "PGPORT": str(parts.port),
        "PGUSER": parts.username or "",
        "PGPASSWORD": parts.password or "",
        "PGDATABASE": parts.path.lstrip("/"),
    }


def _end_cleanly_when_told() -> None:
    def end(number: int, frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    signal.signal(signal.SIGTERM, end)


def _clear_what_killed_runs_left() -> None:
    for old in engines_folder("x").parent.glob("bench-*"):
        try:
            Engines(old, durable=True).discard_if_idle()
        except EnginesInUse:
            continue
