"""What a demo keeps between two starts, and what it tells the outside while it runs: files in `.local`, mode 0600."""

import base64
import contextlib
import fcntl
import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from modori.entrypoints.demo_supervisor import DemoFailed
from modori.storage.roles import RolePasswords


@dataclass(frozen=True)
class DemoUrls:
    """Base URLs without a slash at the end. The shop is on localhost, the rest on 127.0.0.1: they share no cookie."""

    web: str
    shop: str
    console: str
    inbox: str


@dataclass(frozen=True)
class Login:
    email: str
    password: str


@dataclass(frozen=True)
class DemoStory:
    """What the seed made: the demo tenant's name, its site's keys, and one log-in for each role."""

    site_key: str
    secret_key: str
    tenant: str
    logins: Mapping[str, Login]

    def write(self, path: Path) -> None:
        write_private(path, asdict(self) | {"logins": {role: asdict(one) for role, one in self.logins.items()}})

    @classmethod
    def read(cls, path: Path) -> "DemoStory | None":
        """Read what an earlier start wrote, None if there was none."""
        if not path.exists():
            return None
        told = json.loads(path.read_text())
        return cls(**told | {"logins": {role: Login(**one) for role, one in told["logins"].items()}})


@dataclass(frozen=True)
class DemoSecrets:
    """Made once for each checkout. Keys are 32 random bytes in base64."""

    master_key: str
    index_key: str
    owner_password: str
    app_password: str
    scan_password: str
    twilio_account_sid: str
    twilio_auth_token: str

    @property
    def role_passwords(self) -> RolePasswords:
        return RolePasswords(self.owner_password, self.app_password, self.scan_password)

    @classmethod
    def make(cls) -> "DemoSecrets":
        return cls(
            master_key=base64.b64encode(secrets.token_bytes(32)).decode(),
            index_key=base64.b64encode(secrets.token_bytes(32)).decode(),
            owner_password=secrets.token_urlsafe(24),
            app_password=secrets.token_urlsafe(24),
            scan_password=secrets.token_urlsafe(24),
            twilio_account_sid="AC" + secrets.token_hex(16),
            twilio_auth_token=secrets.token_hex(16),
        )

    def __repr__(self) -> str:
        return "DemoSecrets(…)"


class DemoFolder:
    """The `.local` folder of one checkout."""

    def __init__(self, project: Path) -> None:
        self.path = project / ".local"
        self.path.mkdir(exist_ok=True)
        self.logs, self.story, self.running = self.path / "logs", self.path / "story.json", self.path / "demo.json"
        self.sandbox = self.path / "sandbox"
        self._lock_fd: int | None = None

    def lock(self) -> None:
        """Hold the folder until `unlock` or our end. raises DemoFailed while another demo holds it."""
        fd = os.open(self.path / "demo.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(fd)
            raise DemoFailed(f"A demo runs from this folder already.{self._where()} Stop it first (Ctrl-C).") from None
        self._lock_fd = fd
        self.running.unlink(missing_ok=True)  # left by a demo that was killed

    def unlock(self) -> None:
        if self._lock_fd is not None:
            os.close(self._lock_fd)
            self._lock_fd = None

    def secrets(self) -> tuple[DemoSecrets, bool]:
        """Read the secrets, or make them; the second answer tells whether they are new."""
        path = self.path / "secrets.json"
        if path.exists():
            return DemoSecrets(**json.loads(path.read_text())), False
        made = DemoSecrets.make()
        write_private(path, asdict(made))
        return made, True

    def announce(self, urls: DemoUrls, story: DemoStory) -> None:
        """Write demo.json, whole or not at all: it is there exactly while the demo can be used."""
        told = asdict(urls) | {"site_key": story.site_key, "secret_key": story.secret_key, "tenant": story.tenant}
        write_private(self.running, told | {"logins": {role: asdict(one) for role, one in story.logins.items()}})

    def withdraw(self) -> None:
        if self._lock_fd is not None:
            self.running.unlink(missing_ok=True)

    def _where(self) -> str:
        with contextlib.suppress(OSError, ValueError, KeyError):
            return f" Its console is at {json.loads(self.running.read_text())['console']}."
        return ""


def write_private(path: Path, told: Mapping[str, Any]) -> None:
    """Write JSON for this user's eyes only. A reader sees the old file or the whole new one."""
    unfinished = path.with_name(f"{path.name}.{os.getpid()}")
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(told, file, indent=2, ensure_ascii=False)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)
