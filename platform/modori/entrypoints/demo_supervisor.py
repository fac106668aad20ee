"""Keep a few processes of ours running, each in a process group of its own with a log file of its own."""

import os
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from modori.sandbox.lifeline import die_with_parent

Say = Callable[[str], None]

CRASHES = 5
CRASH_WINDOW_S = 60.0
STOP_S = 10.0
LOG_BYTES = 5_000_000


class DemoFailed(Exception):
    """The demo cannot go on; the message is for the person at the terminal."""


@dataclass(frozen=True)
class Program:
    """One process to keep running. It is ready when every one of `ready_urls` answers 200."""

    name: str
    command: Sequence[str | Path]
    ready_urls: tuple[str, ...] = ()


@dataclass
class _Running:
    program: Program
    process: "subprocess.Popen[bytes]"
    ended_at: deque[float] = field(default_factory=lambda: deque(maxlen=CRASHES))


class Supervisor:
    """Start, watch, start again and stop programs. One thread only: the kernel ties each child's life to it."""

    def __init__(self, *, logs: Path, environment: Mapping[str, str], say: Say) -> None:
        self._logs, self._environment, self._say = logs, dict(environment), say
        self._running: list[_Running] = []
        logs.mkdir(parents=True, exist_ok=True)

    def log_of(self, name: str) -> Path:
        return self._logs / f"{name}.log"

    def last_lines(self, name: str, count: int = 15) -> str:
        return "\n".join(
            f"  {name} | {line}" for line in self.log_of(name).read_text(errors="replace").splitlines()[-count:]
        )

    def start(self, program: Program) -> None:
        log = self.log_of(program.name)
        if log.exists() and log.stat().st_size > LOG_BYTES:
            log.replace(log.with_suffix(".log.1"))
        self._running.append(_Running(program, self._launch(program)))

    def wait_until_ready(self, *, within_s: float, check: Callable[[], None] = lambda: None) -> None:
        """Return when every program answers. raises DemoFailed when one does not in time, or keeps crashing.

        check  called in each round: what it raises ends the waiting
        """
        deadline = time.monotonic() + within_s
        waiting = [(one.program.name, url) for one in self._running for url in one.program.ready_urls]
        while waiting := [(name, url) for name, url in waiting if not _answers(url)]:
            check()
            self.watch()
            if time.monotonic() > deadline:
                name, url = waiting[0]
                raise DemoFailed(f"{name} did not get ready ({url}):\n{self.last_lines(name)}")
            time.sleep(0.1)

    def watch(self) -> None:
        """Start again what has ended. raises DemoFailed when a program ended CRASHES times in CRASH_WINDOW_S."""
        for one in self._running:
            code = one.process.poll()
            if code is None:
                continue
            _signal_group(one.process, signal.SIGKILL)  # what it may have left behind: nobody else leads this group
            now, name = time.monotonic(), one.program.name
            one.ended_at.append(now)
            if len(one.ended_at) == CRASHES and now - one.ended_at[0] < CRASH_WINDOW_S:
                raise DemoFailed(
                    f"{name} ended {CRASHES} times in a minute (log: {self.log_of(name)}):\n{self.last_lines(name)}"
                )
            self._say(f"{name} ended ({_in_words(code)}): starting it again")
            time.sleep(min(0.2 * len(one.ended_at), 1.0))
            one.process = self._launch(one.program)

    def restart(self) -> None:
        """Stop every program and start it again, for changed code."""
        programs = [one.program for one in self._running]
        self.stop()
        for program in programs:
            self.start(program)

    def stop(self) -> None:
        """Stop every program: SIGTERM to its group, SIGKILL after STOP_S. A second call does nothing."""
        stopping, self._running = self._running, []
        for one in stopping:
            _signal_group(one.process, signal.SIGTERM)
        deadline = time.monotonic() + STOP_S
        for one in stopping:
            try:
                one.process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                self._say(f"{one.program.name} did not stop in {STOP_S:.0f} s: ending it")
        for one in stopping:
            _signal_group(one.process, signal.SIGKILL)
            one.process.wait()

    def _launch(self, program: Program) -> "subprocess.Popen[bytes]":
        with self.log_of(program.name).open("ab") as log:
            return subprocess.Popen(  # noqa: S603  # our own programs
                program.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self._environment,
                start_new_session=True,
                preexec_fn=die_with_parent(signal.SIGTERM),
            )


def _signal_group(process: "subprocess.Popen[bytes]", number: signal.Signals) -> None:
    try:
        os.killpg(process.pid, number)  # start_new_session made its pid the group's id
    except (ProcessLookupError, PermissionError):
        return


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:  # noqa: S310  # our own loopback URLs
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _in_words(code: int) -> str:
    return f"exit code {code}" if code >= 0 else f"killed by {signal.Signals(-code).name}"
