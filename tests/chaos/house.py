"""The product's real processes over real engines and a real sandbox, to be killed and brought back."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from modori.entrypoints.seed import zone_at_eleven
from modori.kernel.failpoints import ALL
from modori.leads import actions as leads
from modori.outreach import actions as outreach
from modori.outreach.standard import standard_steps
from modori.sandbox.lifeline import die_with_parent
from modori.sandbox.ports import choose_port
from modori.storage import db
from modori.storage.roles import DatabaseUrls
from modori.tenants.policy import ANY_TIME, CONSENT_CHANNELS
from tests import world

ACCOUNT_SID: Final = "AC" + "c" * 32
AUTH_TOKEN: Final = "the chaos tests' twilio token"
START_S: Final = 180.0

COMMAND_OF_POINT: Final = {
    name: "web"
    if name.startswith(("ingest.", "report."))
    else "scheduler"
    if name.startswith(("relay.", "claim.", "reconcile."))
    else "worker"
    for name in ALL
}
"""Which process passes a failpoint."""


def make_client(now: datetime, *, delays_s: tuple[int, int, int]) -> world.TenantWorld:
    """Make a client whose site thinks in seconds: abandoned after one, no gap, no cap, no holdout, open at any hour."""
    world.lift_limits()
    tenant = world.make_tenant(
        "chaos",
        now=now,
        abandon_after_s=1,
        timezone=zone_at_eleven(now),
        hours={channel: {"weekday": ANY_TIME, "holiday": ANY_TIME} for channel in CONSENT_CHANNELS},
        message_gap_s=0,
        messages_per_lead=10,
        messages_per_contact_week=100_000,
        first_messages_per_contact_day=100_000,
        ip_events_per_s=100_000,
        ip_events_burst=100_000,
        site_events_per_s=100_000,
        contact_points_per_ip_hour=100_000,
        contact_points_per_visitor_day=100,
        contact_points_per_prefix_hour=100_000,
    )
    with db.tenant_transaction(tenant.tenant_id) as session:
        scenario_id = outreach.make_scenario(session, tenant_id=tenant.tenant_id, name="seconds", now=now)
        version_id = outreach.add_version(
            session, tenant_id=tenant.tenant_id, scenario_id=scenario_id, steps=standard_steps(delays_s), now=now
        )
        outreach.approve_version(session, tenant_id=tenant.tenant_id, version_id=version_id, user_id=None, now=now)
        leads.add_route(
            session,
            tenant_id=tenant.tenant_id,
            site_id=tenant.site_id,
            name="everybody",
            conditions={},
            scenario_id=scenario_id,
        )
    return tenant


class Nursery:
    """The harness's side of `tests.chaos.nursery`. Bear children from a thread that outlives them."""

    def __init__(self, log: Path) -> None:
        root = Path(__file__).parents[2]
        with log.open("ab") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.chaos.nursery"],
                cwd=root,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                start_new_session=True,
                preexec_fn=die_with_parent(signal.SIGKILL),
            )
        self._log = log
        self._born: deque[int] = deque()
        self._dead: set[int] = set()
        self._is_over = False
        self._changed = threading.Condition()
        self._reader = threading.Thread(target=self._listen, daemon=True)
        self._reader.start()
        try:
            self._next_born()  # itself: everything is imported
        except BaseException:
            self.close()
            raise

    def bear(self, command: str, *, env: dict[str, str], log: Path, mutant: str | None = None) -> int:
        assert self._process.stdin is not None
        wanted = {"command": command, "env": env, "log": str(log), "mutant": mutant}
        self._process.stdin.write(json.dumps(wanted).encode() + b"\n")
        self._process.stdin.flush()
        return self._next_born()

    def is_dead(self, pid: int) -> bool:
        return pid in self._dead

    def wait_dead(self, pid: int) -> None:
        with self._changed:
            if not self._changed.wait_for(lambda: pid in self._dead, timeout=60):
                raise TimeoutError(f"process {pid} does not die")

    def close(self) -> None:
        """The children die with it."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(5)
        self._process.kill()
        self._process.wait()
        self._reader.join(60)
        if self._process.stdout is not None:
            self._process.stdout.close()

    def _next_born(self) -> int:
        with self._changed:
            self._changed.wait_for(lambda: bool(self._born) or self._is_over, timeout=START_S)
            if not self._born:
                raise RuntimeError(f"the nursery does not answer:\n{self._log.read_text()[-2000:]}")
            return self._born.popleft()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            said = json.loads(line)
            with self._changed:
                if "born" in said:
                    self._born.append(said["born"])
                else:
                    self._dead.add(said["dead"])
                self._changed.notify_all()
        with self._changed:
            self._is_over = True
            self._changed.notify_all()


@dataclass
class Seat:
    """A process that must always be there: who sits on it changes with each death."""

    name: str
    command: str
    mutant: str | None = None
    failpoints: str = ""
    pid: int | None = None
    births: int = 0


@dataclass
class House:
    """Processes, their environment, and a keeper that restarts whoever dies.

    folder   logs, the failpoints' log, the sandbox's ledgers
    seed     of every die that is thrown in the processes
    """

    nursery: Nursery
    folder: Path
    urls: DatabaseUrls
    redis_url: str
    tenant: world.TenantWorld
    seed: int
    settings: dict[str, str] = field(default_factory=dict)
    seats: dict[str, Seat] = field(default_factory=dict)
    deaths: int = 0
    _must_fire: dict[str, deque[str]] = field(default_factory=dict)
    _stray: str = ""
    _lock: threading.RLock = field(default_factory=threading.RLock)
    _ended: threading.Event = field(default_factory=threading.Event)
    _keeper: threading.Thread | None = None

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        ports: list[int] = []
        for _ in range(4):
            ports.append(choose_port(None, avoid=frozenset(ports)))
        self.web_url = f"http://127.0.0.1:{ports[0]}"
        self.world_url = f"http://127.0.0.1:{ports[1]}"
        self.failpoint_log = self.folder / "failpoints.log"
        self.accepted = self.folder / "sandbox" / "accepted.jsonl"
        self._env = {
            "PATH": os.environ["PATH"],
            "LC_ALL": "C.UTF-8",
            "PYTHONPATH": "",
            **world.KEY_SETTINGS,
            "MODORI_ENV": "development",
            "MODORI_DATABASE_URL": self.urls.app,
            "MODORI_SCAN_DATABASE_URL": self.urls.scan,
            "MODORI_REDIS_URL": self.redis_url,
            "MODORI_PUBLIC_URL": self.web_url,
            "MODORI_PORT": str(ports[0]),
            "MODORI_SMTP_URL": f"smtp://127.0.0.1:{ports[2]}",
            "MODORI_TWILIO_ACCOUNT_SID": ACCOUNT_SID,
            "MODORI_TWILIO_AUTH_TOKEN": AUTH_TOKEN,
            "MODORI_TWILIO_API_BASE": self.world_url,
            "MODORI_LOG_LEVEL": "info",
            "MODORI_FAILPOINT_LOG": str(self.failpoint_log),
            "MODORI_SANDBOX_SITE_KEY": self.tenant.site_key,
            "MODORI_SANDBOX_SECRET_KEY": self.tenant.secret_key,
            "MODORI_SANDBOX_STATE_DIR": str(self.folder / "sandbox"),
            "MODORI_SANDBOX_WEB_URL": self.web_url,
            "MODORI_SANDBOX_WORLD_PORT": str(ports[1]),
            "MODORI_SANDBOX_SMTP_PORT": str(ports[2]),
            "MODORI_SANDBOX_SHOP_PORT": str(ports[3]),
            **self.settings,
        }

    def __enter__(self) -> "House":
        self._keeper = threading.Thread(target=self._keep, name="keeper", daemon=True)
        self._keeper.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        if self._keeper is not None:
            self._keeper.join(10)
        for name in list(self.seats):
            self.end(name)

    def seat(self, name: str, command: str, *, mutant: str | None = None, failpoints: str = "") -> None:
        """Start a process and keep it there."""
        with self._lock:
            seat = self.seats[name] = Seat(name, command, mutant=mutant, failpoints=failpoints)
            self._bear(seat)

    def end(self, name: str) -> None:
        """Kill a process for good."""
        with self._lock:
            seat = self.seats.pop(name)
            self._kill(seat)

    def kill(self, name: str) -> None:
        """SIGKILL; the keeper brings it back."""
        with self._lock:
            self._kill(self.seats[name])

    def arm(self, points: Iterable[str], *, stray: str) -> None:
        """From the next birth on: each process dies the first time that it passes the next of these points of its own.

        stray    what is armed in a process when no such point is left
        """
        with self._lock:
            self._stray = stray
            for name in points:
                self._must_fire.setdefault(COMMAND_OF_POINT[name], deque()).append(name)

    def calm(self) -> None:
        """The last fault: every process is killed at once, and comes back without failpoints."""
        with self._lock:
            self._must_fire, self._stray = {}, ""
            for seat in self.seats.values():
                if seat.command != "sandbox":
                    seat.failpoints = ""
                    self._kill(seat)
            for seat in self.seats.values():
                if self._is_gone(seat):
                    self._bear(seat)

    def fired(self) -> set[str]:
        """Names of the points at which a process has died, by their log."""
        if not self.failpoint_log.exists():
            return set()
        return {line.split()[0] for line in self.failpoint_log.read_text().splitlines()}

    def wait_for_web(self) -> None:
        _wait_for_200(f"{self.web_url}/healthz", self.folder / "web.log")

    def wait_for_sandbox(self) -> None:
        _wait_for_200(f"{self.world_url}/healthz", self.folder / "sandbox.log")

    def tell_sandbox(self, method: str, path: str, said: dict[str, Any] | None = None) -> Any:
        """Speak with the sandbox's control desk. Returns its JSON, None where it says nothing."""
        body = None if said is None else json.dumps(said).encode()
        request = urllib.request.Request(f"{self.world_url}{path}", data=body, method=method)
        with urllib.request.urlopen(request, timeout=30) as answer:
            words = answer.read()
        return json.loads(words) if words else None

    def _keep(self) -> None:
        while not self._ended.wait(0.1):
            with self._lock:
                for seat in self.seats.values():
                    if self._is_gone(seat):
                        self.deaths += 1
                        self._bear(seat)

    def _is_gone(self, seat: Seat) -> bool:
        return seat.pid is None or self.nursery.is_dead(seat.pid)

    def _bear(self, seat: Seat) -> None:
        seat.births += 1
        armed = seat.failpoints or self._next_point(seat.command)
        env = self._env | {"MODORI_FAILPOINTS": armed, "MODORI_FAILPOINT_SEED": str(self.seed * 1000 + seat.births)}
        seat.pid = self.nursery.bear(seat.command, env=env, log=self.folder / f"{seat.name}.log", mutant=seat.mutant)

    def _next_point(self, command: str) -> str:
        """Arm the next point that must fire; one that was armed and died of something else comes again."""
        waiting = self._must_fire.get(command)
        if command == "sandbox" or not waiting:
            return "" if command == "sandbox" else self._stray
        fired = self.fired()
        for _ in range(len(waiting)):
            name = waiting.popleft()
            if name not in fired:
                waiting.append(name)  # until its log has it
                return f"{name}=kill:1.0"
        return self._stray

    def _kill(self, seat: Seat) -> None:
        if seat.pid is None or self.nursery.is_dead(seat.pid):
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(seat.pid, signal.SIGKILL)
        self.nursery.wait_dead(seat.pid)


def wait_until(what: Callable[[], bool], *, within_s: float, every_s: float = 0.2) -> bool:
    """Look again and again. Returns whether it came true in time."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if what():
            return True
        time.sleep(every_s)
    return what()


def utc_now() -> datetime:
    return datetime.now(UTC)


def _wait_for_200(url: str, log: Path) -> None:
    def answers() -> bool:
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    if not wait_until(answers, within_s=START_S):
        raise TimeoutError(f"{url} does not answer:\n{log.read_text()[-3000:] if log.exists() else ''}")
