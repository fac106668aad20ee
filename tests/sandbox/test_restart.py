"""What the outer world knows survives kill -9; a second one does not sit down on the same ports."""

import os
import signal
import smtplib
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from modori.sandbox.app import Sandbox, with_free_ports
from modori.sandbox.ledger import Ledger, iter_lines
from modori.sandbox.settings import SandboxSettings
from tests.sandbox.conftest import SID, TOKEN, Outside, sandbox_settings
from tests.sandbox.receiver import Receiver, wait_until

SERVE = """
from modori.sandbox.app import serve
from modori.sandbox.settings import SandboxSettings
serve(SandboxSettings.from_env())
"""


def environment(settings: SandboxSettings) -> dict[str, str]:
    return {
        **os.environ,
        "MODORI_SANDBOX_SHOP_PORT": str(settings.shop_port),
        "MODORI_SANDBOX_WORLD_PORT": str(settings.world_port),
        "MODORI_SANDBOX_SMTP_PORT": str(settings.smtp_port),
        "MODORI_SANDBOX_SITE_KEY": settings.site_key,
        "MODORI_SANDBOX_SECRET_KEY": settings.secret_key,
        "MODORI_SANDBOX_WEB_URL": settings.web_url,
        "MODORI_SANDBOX_STATE_DIR": str(settings.state_dir),
        "MODORI_TWILIO_ACCOUNT_SID": SID,
        "MODORI_TWILIO_AUTH_TOKEN": TOKEN,
    }


def start(settings: SandboxSettings) -> subprocess.Popen[bytes]:
    process = subprocess.Popen([sys.executable, "-c", SERVE], env=environment(settings), stdout=subprocess.DEVNULL)
    try:
        wait_until(lambda: is_up(settings.shop_url) and is_up(settings.world_url), what="the sandbox")
    except BaseException:
        end(process)
        raise
    return process


def end(process: "subprocess.Popen[bytes]") -> None:
    process.kill()
    process.wait()


def is_up(url: str) -> bool:
    try:
        return httpx.get(url + "/healthz", timeout=5).text == "ok"
    except httpx.TransportError:
        return False


def test_ledgers_and_inboxes_survive_kill_9_and_sigterm_ends_it_well(tmp_path: Path, modori: Receiver) -> None:
    settings = with_free_ports(sandbox_settings(tmp_path, modori.url))
    process = start(settings)
    try:
        api = f"{settings.world_url}/2010-04-01/Accounts/{SID}/Messages.json"
        text = {"To": "+819012345678", "From": "MODORI", "Body": "のこっています"}
        assert httpx.post(api, data=text, auth=(SID, TOKEN)).status_code == 201
        with smtplib.SMTP("127.0.0.1", settings.smtp_port, timeout=30) as smtp:
            smtp.sendmail("a@example.jp", ["b@example.jp"], "Subject: kept\r\n\r\nbody")
        before = httpx.get(settings.world_url + "/messages").json()
        end(process)
        assert [line["channel"] for line in iter_lines(tmp_path / "accepted.jsonl")] == ["sms", "email"]
        process = start(settings)
        after = httpx.get(settings.world_url + "/messages").json()
        assert [(row["id"], row["subject"], row["text"]) for row in after] == [
            (row["id"], row["subject"], row["text"]) for row in before
        ]
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    finally:
        end(process)


def test_a_message_left_half_way_goes_on_after_a_restart(tmp_path: Path, modori: Receiver) -> None:
    settings = with_free_ports(sandbox_settings(tmp_path, modori.url))
    with Sandbox(settings):
        httpx.post(
            f"{settings.world_url}/2010-04-01/Accounts/{SID}/Messages.json",
            data={"To": "+819012345678", "From": "MODORI", "Body": "a", "StatusCallback": modori.url + "/status"},
            auth=(SID, TOKEN),
        )
    with Sandbox(settings):
        posts = modori.wait("/status", count=3)
    assert posts[-1].form["MessageStatus"] == "delivered"


def test_a_call_left_open_has_failed_after_a_restart(tmp_path: Path, modori: Receiver) -> None:
    settings = with_free_ports(sandbox_settings(tmp_path, modori.url))
    with Sandbox(settings):
        httpx.post(
            f"{settings.world_url}/2010-04-01/Accounts/{SID}/Calls.json",
            data={"To": "+819012345678", "From": "+815011112222", "Twiml": "<Response><Pause length='9'/></Response>"}
            | {"StatusCallback": modori.url + "/status"},
            auth=(SID, TOKEN),
        )
    with Sandbox(settings):
        (post,) = modori.wait("/status")
    assert post.form["CallStatus"] == "failed"


def test_emptied_phones_stay_empty_and_the_ledger_stays_full(tmp_path: Path, modori: Receiver) -> None:
    settings = with_free_ports(sandbox_settings(tmp_path, modori.url))
    with Sandbox(settings), smtplib.SMTP("127.0.0.1", settings.smtp_port, timeout=30) as smtp:
        smtp.sendmail("a@example.jp", ["b@example.jp"], "Subject: a\r\n\r\nb")
        assert httpx.delete(settings.world_url + "/messages").status_code == 204
        assert httpx.get(settings.world_url + "/messages").json() == []
    with Sandbox(settings):
        assert httpx.get(settings.world_url + "/messages").json() == []
    assert len(list(iter_lines(tmp_path / "accepted.jsonl"))) == 1


def test_a_torn_last_line_is_passed_over_and_does_not_spoil_the_next(tmp_path: Path) -> None:
    path = tmp_path / "torn.jsonl"
    path.write_bytes(b'{"a": 1}\n{"a": 2')
    ledger = Ledger(path)
    ledger.append({"a": 3})
    ledger.close()
    assert list(iter_lines(path)) == [{"a": 1}, {"a": 3}]


def test_a_taken_port_is_said_and_not_shared(outside: Outside, tmp_path: Path) -> None:
    settings = replace(outside.settings, world_port=0, smtp_port=0, state_dir=tmp_path / "second")
    with pytest.raises(OSError, match=str(outside.settings.shop_port)):
        Sandbox(settings).start()
    assert is_up(outside.settings.shop_url)


def test_settings_name_what_is_missing() -> None:
    with pytest.raises(ValueError, match=r"MODORI_SANDBOX_SITE_KEY.*MODORI_TWILIO_AUTH_TOKEN"):
        SandboxSettings.from_env({"MODORI_SANDBOX_SECRET_KEY": "sk_demo"})
