"""Bears the product's processes: imports it once, then forks a child for each `modori …` that the harness wants.

A child is a process like any other (its own pid, log, environment; `cli.main` is what `python -m` runs), only its
imports are done: 0.1 s of CPU instead of 3, so that a run can afford forty deaths on two cores.

Lines of JSON come in, {"command", "env", "log", "mutant"}, and go out: {"born": pid}, {"dead": pid}.
"""

import json
import os
import select
import signal
import sys
import traceback
from pathlib import Path
from typing import Any

from modori.sandbox.lifeline import die_with_parent


def _preload() -> None:
    """Import what every command needs. None of it may start a thread or open a connection."""
    import modori.entrypoints.scheduler
    import modori.entrypoints.web
    import modori.entrypoints.wiring
    import modori.entrypoints.worker  # noqa: F401


def _bear(wanted: dict[str, Any]) -> int:
    tie_to_us = die_with_parent(signal.SIGKILL)
    pid = os.fork()
    if pid:
        return pid
    try:
        os.setsid()
        if tie_to_us:
            tie_to_us()
        os.environ.clear()
        os.environ.update(wanted["env"])
        log = os.open(wanted["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        for descriptor in (1, 2):
            os.dup2(log, descriptor)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        _live(wanted["command"], wanted.get("mutant"))
    finally:
        os._exit(70)


def _live(command: str, mutant: str | None) -> None:
    """Be that command until it ends."""
    from modori.entrypoints import cli

    code = 70
    try:
        if mutant:
            from tests.chaos import mutant as mutants

            mutants.apply(mutant)
        code = cli.main([command])
    except BaseException:  # noqa: BLE001  # this is the end of a forked process: nothing may pass it
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _say(**words: int) -> None:
    os.write(1, json.dumps(words).encode() + b"\n")


def _reap() -> None:
    while True:
        try:
            pid, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        _say(dead=pid)


def main() -> None:
    """Serve until the harness closes our input; the children go with us."""
    _preload()
    _say(born=os.getpid())
    waiting = b""
    while True:
        readable, _, _ = select.select([0], [], [], 0.05)
        if readable:
            more = os.read(0, 65536)
            if not more:
                return
            *lines, waiting = (waiting + more).split(b"\n")
            for line in lines:
                _say(born=_bear(json.loads(line)))
        _reap()


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))
    main()
