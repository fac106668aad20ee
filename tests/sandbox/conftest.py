"""The demo world on free ports, with a receiver where Modori would be."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client

from modori.sandbox.app import Sandbox
from modori.sandbox.settings import SandboxSettings
from tests.sandbox.receiver import Receiver

SID = "AC" + "0" * 32
TOKEN = "the-token"


class AtTheSandbox(TwilioHttpClient):  # type: ignore[misc]  # twilio ships no types
    """twilio's own client, pointed at another host."""

    def __init__(self, base_url: str, *, timeout: float) -> None:
        super().__init__(timeout=timeout)
        self._base_url = base_url

    def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> Any:
        return super().request(method, url.replace("https://api.twilio.com", self._base_url), *args, **kwargs)


@dataclass
class Outside:
    """A running sandbox and what a test needs to talk to it."""

    sandbox: Sandbox
    modori: Receiver
    http: httpx.Client

    @property
    def settings(self) -> SandboxSettings:
        return self.sandbox.settings

    def twilio(self, *, token: str = TOKEN, timeout_s: float = 30.0) -> Client:
        http_client = AtTheSandbox(self.settings.world_url, timeout=timeout_s)
        return Client(SID, token, http_client=http_client)

    def fault(self, **fault: Any) -> None:
        assert self.http.post("/control/faults", json=fault).status_code == 201

    def phone(self, number: str, **habits: Any) -> None:
        assert self.http.post(f"/control/phones/{number}", json=habits).status_code == 200

    def messages(self, **wanted: str) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self.http.get("/messages", params=wanted).json()
        return rows

    def ledger(self, name: str) -> list[dict[str, Any]]:
        path = self.settings.state_dir / f"{name}.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()]


def sandbox_settings(state_dir: Path, web_url: str) -> SandboxSettings:
    return SandboxSettings(
        shop_port=0,
        world_port=0,
        smtp_port=0,
        site_key="pk_demo",
        secret_key="sk_demo",
        web_url=web_url,
        state_dir=state_dir,
        account_sid=SID,
        auth_token=TOKEN,
    )


def plain_http(base_url: str) -> httpx.Client:
    """A client that loads no certificates, which takes longer than most tests here."""
    return httpx.Client(base_url=base_url, follow_redirects=False, timeout=30, verify=False, trust_env=False)


@pytest.fixture
def modori() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.stop()


@pytest.fixture
def outside(tmp_path: Path, modori: Receiver) -> Iterator[Outside]:
    with (
        Sandbox(sandbox_settings(tmp_path, modori.url)) as sandbox,
        plain_http(sandbox.settings.world_url) as http,
    ):
        yield Outside(sandbox, modori, http)
