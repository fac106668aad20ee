"""The built wheel carries what the processes need at run time, and nothing of the tests."""

import subprocess
import sys
import zipfile
from pathlib import Path

from tests.architecture.lints import CHECKOUT


def test_the_wheel_carries_the_console_the_sdk_and_the_migrations(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check"]
    command += ["--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", str(tmp_path), str(CHECKOUT)]
    subprocess.run(command, check=True, capture_output=True, timeout=600)
    with zipfile.ZipFile(next(tmp_path.glob("modori-*.whl"))) as wheel:
        names = set(wheel.namelist())
    assert "modori/entrypoints/cli.py" in names
    assert "modori/_assets/sdk/modori.js" in names
    assert "modori/_assets/migrations/env.py" in names
    for folder, packed in (("platform/migrations/versions", "migrations/versions"), ("operator_ui", "operator_ui")):
        there = [path for path in (CHECKOUT / folder).rglob("*") if path.is_file() and "__pycache__" not in path.parts]
        wanted = {f"modori/_assets/{packed}/{path.relative_to(CHECKOUT / folder)}" for path in there}
        assert wanted
        assert wanted <= names
    assert not any(name.startswith(("tests/", "platform/", "client_sdk/")) for name in names)
