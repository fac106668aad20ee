"""The commands that a newcomer types."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.architecture.lints import CHECKOUT

TARGETS = ["help", "demo", "dev", "test", "check", "fix", "bench", "forms", "chaos", "migration", "seed", "sdk"]


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    """A checkout with nothing but what make itself looks at."""
    for name in ("Makefile", "requirements.lock", "pyproject.toml"):
        shutil.copy(CHECKOUT / name, tmp_path)
    return tmp_path


def make(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    outside = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    """Under `make test` a make is a second level, which says where it enters and leaves; a newcomer's is the first."""
    return subprocess.run(
        ["make", *arguments], cwd=folder, env=outside, capture_output=True, text=True, timeout=300, check=False
    )


def test_make_alone_prints_each_target_on_one_line(empty: Path) -> None:
    said = make(empty)
    assert said.returncode == 0
    lines = said.stdout.splitlines()
    assert [line.split()[1] for line in lines] == TARGETS
    assert all(len(line.split()) > 2 and len(line) <= 110 for line in lines)
    assert not (empty / ".venv").exists()


def test_a_python_that_is_missing_is_said(empty: Path) -> None:
    said = make(empty, "check", "PYTHON=")
    assert said.returncode != 0
    assert "Python 3.11 or newer was not found" in said.stdout


def test_a_python_without_venv_is_told_what_to_install(empty: Path) -> None:
    python = empty / "python-of-debian"
    python.write_text("#!/bin/sh\nexit 1\n")
    python.chmod(0o755)
    said = make(empty, "check", f"PYTHON={python}")
    assert said.returncode != 0
    assert (
        f"{python} cannot make virtual environments. On Debian and Ubuntu: apt-get install python3-venv" in said.stdout
    )


def test_a_python_that_is_too_old_is_passed_over_and_a_missing_one_hides_nothing(empty: Path) -> None:
    tools = empty / "bin"
    tools.mkdir()
    (tools / "python3").write_text("#!/bin/sh\nexit 1\n")  # what the version question answers on an old Python
    (tools / "python3.12").write_text("#!/bin/sh\nexit 0\n")
    for name in ("python3", "python3.12"):
        (tools / name).chmod(0o755)
    (empty / "Makefile").write_text((empty / "Makefile").read_text() + "\n$(info $(PYTHON))\n")
    said = subprocess.run(
        [str(shutil.which("make")), "--question", "help"],
        cwd=empty,
        env={"PATH": f"{tools}:{sh_only(empty)}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert said.stdout.splitlines()[0] == "python3.12", said.stderr


def sh_only(folder: Path) -> Path:
    """A PATH in which no real Python can be found."""
    only = folder / "only-sh"
    only.mkdir()
    (only / "sh").symlink_to("/bin/sh")
    return only


def test_every_command_that_make_runs_exists() -> None:
    modules = re.findall(r"-m (modori[\w.]*|tests[\w.]*)", (CHECKOUT / "Makefile").read_text())
    assert modules
    for module in modules:
        path = CHECKOUT / ("" if module.startswith("tests") else "platform") / module.replace(".", "/")
        assert path.with_suffix(".py").exists() or (path / "__main__.py").exists(), module
