"""What a process refuses to start with, and what `modori settings` says."""

import base64
import os

import pytest

from modori.entrypoints import cli, settings
from modori.entrypoints.settings import DEVELOPMENT_KEYS, Settings, UnsafeSettings

KEY = base64.b64encode(b"m" * 32).decode()
OTHER_KEY = base64.b64encode(b"i" * 32).decode()

PRODUCTION = {
    "MODORI_DATABASE_URL": "postgresql://modori_app:very-secret@db.example/modori",
    "MODORI_SCAN_DATABASE_URL": "postgresql://modori_scan:very-secret@db.example/modori",
    "MODORI_PUBLIC_URL": "https://modori.example",
    "MODORI_MASTER_KEY": KEY,
    "MODORI_INDEX_KEY": OTHER_KEY,
    "MODORI_SMTP_URL": "smtp://user:very-secret@mail.example:587",
    "MODORI_USER_MAIL_FROM": "console@agency.example",
    "MODORI_TWILIO_ACCOUNT_SID": "AC" + "0" * 32,
    "MODORI_TWILIO_AUTH_TOKEN": "very-secret",
}


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An environment with what production needs, and nothing of the person's own."""
    for name in [name for name in os.environ if name.startswith("MODORI_")]:
        monkeypatch.delenv(name)
    for name, value in PRODUCTION.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


def test_a_whole_environment_is_safe(environment: pytest.MonkeyPatch) -> None:
    found = settings.read_safe()
    assert found.env == "production"
    assert (found.raw_master_key, found.raw_index_key) == (b"m" * 32, b"i" * 32)
    assert (found.call_timeout_s, found.delivery_deadline_s) == (15, 30)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("DATABASE_URL", None, "DATABASE_URL is missing"),
        ("SCAN_DATABASE_URL", None, "SCAN_DATABASE_URL is missing"),
        ("PUBLIC_URL", None, "PUBLIC_URL must be https"),
        ("PUBLIC_URL", "http://modori.example", "PUBLIC_URL must be https"),
        ("MASTER_KEY", None, "MASTER_KEY is missing"),
        ("MASTER_KEY", DEVELOPMENT_KEYS["master_key"], "MASTER_KEY is missing, or the one for development"),
        ("INDEX_KEY", DEVELOPMENT_KEYS["index_key"], "INDEX_KEY is missing, or the one for development"),
        ("INDEX_KEY", KEY, "must differ"),
        ("TWILIO_API_BASE", "http://127.0.0.1:8020", "TWILIO_API_BASE must be https"),
        ("TWILIO_AUTH_TOKEN", None, "TWILIO_AUTH_TOKEN is missing"),
        ("USER_MAIL_FROM", None, "USER_MAIL_FROM is missing"),
        ("FAILPOINTS", "begin.after_commit=kill:1", "FAILPOINTS ends processes"),
        ("DELIVERY_DEADLINE_S", "15", "DELIVERY_DEADLINE_S must be longer"),
        ("SMS_PART_MINOR", "JPY:15,USD:2", "MODORI_DIAL_MINOR has no price in USD"),
        ("DIAL_MINOR", "JPY:60,EUR:40", "MODORI_SMS_PART_MINOR has no price in EUR"),
    ],
)
def test_production_refuses_what_only_development_may_do(
    environment: pytest.MonkeyPatch, name: str, value: str | None, said: str
) -> None:
    if value is None:
        environment.delenv(f"MODORI_{name}")
    else:
        environment.setenv(f"MODORI_{name}", value)
    with pytest.raises(UnsafeSettings) as refused:
        settings.read_safe()
    assert len(refused.value.faults) == 1
    assert said in refused.value.faults[0]


