"""Every setting: a MODORI_… variable of the environment, with its meaning, unit and default."""

import base64
import binascii
import hashlib
import re
from enum import StrEnum
from ipaddress import ip_network
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from modori.channels.email.smtp_address import parse_smtp_url
from modori.kernel.email import normalise_email
from modori.kernel.errors import BadEmail, ModoriError, UnknownCurrency
from modori.kernel.money import minor_digits

PREFIX: Final = "MODORI_"
PRICE: Final = re.compile("[A-Z]{3}:[0-9]{1,9}")


def _development_key(name: str) -> str:
    return base64.b64encode(hashlib.sha256(f"modori development {name}".encode()).digest()).decode()


DEVELOPMENT_KEYS: Final = {"master_key": _development_key("master key"), "index_key": _development_key("index key")}
"""Known to everybody who has the source: good for a laptop, refused everywhere else."""


class UnsafeSettings(ModoriError):
    """The process must not start with these settings."""

    code = "unsafe_settings"
    title = "The settings are not safe to serve with"

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


class Environment(StrEnum):
    """development: one machine, loopback, known keys allowed · production: everything else."""

    DEVELOPMENT = "development"
    PRODUCTION = "production"


def _field(default: Any, meaning: str, unit: str = "", **bounds: Any) -> Any:
    return Field(default=default, description=meaning, json_schema_extra={"unit": unit}, **bounds)


