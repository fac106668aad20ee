"""`modori demo`: the whole product on one machine, from engines to a shop to abandon, in one terminal."""

import argparse
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import psycopg
from psycopg import sql

from modori.entrypoints.demo_story import DemoFolder, DemoSecrets, DemoStory, DemoUrls
from modori.entrypoints.demo_supervisor import DemoFailed, Program, Supervisor
from modori.sandbox.engine_folders import EngineFailed, checkout_folder, engines_folder
from modori.sandbox.engines import Engines
from modori.sandbox.lifeline import die_with_parent
from modori.sandbox.ports import choose_port
from modori.storage.roles import DatabaseUrls, provision

DATABASE = "modori_demo"
POSTGRES_PORT, VALKEY_PORT = 55432, 56379
READY_S = 180.0
WATCH_S = 0.25

Command = Sequence[str | Path]


@dataclass(frozen=True)
class Ports:
    """Known numbers where they are free, so that a bookmark of yesterday works today."""

    web: int = 8000
    shop: int = 8010
    world: int = 8020
    smtp: int = 8025

    @property
    def urls(self) -> DemoUrls:
        web = f"http://127.0.0.1:{self.web}"
        return DemoUrls(web, f"http://localhost:{self.shop}", f"{web}/console", f"http://127.0.0.1:{self.world}")

    def choose(self, say: Callable[[str], None]) -> "Ports":
        """Answer these ports, and for each that is taken another, which is said."""
        taken: set[int] = {POSTGRES_PORT, VALKEY_PORT}
        chosen = {}
        for name, wanted in vars(self).items():
            chosen[name] = choose_port(wanted, avoid=frozenset(taken))
            taken.add(chosen[name])
            if chosen[name] != wanted:
                say(f"port {wanted} is taken: the {name} listens on {chosen[name]}")
        return Ports(**chosen)


class StopAsked(BaseException):
    """Ctrl-C, SIGTERM or a closed terminal. A BaseException, so that nobody's `except Exception` swallows it."""


@dataclass
class Asked:
    """Whether somebody asked for an end. While `interrupts`, asking also raises StopAsked at once.

    Raising alone is not enough: Python swallows what a signal's handler raises inside a callback of its own, such as
    those around each fork, and the one who asked would wait for ever. The flag stays, and `check` reads it.
    """

    to_stop: bool = False
    interrupts: bool = True

    def check(self) -> None:
        """raises StopAsked once somebody has asked"""
        if self.to_stop:
            raise StopAsked


