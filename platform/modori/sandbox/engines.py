"""Run a real PostgreSQL 18 and a real Valkey for the demo, the tests and the benchmarks, from wheels.

Both listen on 127.0.0.1 only, with generated passwords. Started by root they run as `nobody` from a folder of ours
under /var/tmp, since PostgreSQL refuses to run as root; started by anyone else, as that user from the checkout's
`.local`. No permission outside that folder is changed.
"""

import contextlib
import os
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import redis

from modori.sandbox.engine_folders import (
    EngineFailed,
    as_engine,
    end_leftovers,
    give_to_engine,
    hold_lock,
    own_folder,
    pginstall,
    private_folder,
    processes_in,
    readable_pginstall,
    valkey_binary,
    write_private,
)
from modori.sandbox.lifeline import die_with_parent
from modori.sandbox.ports import choose_port

POSTGRES_MAJOR = "18"
SUPERUSER = "postgres"
_START_S = 60.0
_STOP_S = 30.0

Say = Callable[[str], None]

# What the demo, the tests and the benchmarks share; `durable` adds the rest.
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "100",
    "shared_buffers": "128MB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "min_wal_size": "64MB",
    "max_wal_size": "512MB",
    "password_encryption": "scram-sha-256",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "jit": "off",
    "log_min_messages": "warning",
}
# Tests run several copies of every process on one cluster.
_NOT_DURABLE = {"max_connections": "200", "fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


@dataclass
class Engines:
    """One PostgreSQL and one Valkey in `folder`. Call `start` from a thread that outlives them, `stop` when done.

    durable         fsync as in production; off only for tests
    postgres_port   tried first; if it is taken another is chosen and said. The same for valkey_port. None: any
    say             gets a line for each thing worth telling a person
    """

    folder: Path
    durable: bool
    postgres_port: int | None = None
    valkey_port: int | None = None
    say: Say = field(default=lambda line: None)
    _superuser_password: str = field(default="", init=False, repr=False)
    _valkey_password: str = field(default_factory=lambda: secrets.token_urlsafe(24), init=False, repr=False)
    _postgres: "subprocess.Popen[bytes] | None" = field(default=None, init=False, repr=False)
    _valkey: "subprocess.Popen[bytes] | None" = field(default=None, init=False, repr=False)
    _lock_fd: int | None = field(default=None, init=False, repr=False)

    @property
    def superuser_url(self) -> str:
        """The URL of the maintenance database as the cluster's superuser. For provisioning, never for serving."""
        return f"postgresql://{SUPERUSER}:{self._superuser_password}@127.0.0.1:{self.postgres_port}/postgres"

    @property
    def redis_url(self) -> str:
        return f"redis://:{self._valkey_password}@127.0.0.1:{self.valkey_port}/0"

    @property
    def binaries(self) -> Path:
        """The folder of PostgreSQL's own programs (pgbench, pg_dump, …)."""
        return pginstall() / "bin"

    def start(self) -> None:
        """Start both and wait until both answer. Raises EnginesInUse, EngineFailed; leaves nothing running then."""
        own_folder(self.folder)
        self._lock_fd = hold_lock(self.folder / "lock")
        try:
            end_leftovers(self.folder / "valkey")
            end_leftovers(self.folder / "pgdata")
            self._initialise_once()
            self._start_postgres()
            self._start_valkey()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop both cleanly. A second call does nothing."""
        _end(self._valkey, (signal.SIGTERM, 5.0), (signal.SIGKILL, _STOP_S))
        # SIGINT is PostgreSQL's fast shutdown, SIGQUIT its immediate one.
        _end(self._postgres, (signal.SIGINT, _STOP_S), (signal.SIGQUIT, 10.0), (signal.SIGKILL, _STOP_S))
        self._valkey = self._postgres = None
        if self._lock_fd is not None:
            os.close(self._lock_fd)
            self._lock_fd = None

    def discard(self) -> None:
        """Stop both and remove everything that they kept."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def discard_if_idle(self) -> None:
        """Remove what a killed owner left. Raises EnginesInUse, and touches nothing, while the owner lives."""
        fd = hold_lock(self.folder / "lock")
        end_leftovers(self.folder / "valkey")
        end_leftovers(self.folder / "pgdata")
        os.close(fd)
        self.discard()

    def __enter__(self) -> "Engines":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def is_alive(self) -> bool:
        """Tell whether both processes still run."""
        return all(p is not None and p.poll() is None for p in (self._postgres, self._valkey))

    def mend(self) -> list[str]:
        """Start again whichever of the two has ended, on its port, and answer the names of those."""
        mended = []
        if self._postgres is not None and self._postgres.poll() is not None:
            self.restart_postgres()
            mended.append("PostgreSQL")
        if self._valkey is not None and self._valkey.poll() is not None:
            self.wipe_valkey(restart=True)
            mended.append("Valkey")
        return mended

    def restart_postgres(self, *, abruptly: bool = True) -> None:
        """Stop PostgreSQL (abruptly: kill -9 of every one of its processes) and start it again on the same port."""
        if abruptly:
            for pid in processes_in(self.folder / "pgdata"):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            _end(self._postgres, (signal.SIGKILL, _STOP_S))
        else:
            _end(self._postgres, (signal.SIGINT, _STOP_S), (signal.SIGQUIT, 10.0), (signal.SIGKILL, _STOP_S))
        end_leftovers(self.folder / "pgdata")
        self._start_postgres()

    def wipe_valkey(self, *, restart: bool = False) -> None:
        """Empty Valkey: by FLUSHALL, or (restart) by kill -9 and a new, empty one on the same port."""
        if restart:
            _end(self._valkey, (signal.SIGKILL, _STOP_S))
            self._start_valkey()
            return
        with redis.Redis.from_url(self.redis_url) as client:
            client.flushall()

    def _initialise_once(self) -> None:
        pgdata, password_file = self.folder / "pgdata", self.folder / "superuser_password"
        if pgdata.exists():
            major = (pgdata / "PG_VERSION").read_text().strip()
            if major != POSTGRES_MAJOR:
                raise EngineFailed(f"{pgdata} was made by PostgreSQL {major}, this is {POSTGRES_MAJOR}: move it away")
            self._superuser_password = password_file.read_text()
            return
        self.say("making a new PostgreSQL cluster")
        self._superuser_password = secrets.token_urlsafe(24)
        write_private(password_file, self._superuser_password)
        unfinished, pwfile = self.folder / "pgdata.unfinished", self.folder / "pwfile"
        write_private(pwfile, self._superuser_password)
        try:
            give_to_engine(pwfile)
            # The wheel has no ICU. The built-in C.UTF-8 sorts and folds; pg_trgm asks the system's ctype for letters.
            for ctype in ("C.UTF-8", "en_US.UTF-8", "C"):
                if unfinished.exists():
                    shutil.rmtree(unfinished)
                private_folder(unfinished)
                command: list[str | Path] = [
                    self._program("initdb"),
                    "-D",
                    unfinished,
                    "-U",
                    SUPERUSER,
                    "--pwfile",
                    pwfile,
                ]
                command += ["--encoding=UTF8", "--locale=C", f"--lc-ctype={ctype}", "--locale-provider=builtin"]
                command += [
                    "--builtin-locale=C.UTF-8",
                    "--auth=scram-sha-256",
                    *([] if self.durable else ["--no-sync"]),
                ]
                made = subprocess.run(command, capture_output=True, text=True, timeout=120, **as_engine(self.folder))
                if made.returncode == 0 or "invalid locale name" not in made.stderr:
                    break
        finally:
            pwfile.unlink()
        if made.returncode != 0:
            raise EngineFailed(f"initdb failed:\n{made.stdout}{made.stderr}")
        unfinished.rename(pgdata)

    def _start_postgres(self) -> None:
        settings = _SETTINGS | ({} if self.durable else _NOT_DURABLE)

        def launch(port: int) -> "subprocess.Popen[bytes]":
            options = [f"--{name}={value}" for name, value in (settings | {"port": str(port)}).items()]
            return self._launch(
                [self._program("postgres"), "-D", self.folder / "pgdata", *options], "postgres", signal.SIGINT
            )

        def answers() -> bool:
            try:
                psycopg.connect(self.superuser_url, connect_timeout=5).close()
            except psycopg.OperationalError:
                return False
            return True

        self._bring_up("PostgreSQL", "postgres", launch, answers)

    def _start_valkey(self) -> None:
        home = self.folder / "valkey"
        private_folder(home)

        def launch(port: int) -> "subprocess.Popen[bytes]":
            config = f"bind 127.0.0.1\nport {port}\nrequirepass {self._valkey_password}\ndir {home}\n"
            config += 'save ""\nappendonly no\n'
            process = self._launch([valkey_binary(self.folder), "-"], "valkey", signal.SIGKILL, stdin=subprocess.PIPE)
            assert process.stdin is not None
            with process.stdin as pipe:  # by stdin, so that the password is in no process list
                pipe.write(config.encode())
            return process

        def answers() -> bool:
            try:
                with redis.Redis.from_url(self.redis_url, socket_connect_timeout=5) as client:
                    return bool(client.ping())
            except redis.RedisError:
                return False

        self._bring_up("Valkey", "valkey", launch, answers)

    def _bring_up(
        self,
        title: str,
        name: str,
        launch: Callable[[int], "subprocess.Popen[bytes]"],
        answers: Callable[[], bool],
    ) -> None:
        """Launch on the wanted port, or on another when somebody took it between our look and the engine's own."""
        wanted: int | None = getattr(self, f"{name}_port")
        for _ in range(3):
            port = choose_port(wanted)
            if wanted is not None and port != wanted:
                self.say(f"port {wanted} is taken: {title} listens on {port}")
            setattr(self, f"{name}_port", port)
            log = self.folder / f"{name}.log"
            log_start = log.stat().st_size if log.exists() else 0
            process = launch(port)
            setattr(self, f"_{name}", process)
            deadline = time.monotonic() + _START_S
            while process.poll() is None and time.monotonic() < deadline:
                if answers():
                    return
                time.sleep(0.05)
            _end(process, (signal.SIGTERM, 5.0), (signal.SIGKILL, _STOP_S))
            said = log.read_bytes()[log_start:].decode(errors="replace")
            if "ddress already in use" not in said:
                break
        raise EngineFailed(f"{title} did not start (log: {log}):\n" + "\n".join(said.splitlines()[-15:]))

    def _launch(
        self, command: list[str | Path], name: str, last_signal: signal.Signals, **more: Any
    ) -> "subprocess.Popen[bytes]":
        with (self.folder / f"{name}.log").open("ab") as log:
            return subprocess.Popen(
                command,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C in the terminal is for the one who started us, who then stops us
                preexec_fn=die_with_parent(last_signal),
                **as_engine(self.folder),
                **({"stdin": subprocess.DEVNULL} | more),
            )

    def _program(self, name: str) -> Path:
        return readable_pginstall(self.folder) / "bin" / name


def _end(process: "subprocess.Popen[bytes] | None", *steps: tuple[signal.Signals, float]) -> None:
    """Send each signal in turn, giving the process its seconds, until it has ended."""
    for step, wait_s in steps:
        if process is None or process.poll() is not None:
            return
        process.send_signal(step)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(wait_s)