@pytest.mark.parametrize("name", ["OWNER_DATABASE_URL", "ADMIN_DATABASE_URL"])
def test_g7_what_serves_refuses_a_key_to_everything(environment: pytest.MonkeyPatch, name: str) -> None:
    assert settings.read_to_serve() == settings.read_safe()
    environment.setenv(f"MODORI_{name}", "postgresql://modori_owner:x@127.0.0.1/modori")
    with pytest.raises(UnsafeSettings) as refused:
        settings.read_to_serve()
    assert f"MODORI_{name}" in refused.value.detail


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ENV", "staging"),
        ("PUBLIC_URL", "https://modori.example/console"),
        ("PUBLIC_URL", "modori.example"),
        ("MASTER_KEY", "not base64!"),
        ("MASTER_KEY", base64.b64encode(b"short").decode()),
        ("SMTP_URL", "http://mail.example"),
        ("USER_MAIL_FROM", "console"),
        ("TRUSTED_PROXIES", "10.0.0.0/99"),
        ("PORT", "70000"),
        ("LOG_LEVEL", "loud"),
        ("WORKER_THREADS", "0"),
        ("DIAL_MINOR", "60"),  # of which currency? Before 0047 of any
        ("DIAL_MINOR", ""),
        ("DIAL_MINOR", "JPY:-1"),
        ("DIAL_MINOR", "USD:0.45"),
        ("DIAL_MINOR", "jpy:60"),
        ("DIAL_MINOR", "JPY:60,JPY:70"),
        ("SMS_PART_MINOR", "ZZZ:15"),
        ("SMS_PART_MINOR", "JPY:١٥"),
    ],
)
def test_what_cannot_be_read_is_named_and_not_repeated(environment: pytest.MonkeyPatch, name: str, value: str) -> None:
    environment.setenv(f"MODORI_{name}", value)
    with pytest.raises(UnsafeSettings) as refused:
        settings.read()
    assert f"MODORI_{name}" in refused.value.detail
    if name == "MASTER_KEY":
        assert value not in refused.value.detail


def test_development_may_do_without(environment: pytest.MonkeyPatch) -> None:
    for name in set(PRODUCTION) - {"MODORI_DATABASE_URL", "MODORI_SCAN_DATABASE_URL"}:
        environment.delenv(name)
    environment.setenv("MODORI_ENV", "development")
    environment.setenv("MODORI_TWILIO_API_BASE", "http://127.0.0.1:8020/")
    found = settings.read_safe()
    assert found.twilio_api_base == "http://127.0.0.1:8020"


def test_proxies_are_a_list(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("MODORI_TRUSTED_PROXIES", "10.0.0.0/8, 192.0.2.7")
    assert settings.read().trusted_proxies == ("10.0.0.0/8", "192.0.2.7/32")


def test_prices_are_a_table_by_currency(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("MODORI_SMS_PART_MINOR", "JPY:15, USD:2,KWD:9")
    environment.setenv("MODORI_DIAL_MINOR", "KWD:120,JPY:60,USD:45")
    found = settings.read_safe()
    assert settings.by_currency(found.sms_part_minor) == {"JPY": 15, "USD": 2, "KWD": 9}
    assert settings.by_currency(found.dial_minor) == {"JPY": 60, "USD": 45, "KWD": 120}


def test_a_price_that_names_no_currency_is_refused_with_an_example(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("MODORI_DIAL_MINOR", "60")
    with pytest.raises(UnsafeSettings) as refused:
        settings.read()
    assert refused.value.detail.startswith("MODORI_DIAL_MINOR: ")
    assert "such as JPY:60,USD:45" in refused.value.detail


def test_every_setting_is_listed_with_its_meaning_and_without_secrets(
    environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    environment.setenv("MODORI_REDIS_URL", "redis://:very-secret@cache.example:6380/2")
    assert cli.main(["settings"]) == 0
    said = capsys.readouterr().out
    for name, field in Settings.model_fields.items():
        assert f"MODORI_{name.upper()}" in said
        assert field.description, f"{name} has no meaning"
    assert "postgresql://modori_app:…@db.example/modori" in said
    assert "cache.example:6380" in said
    for secret in ("very-secret", KEY, OTHER_KEY):
        assert secret not in said


def test_the_list_says_what_is_not_safe(environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    environment.delenv("MODORI_MASTER_KEY")
    assert cli.main(["settings"]) == 1
    said = capsys.readouterr().out
    assert "Not safe to serve with:" in said
    assert DEVELOPMENT_KEYS["master_key"] not in said


@pytest.mark.parametrize("command", ["web", "worker", "scheduler"])
def test_no_process_starts_with_unsafe_settings(
    environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    environment.setenv("MODORI_PUBLIC_URL", "http://modori.example")
    assert cli.main([command]) == 1
    assert "MODORI_PUBLIC_URL must be https" in capsys.readouterr().err