class Demo:
    """One run. The commands are arguments, so that a test can run the same supervisor over programs of its own."""

    def __init__(
        self,
        project: Path,
        *,
        prepare: Callable[[Path], Command] | None = None,
        programs: Callable[[DemoUrls], Sequence[Program]] | None = None,
        wanted: Ports | None = None,
        say: Callable[[str], None] | None = None,
    ) -> None:
        self._started = time.monotonic()
        self._project, self._folder = project, DemoFolder(project)
        self._prepare, self._programs = prepare or _prepare_command, programs or _product
        self._wanted = wanted or Ports()
        self._say = say or self._print

    def run(self, *, reseed: bool = False, reload: bool = False) -> int:
        """Run until asked to stop: 0. A demo that cannot start or go on says why: 1."""
        try:
            self._folder.lock()
            with stop_on_signals() as asked:
                self._run(asked, reseed=reseed, reload=reload)
        except StopAsked:
            self._say("stopped")
        except (DemoFailed, EngineFailed) as failure:
            print(failure, file=sys.stderr, flush=True)
            return 1
        finally:
            self._folder.unlock()
        return 0

    def _run(self, asked: Asked, *, reseed: bool, reload: bool) -> None:
        secrets, new_secrets = self._folder.secrets()
        engines = Engines(
            engines_folder("demo", project=self._project),
            durable=True,
            postgres_port=POSTGRES_PORT,
            valkey_port=VALKEY_PORT,
            say=self._say,
        )
        supervisor: Supervisor | None = None
        try:
            self._say("starting PostgreSQL and Valkey")
            engines.start()
            asked.check()
            # Without the old keys nobody can read the old rows, and a seed that was cut short cannot go on.
            if reseed or new_secrets or not self._folder.story.exists():
                self._forget(engines.superuser_url)
            database = provision(engines.superuser_url, database=DATABASE, passwords=secrets.role_passwords)
            ports = self._wanted.choose(self._say)
            environment = _environment(self._folder, ports, database, engines.redis_url, secrets)
            story = self._prepared(environment)
            asked.check()
            environment |= {"MODORI_SANDBOX_SITE_KEY": story.site_key, "MODORI_SANDBOX_SECRET_KEY": story.secret_key}
            del environment["MODORI_OWNER_DATABASE_URL"]
            supervisor = Supervisor(logs=self._folder.logs, environment=environment, say=self._say)
            programs = self._programs(ports.urls)
            self._say("starting " + ", ".join(one.name for one in programs))
            for program in programs:
                supervisor.start(program)
                asked.check()
            supervisor.wait_until_ready(within_s=READY_S, check=asked.check)
            self._folder.announce(ports.urls, story)
            self._say("ready")
            print(_tour(ports.urls, story), flush=True)
            asked.interrupts = False
            self._watch(supervisor, engines, asked, reload=reload)
        finally:
            with _deaf_to_signals():
                self._folder.withdraw()
                if supervisor is not None:
                    self._say("stopping")
                    supervisor.stop()
                engines.stop()

    def _watch(self, supervisor: Supervisor, engines: Engines, asked: Asked, *, reload: bool) -> None:
        seen = _newest_source(self._project) if reload else 0.0
        while True:
            asked.check()
            time.sleep(WATCH_S)
            supervisor.watch()
            for title in engines.mend():
                self._say(f"{title} ended: started again")
            if reload and (newest := _newest_source(self._project)) > seen:
                seen = newest
                self._say("code changed: starting again")
                supervisor.restart()

    def _prepared(self, environment: dict[str, str]) -> DemoStory:
        prepared = subprocess.run(  # noqa: S603  # our own program
            self._prepare(self._folder.story),
            env=environment,
            check=False,
            start_new_session=True,
            preexec_fn=die_with_parent(signal.SIGTERM),
        )
        story = DemoStory.read(self._folder.story)
        if prepared.returncode != 0 or story is None:
            raise DemoFailed(f"preparing the database failed (exit code {prepared.returncode})")
        return story

    def _forget(self, superuser_url: str) -> None:
        self._say("starting from an empty database")
        self._folder.story.unlink(missing_ok=True)
        shutil.rmtree(self._folder.sandbox, ignore_errors=True)
        with psycopg.connect(superuser_url, autocommit=True) as cluster:
            cluster.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(DATABASE)))

    def _print(self, line: str) -> None:
        print(f"[{time.monotonic() - self._started:5.1f} s] {line}", flush=True)


def _prepare_command(story_file: Path) -> Command:
    return (sys.executable, "-m", "modori.entrypoints.demo_prepare", story_file)


def _product(urls: DemoUrls) -> Sequence[Program]:
    def modori(name: str, *ready: str) -> Program:
        return Program(name, (sys.executable, "-m", "modori.entrypoints.cli", name), ready)

    return (
        modori("web", f"{urls.web}/readyz"),
        modori("sandbox", f"{urls.shop}/healthz", f"{urls.inbox}/healthz"),
        modori("worker"),
        modori("scheduler"),
    )


