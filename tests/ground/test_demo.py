"""`modori demo`: one terminal starts everything, and its end leaves nothing behind."""

import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psutil
import pytest

from modori.entrypoints.demo import Demo, Ports, StopAsked, stop_on_signals
from modori.entrypoints.demo_story import DemoUrls
from modori.entrypoints.demo_supervisor import Program
from modori.sandbox.engine_folders import engines_folder
from modori.sandbox.ports import choose_port
from tests.ground import demo_double

DOUBLE = Path(__file__).with_name("demo_double.py")
START_S, STOP_S = 180.0, 90.0


class Run:
    """One demo in a process of its own, without a terminal."""

    def __init__(self, project: Path, *arguments: str, web_port: int | None = None) -> None:
        self.project = project
        self.ports = [choose_port(None) for _ in range(4)]  # of its own: another worker may run a demo too
        self.ports[0] = web_port or self.ports[0]
        self.out = (project / "out").open("w+b")
        self.process = subprocess.Popen(
            [sys.executable, DOUBLE, project, ",".join(map(str, self.ports)), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=self.out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    @property
    def demo_json(self) -> Path:
        return self.project / ".local" / "demo.json"

    def said(self) -> str:
        return (self.project / "out").read_text()

    def wait_ready(self) -> dict[str, Any]:
        wait_for(lambda: "s] ready" in self.said() or self.process.poll() is not None, START_S, self.said)
        assert self.process.poll() is None, self.said()
        told: dict[str, Any] = json.loads(self.demo_json.read_text())
        return told

    def family(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(STOP_S)

    def end(self) -> None:
        """Stop it if it runs. Where it does not stop, that is this test's failure, and nothing is left to another's."""
        try:
            if self.process.poll() is None:
                self.stop()
        finally:
            self.process.kill()
            self.process.wait()
            self.out.close()


class Dying:
    """Asks for an end where Python swallows what the signal's handler raises."""

    def __del__(self) -> None:
        signal.raise_signal(signal.SIGTERM)


def wait_for(happened: Callable[[], bool], within_s: float, said: Callable[[], str] = lambda: "") -> None:
    deadline = time.monotonic() + within_s
    while not happened():
        assert time.monotonic() < deadline, said()
        time.sleep(0.05)


def gone(processes: list[psutil.Process]) -> bool:
    return all(not one.is_running() or one.status() == psutil.STATUS_ZOMBIE for one in processes)


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Callable[..., Run]]:
    runs: list[Run] = []

    def start(*arguments: str, web_port: int | None = None) -> Run:
        runs.append(Run(tmp_path, *arguments, web_port=web_port))
        return runs[-1]

    with ExitStack() as ending:
        ending.callback(shutil.rmtree, engines_folder("demo", project=tmp_path).parent, ignore_errors=True)
        yield start
        for run in runs:
            ending.callback(run.end)


def test_it_tells_where_everything_is_and_withdraws_it_at_the_end(demo: Callable[..., Run]) -> None:
    run = demo()
    told = run.wait_ready()
    assert set(told) == {"web", "shop", "console", "inbox", "site_key", "secret_key", "tenant", "logins"}
    assert told["logins"] == {"operator": {"email": "op@acme.example", "password": "word"}}
    assert told["shop"].startswith("http://localhost:")  # the shop shares no cookie with the console
    assert told["console"] == told["web"] + "/console"
    assert all(told[name].startswith("http://127.0.0.1:") for name in ("web", "console", "inbox"))
    for secret in ("demo.json", "secrets.json", "story.json"):
        assert stat.S_IMODE((run.project / ".local" / secret).stat().st_mode) == 0o600
    family = run.family()
    assert len(family) > 4
    assert run.stop() == 0
    assert not run.demo_json.exists()
    wait_for(lambda: gone(family), STOP_S)
    assert "ready" in run.said()
    assert "Ctrl-C stops it" in run.said()


def test_ctrl_c_pressed_twice_stops_as_well(demo: Callable[..., Run]) -> None:
    run = demo()
    run.wait_ready()
    family = run.family()
    run.process.send_signal(signal.SIGINT)
    assert run.stop(signal.SIGINT) == 0
    wait_for(lambda: gone(family), STOP_S)


def test_a_stop_asked_for_in_the_midst_of_a_restart_is_heard(demo: Callable[..., Run], tmp_path: Path) -> None:
    source = tmp_path / "platform" / "modori" / "changed.py"
    source.parent.mkdir(parents=True)
    source.write_text("")
    run = demo("reload")
    run.wait_ready()
    family = run.family()
    os.utime(source, (time.time() + 5, time.time() + 5))
    wait_for(lambda: "code changed: starting again" in run.said(), START_S, run.said)
    family += run.family()
    assert run.stop() == 0
    wait_for(lambda: gone(family), STOP_S)


def test_an_end_asked_for_where_python_swallows_exceptions_is_still_known(monkeypatch: pytest.MonkeyPatch) -> None:
    swallowed: list[type[BaseException]] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda lost: swallowed.append(lost.exc_type))

    with stop_on_signals() as asked:
        asked.check()
        Dying()
        assert (swallowed, asked.to_stop) == ([StopAsked], True)
        signal.raise_signal(signal.SIGINT)  # asked for once more: nothing interrupts the stopping
        with pytest.raises(StopAsked):
            asked.check()


@pytest.mark.parametrize("moment", ["preparing", "starting", "waiting"])
def test_an_end_asked_for_and_swallowed_while_it_starts_is_heard_before_it_is_ready(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    monkeypatch.setattr(sys, "unraisablehook", lambda lost: None)
    said: list[str] = []

    def reach(now: str) -> None:
        if now == moment:
            Dying()

    def prepare(story_file: Path) -> Sequence[str | Path]:
        reach("preparing")
        return (sys.executable, "-c", demo_double.PREPARE, story_file)

    def programs(urls: DemoUrls) -> Sequence[Program]:
        reach("starting")
        ready = (f"{urls.web}/readyz",) if moment == "waiting" else ()
        return [Program(name, (sys.executable, "-c", "pass"), ready) for name in ("one", "two")]

    def say(line: str) -> None:
        said.append(line)
        if "starting it again" in line:  # the supervisor, in a round of its waiting
            reach("waiting")

    demo = Demo(
        tmp_path, prepare=prepare, programs=programs, wanted=Ports(*(choose_port(None) for _ in range(4))), say=say
    )
    try:
        assert demo.run() == 0
    finally:
        shutil.rmtree(engines_folder("demo", project=tmp_path).parent, ignore_errors=True)
    logs = sorted(one.name for one in (tmp_path / ".local").rglob("*.log") if one.stem in ("one", "two"))
    assert logs == {"preparing": [], "starting": ["one.log"], "waiting": ["one.log", "two.log"]}[moment]
    assert "ready" not in said
    assert said[-1] == "stopped"


def test_a_second_start_finds_its_data_and_its_secrets(demo: Callable[..., Run]) -> None:
    first = demo()
    first.wait_ready()
    first.stop()
    secrets = (first.project / ".local" / "secrets.json").read_text()
    again = demo()
    again.wait_ready()
    assert "prepared again" in again.said()
    assert "new PostgreSQL cluster" not in again.said()
    assert (first.project / ".local" / "secrets.json").read_text() == secrets
    again.stop()
    reseeded = demo("reseed")
    reseeded.wait_ready()
    assert "prepared anew" in reseeded.said()


def test_a_seed_that_was_cut_short_begins_again_on_an_empty_database(demo: Callable[..., Run]) -> None:
    first = demo("broken-seed")
    assert first.process.wait(START_S) == 1
    assert "preparing the database failed" in first.said()
    again = demo()
    again.wait_ready()
    assert "starting from an empty database" in again.said()
    assert "prepared anew" in again.said()


def test_a_second_demo_beside_a_running_one_says_so_and_leaves_it_alone(demo: Callable[..., Run]) -> None:
    run = demo()
    told = run.wait_ready()
    beside = subprocess.run(
        [sys.executable, DOUBLE, run.project, "1,2,3,4"], capture_output=True, text=True, timeout=START_S
    )
    assert beside.returncode == 1
    assert f"A demo runs from this folder already. Its console is at {told['console']}." in beside.stderr
    assert run.process.poll() is None
    assert json.loads(run.demo_json.read_text()) == told


def test_taken_ports_are_left_to_their_owner_and_the_choice_is_said(demo: Callable[..., Run]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as owner:
        taken = owner.getsockname()[1]
        run = demo(web_port=taken)
        told = run.wait_ready()
        assert told["web"] != f"http://127.0.0.1:{taken}"
        assert f"port {taken} is taken: the web listens on {told['web'].rpartition(':')[2]}" in run.said()


def test_killed_outright_it_leaves_no_process_and_the_next_start_works(demo: Callable[..., Run]) -> None:
    run = demo()
    run.wait_ready()
    family = run.family()
    run.stop(signal.SIGKILL)
    if sys.platform.startswith("linux"):  # elsewhere nobody tells the children; the next start clears the engines
        wait_for(lambda: gone(family), STOP_S)
    assert run.demo_json.exists()  # nobody was left to remove it: the next start does
    again = demo()
    again.wait_ready()
    assert "prepared again" in again.said()


def test_a_program_that_dies_is_started_again_and_so_is_an_engine(demo: Callable[..., Run]) -> None:
    run = demo()
    run.wait_ready()
    by_name = {name: one for one in run.family() for name in ("http.server", "valkey-server") if name in cmdline(one)}
    for one in by_name.values():
        one.kill()
    wait_for(lambda: "web ended (killed by SIGKILL): starting it again" in run.said(), START_S, run.said)
    wait_for(lambda: "Valkey ended: started again" in run.said(), START_S, run.said)
    assert run.process.poll() is None


def test_changed_code_starts_the_programs_again_and_not_the_engines(demo: Callable[..., Run], tmp_path: Path) -> None:
    source = tmp_path / "platform" / "modori" / "changed.py"
    source.parent.mkdir(parents=True)
    source.write_text("")
    run = demo("reload")
    run.wait_ready()
    before = {
        name: one.pid for one in run.family() for name in ("http.server", "valkey-server") if name in cmdline(one)
    }
    source.write_text("x = 1")
    os.utime(source, (time.time() + 5, time.time() + 5))
    wait_for(lambda: "code changed: starting again" in run.said(), START_S, run.said)
    wait_for(
        lambda: any("http.server" in cmdline(one) for one in run.family() if one.pid not in before.values()), START_S
    )
    assert psutil.pid_exists(before["valkey-server"])
    assert not psutil.pid_exists(before["http.server"])


def test_a_program_that_keeps_crashing_ends_the_demo_with_its_last_words(demo: Callable[..., Run]) -> None:
    run = demo("crash")
    family = []
    wait_for(lambda: bool(run.family()), START_S, run.said)
    family = run.family()
    assert run.process.wait(START_S) == 1
    assert "worker ended 5 times in a minute" in run.said()
    assert "worker | the double broke" in run.said()
    assert not run.demo_json.exists()
    wait_for(lambda: gone(family), STOP_S)


def cmdline(process: psutil.Process) -> str:
    """A process that ended while we looked had no command line worth knowing."""
    try:
        return " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return ""


def test_no_variable_of_the_persons_shell_reaches_the_demo(
    demo: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODORI_DATABASE_URL", "postgresql://production.example/modori")
    run = demo()
    run.wait_ready()
    web = next(one for one in run.family() if "http.server" in cmdline(one))
    environment = web.environ()
    assert "production" not in environment["MODORI_DATABASE_URL"]
    assert "MODORI_OWNER_DATABASE_URL" not in environment  # only the preparation may migrate
    assert environment["MODORI_SANDBOX_SITE_KEY"] == "pk_double"
    assert os.environ["MODORI_DATABASE_URL"].endswith("modori")
