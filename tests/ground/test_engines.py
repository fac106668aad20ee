"""The embedded engines: theirs alone, behind passwords, and back after whatever happened."""

import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest
import redis

from modori.sandbox.engine_folders import EngineFailed, EnginesInUse, engines_folder, own_folder, processes_in
from modori.sandbox.engines import Engines
from modori.sandbox.ports import choose_port, is_free


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    folder = engines_folder("engines", project=tmp_path)
    yield folder
    for one in (folder / "pgdata", folder / "valkey"):
        for pid in processes_in(one):
            os.kill(pid, signal.SIGKILL)
    shutil.rmtree(folder.parent, ignore_errors=True)


def ask(url: str, question: str) -> object:
    with psycopg.connect(url) as connection:
        row = connection.execute(question).fetchone()
    return row and row[0]


def keep_a_row(url: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute("create table kept as select 7 as n")


def test_both_want_a_password_and_listen_on_the_loopback_only(own_engines: Engines) -> None:
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(host="127.0.0.1", port=own_engines.postgres_port, user="postgres", password="guess")
    with (
        pytest.raises(redis.AuthenticationError),
        redis.Redis(host="127.0.0.1", port=int(own_engines.valkey_port or 0)) as stranger,
    ):
        stranger.ping()
    ports = {own_engines.postgres_port, own_engines.valkey_port}
    addresses = [one.laddr for one in psutil.net_connections("tcp") if one.status == psutil.CONN_LISTEN]
    heard = {address.ip for address in addresses if address and address.port in ports}
    assert heard == {"127.0.0.1"}


def test_they_do_not_run_as_root_and_only_they_can_read_their_files(own_engines: Engines) -> None:
    wanted = "nobody" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
    for home in ("pgdata", "valkey"):
        pids = processes_in(own_engines.folder / home)
        assert pids
        assert {psutil.Process(pid).username() for pid in pids} == {wanted}
        assert stat.S_IMODE((own_engines.folder / home).stat().st_mode) == 0o700
    assert stat.S_IMODE((own_engines.folder / "superuser_password").stat().st_mode) == 0o600


def test_no_process_list_shows_a_password(own_engines: Engines) -> None:
    passwords = {url.split("@")[0].rpartition(":")[2] for url in (own_engines.superuser_url, own_engines.redis_url)}
    for home in ("pgdata", "valkey"):
        for pid in processes_in(own_engines.folder / home):
            assert not any(word in argument for argument in psutil.Process(pid).cmdline() for word in passwords)


def test_japanese_is_compared_by_letters(own_engines: Engines) -> None:
    assert ask(own_engines.superuser_url, "select '戻り' ~ '^[[:alpha:]]+$' and upper('é') = 'É'") is True
    assert ask(own_engines.superuser_url, "select current_setting('timezone')") == "UTC"


def test_a_kill_of_every_postgres_process_loses_nothing_committed(folder: Path) -> None:
    with Engines(folder, durable=True) as engines:
        keep_a_row(engines.superuser_url)
        port = engines.postgres_port
        engines.restart_postgres(abruptly=True)
        assert engines.postgres_port == port
        assert ask(engines.superuser_url, "select n from kept") == 7
        assert ask(engines.superuser_url, "show fsync") == "on"


def test_a_wipe_empties_valkey_and_keeps_its_address(own_engines: Engines) -> None:
    for restart in (False, True):
        with redis.Redis.from_url(own_engines.redis_url) as client:
            client.set("hint", "1")
        own_engines.wipe_valkey(restart=restart)
        with redis.Redis.from_url(own_engines.redis_url) as client:
            assert client.dbsize() == 0


def test_a_second_owner_of_the_same_folder_is_refused(folder: Path) -> None:
    with Engines(folder, durable=False) as engines:
        with pytest.raises(EnginesInUse):
            Engines(folder, durable=False).start()
        assert ask(engines.superuser_url, "select 1") == 1


def test_a_taken_port_is_left_alone_and_the_other_choice_is_said(own_engines: Engines, folder: Path) -> None:
    said: list[str] = []
    with Engines(folder, durable=False, postgres_port=own_engines.postgres_port, say=said.append) as engines:
        assert engines.postgres_port != own_engines.postgres_port
        assert f"port {own_engines.postgres_port} is taken: PostgreSQL listens on {engines.postgres_port}" in said


KILLED = """
import os, sys
from pathlib import Path
from modori.sandbox.engines import Engines
engines = Engines(Path(sys.argv[1]), durable=True)
engines.start()
print(engines.superuser_url, flush=True)
input()
"""


def test_a_killed_owner_leaves_no_engine_and_the_next_one_finds_the_data(folder: Path) -> None:
    command: list[str | Path] = [sys.executable, "-c", KILLED, folder]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        keep_a_row(owner.stdout.readline().strip())
        owner.kill()
    if sys.platform.startswith("linux"):
        deadline = time.monotonic() + 60
        while processes_in(folder / "pgdata") + processes_in(folder / "valkey"):
            assert time.monotonic() < deadline
            time.sleep(0.05)
    with Engines(folder, durable=True) as engines:
        assert ask(engines.superuser_url, "select n from kept") == 7


def test_a_stale_pid_file_that_names_a_strangers_process_does_no_harm(folder: Path) -> None:
    with Engines(folder, durable=False):
        pid_file = (folder / "pgdata" / "postmaster.pid").read_text()
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        lines = [str(stranger.pid), *pid_file.splitlines()[1:]]
        (folder / "pgdata" / "postmaster.pid").write_text("\n".join(lines) + "\n")
        with Engines(folder, durable=False) as engines:
            assert ask(engines.superuser_url, "select 1") == 1
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_a_cluster_of_another_version_is_not_touched(folder: Path) -> None:
    with Engines(folder, durable=False):
        pass
    (folder / "pgdata" / "PG_VERSION").write_text("17\n")
    with pytest.raises(EngineFailed, match="made by PostgreSQL 17, this is 18"):
        Engines(folder, durable=False).start()


@pytest.mark.parametrize("trap", ["symlink", "stranger's folder"])
def test_as_root_a_folder_that_somebody_prepared_is_refused(tmp_path: Path, trap: str) -> None:
    if os.geteuid() != 0:
        own_folder(tmp_path / "engines")  # an ordinary user's folders lie in the checkout, where no stranger writes
        return
    prepared = tmp_path / "prepared"
    if trap == "symlink":
        prepared.symlink_to(tmp_path)
    else:
        prepared.mkdir()
        os.chown(prepared, 65534, 65534)
    with pytest.raises(EngineFailed, match="not a folder of root's"):
        own_folder(prepared / "engines")


def test_a_port_in_use_is_not_chosen(own_engines: Engines) -> None:
    taken = own_engines.postgres_port or 0
    assert not is_free(taken)
    assert choose_port(taken) != taken
    free = choose_port(None)
    assert choose_port(free) == free
    assert choose_port(free, avoid=frozenset({free})) != free


def test_a_chosen_port_is_none_that_the_kernel_gives_to_others_and_no_two_are_alike() -> None:
    given = range(32_768, 61_000)  # Linux's own choice
    chosen = [choose_port(None) for _ in range(50)]
    assert not any(port in given for port in chosen)
    assert len(set(chosen)) == 50