class Settings(BaseSettings):
    """What a process is told by its environment. Policies of tenants and sites are rows, not settings."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="ignore", frozen=True, hide_input_in_errors=True)

    env: Environment = _field(Environment.PRODUCTION, "development or production; development allows unsafe defaults")
    database_url: SecretStr | None = _field(
        None, "PostgreSQL as modori_app, for everything that serves or works", "URL"
    )
    scan_database_url: SecretStr | None = _field(None, "PostgreSQL as modori_scan, which claims due rows", "URL")
    owner_database_url: SecretStr | None = _field(
        None, "PostgreSQL as modori_owner, for `migrate` and `init` alone; do not give it to what serves", "URL"
    )
    admin_database_url: SecretStr | None = _field(
        None, "PostgreSQL as a role that may create roles and databases, for `init` alone", "URL"
    )
    database_pool: int = _field(16, "Most connections of one process to PostgreSQL", "connections", ge=2, le=100)
    redis_url: SecretStr = _field(SecretStr("redis://127.0.0.1:6379/0"), "Redis or Valkey, for hints only", "URL")
    public_url: str = _field(
        "http://127.0.0.1:8000", "Where browsers, mails and providers reach the web process; no slash at the end", "URL"
    )
    master_key: SecretStr = _field(
        SecretStr(DEVELOPMENT_KEYS["master_key"]), "Wraps the tenants' data keys", "32 bytes in base64"
    )
    index_key: SecretStr = _field(
        SecretStr(DEVELOPMENT_KEYS["index_key"]), "Root of the blind indexes; never changes", "32 bytes in base64"
    )
    smtp_url: SecretStr = _field(
        SecretStr("smtp://127.0.0.1:25"), "Outgoing mail: smtp://[user:password@]host:port, or smtps://", "URL"
    )
    user_mail_from: str = _field(
        "modori@localhost.localdomain", "Sender of mail to console users: invitations and resets", "e-mail address"
    )
    twilio_account_sid: str = _field("", "Twilio account; empty: no SMS and no dials", "AC…")
    twilio_auth_token: SecretStr = _field(SecretStr(""), "Twilio's secret: signs in, and checks webhooks")
    twilio_auth_token_previous: SecretStr = _field(
        SecretStr(""), "The token before, still believed in webhooks while it is being changed"
    )
    twilio_api_base: str = _field("https://api.twilio.com", "Where the Twilio library sends its requests", "URL")
    host: str = _field("127.0.0.1", "Address that the web process listens on", "IP address")
    port: int = _field(8000, "Port that the web process listens on", "TCP port", ge=1, le=65535)
    metrics_port: int = _field(
        0, "Port on 127.0.0.1 at which worker and scheduler show /metrics; 0: none", "TCP port", ge=0, le=65535
    )
    metrics_token: SecretStr = _field(
        SecretStr(""), "Bearer token for the web process's /metrics; empty: answered to this machine only"
    )
    worker_threads: int = _field(8, "Jobs that one worker runs at once", "threads", ge=1, le=64)
    trusted_proxies: Annotated[tuple[str, ...], NoDecode] = _field(
        (), "Networks whose X-Forwarded-For is believed, with commas between", "CIDR"
    )
    log_level: str = _field("info", "debug, info, warning or error", pattern="^(debug|info|warning|error)$")
    call_timeout_s: int = _field(15, "Longest that one call to a provider may take", "s", ge=1, le=120)
    delivery_deadline_s: int = _field(
        30, "After this without an answer a message or a dial is unknown", "s", ge=2, le=600
    )
    sms_part_minor: Annotated[tuple[str, ...], NoDecode] = _field(
        ("JPY:15",),
        "What one part of an SMS counts against a client's monthly limit, by the client's currency, in its minor unit:"
        " your contract with Twilio, rounded up; commas between",
        "currency:minor unit",
    )
    dial_minor: Annotated[tuple[str, ...], NoDecode] = _field(
        ("JPY:60",),
        "What one dial, both its legs, counts against a client's monthly limit, written alike for the same currencies",
        "currency:minor unit",
    )
    event_retention_days: int = _field(400, "Events older than this are dropped", "days", ge=31, le=3660)
    work_retention_days: int = _field(14, "Finished work and its promises older than this are deleted", "days", ge=1)
    failpoints: str = _field("", "Points at which chaos tests end or delay this process: name=kill:0.05,…")
    failpoint_log: str = _field("", "File to which a point that kills is written first", "path")
    failpoint_seed: int | None = _field(None, "Makes the points' dice fall the same way again")

    @field_validator("trusted_proxies", "sms_part_minor", "dial_minor", mode="before")
    @classmethod
    def _split(cls, given: object) -> object:
        return tuple(part.strip() for part in given.split(",") if part.strip()) if isinstance(given, str) else given

    @field_validator("trusted_proxies")
    @classmethod
    def _are_networks(cls, networks: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(str(ip_network(one)) for one in networks)

    @field_validator("sms_part_minor", "dial_minor")
    @classmethod
    def _are_prices(cls, prices: tuple[str, ...]) -> tuple[str, ...]:
        if not prices or not all(PRICE.fullmatch(one) for one in prices):
            raise ValueError("want the price in each client's currency, in its minor unit, such as JPY:60,USD:45")
        for currency in by_currency(prices):
            try:
                minor_digits(currency)
            except UnknownCurrency as error:
                raise ValueError(f"{currency} is no currency") from error
        if len(by_currency(prices)) < len(prices):
            raise ValueError("names a currency twice")
        return prices

    @field_validator("public_url", "twilio_api_base")
    @classmethod
    def _is_base(cls, url: str) -> str:
        parts = urlsplit(url.rstrip("/"))
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.path or parts.query or parts.fragment:
            raise ValueError("want http(s)://host[:port] and nothing after it")
        return url.rstrip("/")

    @field_validator("smtp_url")
    @classmethod
    def _is_smtp(cls, url: SecretStr) -> SecretStr:
        parse_smtp_url(url.get_secret_value())
        return url

    @field_validator("user_mail_from")
    @classmethod
    def _is_address(cls, address: str) -> str:
        try:
            return normalise_email(address).address
        except BadEmail as error:
            raise ValueError("want an e-mail address") from error

    @field_validator("master_key", "index_key")
    @classmethod
    def _is_key(cls, key: SecretStr) -> SecretStr:
        try:
            raw = base64.b64decode(key.get_secret_value(), validate=True)
        except binascii.Error as error:
            raise ValueError("want base64") from error
        if len(raw) != 32:
            raise ValueError(f"want 32 bytes, these are {len(raw)}")
        return key

    @property
    def is_development(self) -> bool:
        return self.env is Environment.DEVELOPMENT

    @property
    def raw_master_key(self) -> bytes:
        return base64.b64decode(self.master_key.get_secret_value())

    @property
    def raw_index_key(self) -> bytes:
        return base64.b64decode(self.index_key.get_secret_value())

    def faults(self) -> list[str]:
        """Say what forbids to serve with these settings, one sentence each; none: they may be used."""
        found = _timing_faults(self) + _price_faults(self)
        for name in ("database_url", "scan_database_url"):
            if getattr(self, name) is None:
                found.append(f"{PREFIX}{name.upper()} is missing")
        return found if self.is_development else found + _production_faults(self)


def _timing_faults(settings: Settings) -> list[str]:
    if settings.delivery_deadline_s <= settings.call_timeout_s:
        return [f"{PREFIX}DELIVERY_DEADLINE_S must be longer than {PREFIX}CALL_TIMEOUT_S"]
    return []


def _price_faults(settings: Settings) -> list[str]:
    """A limit is kept over messages and dials together: a currency has both prices or none."""
    prices = {name: by_currency(getattr(settings, name)) for name in ("sms_part_minor", "dial_minor")}
    currencies = sorted(set().union(*prices.values()))
    return [
        f"{PREFIX}{name.upper()} has no price in {currency}"
        for name, priced in prices.items()
        for currency in currencies
        if currency not in priced
    ]


def _production_faults(settings: Settings) -> list[str]:
    """What only development may do."""
    found = []
    for name, known in DEVELOPMENT_KEYS.items():
        if getattr(settings, name).get_secret_value() == known:
            found.append(f"{PREFIX}{name.upper()} is missing, or the one for development that everybody knows")
    if settings.raw_master_key == settings.raw_index_key:
        found.append(f"{PREFIX}MASTER_KEY and {PREFIX}INDEX_KEY must differ")
    for name in ("public_url", "twilio_api_base"):
        if not getattr(settings, name).startswith("https://"):
            found.append(f"{PREFIX}{name.upper()} must be https outside development")
    if settings.twilio_account_sid and not settings.twilio_auth_token.get_secret_value():
        found.append(f"{PREFIX}TWILIO_AUTH_TOKEN is missing")
    if settings.failpoints:
        found.append(f"{PREFIX}FAILPOINTS ends processes: development only")
    if settings.user_mail_from.endswith("@localhost.localdomain"):
        found.append(f"{PREFIX}USER_MAIL_FROM is missing")
    return found


def by_currency(prices: tuple[str, ...]) -> dict[str, int]:
    """Read prices as a setting has them: ("JPY:60", "USD:45") is {"JPY": 60, "USD": 45}."""
    split = (one.partition(":") for one in prices)
    return {currency: int(minor) for currency, _, minor in split}


def read() -> Settings:
    """Read the environment. raises UnsafeSettings naming each variable that cannot be read"""
    try:
        return Settings()
    except ValidationError as error:
        raise UnsafeSettings(
            [f"{PREFIX}{'.'.join(str(part) for part in one['loc']).upper()}: {one['msg']}" for one in error.errors()]
        ) from None


def read_safe() -> Settings:
    """Read the environment, and refuse what must not be served with. raises UnsafeSettings"""
    settings = read()
    faults = settings.faults()
    if faults:
        raise UnsafeSettings(faults)
    return settings


def read_to_serve() -> Settings:
    """Read the environment of what answers or works. raises UnsafeSettings, too, where it holds a key to everything"""
    settings = read_safe()
    if settings.is_development:
        return settings
    keys = {"OWNER_DATABASE_URL": settings.owner_database_url, "ADMIN_DATABASE_URL": settings.admin_database_url}
    faults = [
        f"{PREFIX}{name} passes row security: for `init` and `migrate` alone" for name, given in keys.items() if given
    ]
    if faults:
        raise UnsafeSettings(faults)
    return settings


def table(settings: Settings) -> list[tuple[str, str, str, str, str]]:
    """List each setting as (variable, meaning, unit, default, current value); secrets are not shown."""
    rows = []
    for name, field in Settings.model_fields.items():
        extra = field.json_schema_extra
        unit = str(extra.get("unit", "")) if isinstance(extra, dict) else ""
        default, current = field.default, getattr(settings, name)
        shown = _shown(current)
        if name in DEVELOPMENT_KEYS and current == default:
            shown = "(development's)"
        rows.append((f"{PREFIX}{name.upper()}", field.description or "", unit, _shown_default(name, default), shown))
    return rows


def _shown_default(name: str, default: object) -> str:
    if name in DEVELOPMENT_KEYS:
        return "(development's)"
    return _plain(default.get_secret_value() if isinstance(default, SecretStr) else default)


def _shown(value: object) -> str:
    if isinstance(value, SecretStr):
        return _without_password(value.get_secret_value())
    return _plain(value)


def _plain(value: object) -> str:
    if value is None or value in ("", ()):
        return "-"
    return ",".join(value) if isinstance(value, tuple) else str(value)


def _without_password(secret: str) -> str:
    """Show where a URL points, without who logs in; of any other secret, that there is one."""
    if not secret:
        return "-"
    parts = urlsplit(secret)
    if not parts.scheme or not parts.hostname:
        return "(set)"
    place = parts.hostname + (f":{parts.port}" if parts.port else "") + parts.path
    user = f"{parts.username}:…@" if parts.password else f"{parts.username}@" if parts.username else ""
    return f"{parts.scheme}://{user}{place}"
