"""Two analytics trackers to stand beside: fetched from npm once by version and digest, and minified as for a page.

They are kept under .local/trackers and are no part of the project.
"""

import base64
import gzip
import hashlib
import io
import json
import subprocess
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from modori.sandbox.engine_folders import checkout_folder
from modori.sandbox.node import find_or_install_node, install_packages

FETCH_S: Final = 120


@dataclass(frozen=True)
class Package:
    """A version on npm.

    sha512  the registry's own integrity of it
    source  the tracker's file in it
    entry   what starts it on a page, where its file does not start by itself; SERVER is the address it reports to
    """

    name: str
    version: str
    sha512: str
    source: str
    entry: str | None = None


UMAMI: Final = Package(
    "umami",
    "2.10.0",
    "+lmrnV0751R6U2rkIgVAlE1nWI7yZawlMlJDguW9tlFacCKhnGeCyc7tCMIhNNYIiGIQy4DEX5IzJhm4b3+dPA==",
    "package/src/tracker/index.js",
)
PLAUSIBLE: Final = Package(
    "@plausible-analytics/tracker",
    "0.4.6",
    "nbu6xGgSP6jeYuoVklZBzucUnIpo75tVu3Kr+R0EDycVKaMC/jF5Q/YCaM/8gR4fPZ1IDcXt6FdBJFZ1uZwEPA==",
    "package/plausible.js",
    'import { init } from "./tracker.js";'
    'init({ domain: "shop.example", endpoint: "SERVER/api/event", captureOnLocalhost: true, logging: false });',
)


@dataclass(frozen=True)
class Tracker:
    name: str
    script: str

    @property
    def gzip_bytes(self) -> int:
        return len(gzip.compress(self.script.encode(), 9))


def fetch_tracker(package: Package) -> Tracker:
    """Return a tracker's minified script. raises CalledProcessError without npm's registry, ValueError on a digest"""
    folder = checkout_folder() / ".local" / "trackers"
    folder.mkdir(parents=True, exist_ok=True)
    kept = folder / f"{package.name.rpartition('/')[2]}-{package.version}.js"
    if not kept.is_file():
        with tempfile.TemporaryDirectory(dir=folder) as work:
            unfinished = Path(work) / "built.js"
            _build(_fetch_source(package, Path(work)), package.entry, unfinished)
            unfinished.replace(kept)
    return Tracker(f"{package.name} {package.version}", kept.read_text())


def _fetch_source(package: Package, work: Path) -> str:
    node = find_or_install_node()
    subprocess.run(
        [*node.npm, "pack", "--silent", f"{package.name}@{package.version}"],
        cwd=work,
        env=node.environment(),
        capture_output=True,
        timeout=FETCH_S,
        check=True,
    )
    packed = next(work.glob("*.tgz")).read_bytes()
    if base64.b64encode(hashlib.sha512(packed).digest()).decode() != package.sha512:
        raise ValueError(f"{package.name} {package.version} is not the package that we know")
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        member = archive.extractfile(package.source)
        assert member is not None
        return member.read().decode()


def _build(source: str, entry: str | None, to: Path) -> None:
    """Minify as our own scripts are."""
    (to.parent / "tracker.js").write_text(source)
    (to.parent / "entry.js").write_text(entry or source)
    sdk = checkout_folder() / "client_sdk"
    install_packages(sdk)
    options = {
        "entryPoints": [str(to.parent / "entry.js")],
        "outfile": str(to),
        "bundle": True,
        "minify": True,
        "format": "iife",
        "target": "es2020",
    }
    node = find_or_install_node()
    program = "require('esbuild').buildSync(JSON.parse(process.argv[1]))"
    subprocess.run([*node.node, "-e", program, json.dumps(options)], cwd=sdk, timeout=FETCH_S, check=True)
