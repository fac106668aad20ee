"""What the demo world is told at its start."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class SandboxSettings:
    """Ports are TCP ports on the loopback; 0 means "any free one", chosen at the start.

    site_key, secret_key    the demo site's `pk_…` (put into pages) and `sk_…` (used by the shop's server)
    web_url                 base URL of Modori, without a slash at its end
    state_dir               ledgers and mails are kept here, and read again at the next start
    account_sid, auth_token what a Twilio client must show; callbacks are signed with the token
    """

    shop_port: int
    world_port: int
    smtp_port: int
    site_key: str
    secret_key: str
    web_url: str
    state_dir: Path
    account_sid: str
    auth_token: str

    @classmethod
    def from_env(cls, env: Mapping[str, str] = os.environ) -> SandboxSettings:
        """Read `MODORI_SANDBOX_*` and `MODORI_TWILIO_*`. Raises ValueError naming what is missing."""
        wanted = (
            "MODORI_SANDBOX_SITE_KEY",
            "MODORI_SANDBOX_SECRET_KEY",
            "MODORI_SANDBOX_STATE_DIR",
            "MODORI_TWILIO_ACCOUNT_SID",
            "MODORI_TWILIO_AUTH_TOKEN",
        )
        if missing := [name for name in wanted if not env.get(name)]:
            raise ValueError(f"the sandbox needs {', '.join(missing)}")
        return cls(
            shop_port=int(env.get("MODORI_SANDBOX_SHOP_PORT", "8010")),
            world_port=int(env.get("MODORI_SANDBOX_WORLD_PORT", "8020")),
            smtp_port=int(env.get("MODORI_SANDBOX_SMTP_PORT", "8025")),
            site_key=env["MODORI_SANDBOX_SITE_KEY"],
            secret_key=env["MODORI_SANDBOX_SECRET_KEY"],
            web_url=env.get("MODORI_SANDBOX_WEB_URL", "http://127.0.0.1:8000").rstrip("/"),
            state_dir=Path(env["MODORI_SANDBOX_STATE_DIR"]),
            account_sid=env["MODORI_TWILIO_ACCOUNT_SID"],
            auth_token=env["MODORI_TWILIO_AUTH_TOKEN"],
        )

    @property
    def shop_url(self) -> str:
        """On `localhost`, while everything else is on 127.0.0.1: the two share no cookie."""
        return f"http://localhost:{self.shop_port}"

    @property
    def world_url(self) -> str:
        return f"http://127.0.0.1:{self.world_port}"

    @property
    def smtp_url(self) -> str:
        return f"smtp://127.0.0.1:{self.smtp_port}"