def _environment(
    folder: DemoFolder, ports: Ports, database: DatabaseUrls, redis_url: str, secrets: DemoSecrets
) -> dict[str, str]:
    """What each process is told. A MODORI_… variable of the person's own shell must not leak into the demo."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("MODORI_")}
    inherited.pop("PYTHONDONTWRITEBYTECODE", None)  # with it every start compiles every module again: twice as slow
    urls = ports.urls
    return inherited | {
        "PYTHONUNBUFFERED": "1",
        "MODORI_ENV": "development",
        "MODORI_DATABASE_URL": database.app,
        "MODORI_SCAN_DATABASE_URL": database.scan,
        "MODORI_OWNER_DATABASE_URL": database.owner,  # for the preparation only
        "MODORI_REDIS_URL": redis_url,
        "MODORI_PUBLIC_URL": urls.web,
        "MODORI_HOST": "127.0.0.1",
        "MODORI_PORT": str(ports.web),
        "MODORI_MASTER_KEY": secrets.master_key,
        "MODORI_INDEX_KEY": secrets.index_key,
        "MODORI_TWILIO_API_BASE": urls.inbox,
        "MODORI_TWILIO_ACCOUNT_SID": secrets.twilio_account_sid,
        "MODORI_TWILIO_AUTH_TOKEN": secrets.twilio_auth_token,
        "MODORI_SMTP_URL": f"smtp://127.0.0.1:{ports.smtp}",
        "MODORI_SANDBOX_SHOP_PORT": str(ports.shop),
        "MODORI_SANDBOX_WORLD_PORT": str(ports.world),
        "MODORI_SANDBOX_SMTP_PORT": str(ports.smtp),
        "MODORI_SANDBOX_SHOP_URL": urls.shop,
        "MODORI_SANDBOX_WORLD_URL": urls.inbox,
        "MODORI_SANDBOX_WEB_URL": urls.web,
        "MODORI_SANDBOX_STATE_DIR": str(folder.sandbox),
    }


def _tour(urls: DemoUrls, story: DemoStory) -> str:
    rows = [("shop", urls.shop), ("phone and inbox", urls.inbox), ("console", urls.console)]
    rows += [(role, f"{one.email}  {one.password}") for role, one in story.logins.items()]
    steps = (
        "Shop: put something into the cart, fill in the checkout with consent, and close the tab.",
        "Phone and inbox: within a minute a mail and then an SMS arrive. Once each.",
        "Console, as the operator: the person appears in the queue. Claim, read the lines, dial, 'will buy'.",
        "Inbox: follow the link back to the cart and order. Whatever was still planned stops.",
        "Console, as the client's reviewer: approve the result; open its line in the statement down to the proof.",
    )
    width = max(len(name) for name, _ in rows)
    lines = ["", *(f"  {name:<{width}}  {what}" for name, what in rows), ""]
    lines += [f"  {number}. {step}" for number, step in enumerate(steps, 1)]
    return "\n".join([*lines, "", "  Ctrl-C stops it; the next start finds its data.", ""])


def _newest_source(project: Path) -> float:
    sources = [*(project / "platform").rglob("*.py"), *(project / "operator_ui").rglob("*.po")]
    return max((path.stat().st_mtime for path in sources), default=0.0)


def _stop_signals() -> list[signal.Signals]:
    """The ways to ask for an end; a closed terminal only where nobody asked to outlive it (nohup)."""
    hang_up = [] if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN else [signal.SIGHUP]
    return [signal.SIGINT, signal.SIGTERM, *hang_up]


@contextmanager
def stop_on_signals() -> Iterator[Asked]:
    """Note the three ways to ask for an end, in the main thread."""

    asked, numbers = Asked(), _stop_signals()

    def ask(number: int, frame: FrameType | None) -> None:
        again, asked.to_stop = asked.to_stop, True
        if asked.interrupts and not again:  # once is enough: a second Ctrl-C must not interrupt the stopping
            raise StopAsked

    before = [signal.signal(number, ask) for number in numbers]
    try:
        yield asked
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


@contextmanager
def _deaf_to_signals() -> Iterator[None]:
    """Stopping takes seconds at most, and a Ctrl-C during it must not leave half of it running."""
    numbers = _stop_signals()
    before = [signal.signal(number, signal.SIG_IGN) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="modori demo", description="The whole product on this machine.")
    parser.add_argument("--reseed", action="store_true", help="forget the demo's database and seed it anew")
    parser.add_argument("--reload", action="store_true", help="start the processes again when their code changes")
    given = parser.parse_args(arguments)
    return Demo(checkout_folder()).run(reseed=given.reseed, reload=given.reload)


if __name__ == "__main__":
    sys.exit(main())
