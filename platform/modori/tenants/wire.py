"""What may be set on a tenant and a site, and within which bounds."""

from datetime import datetime, time
from typing import Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator
from pydantic_core import PydanticCustomError

from modori.kernel.errors import UnknownCurrency
from modori.kernel.money import minor_digits
from modori.kernel.phone import known_country
from modori.tenants.model import CaptureMode
from modori.tenants.policy import CONSENT_CHANNELS
from modori.tenants.rules import normalise_origin, normalise_picture_origin

Seconds = Annotated[int, Field(ge=1, le=366 * 86400)]
Gap = Annotated[int, Field(ge=0, le=366 * 86400)]
Count = Annotated[int, Field(ge=0, le=1_000_000)]


def _known_currency(code: str) -> str:
    try:
        minor_digits(code)
    except UnknownCurrency as error:
        raise PydanticCustomError("unknown_currency", "not an ISO 4217 code") from error
    return code


def _in_order(bands: list[list[str]]) -> list[list[str]]:
    """Refuse bands that are not [[from, until], …] in order, within one day, without overlap."""
    try:
        last = -1
        for start, end in ((_minute(start), _minute(end)) for start, end in bands):
            if start < last or end <= start:
                raise ValueError
            last = end
    except ValueError as error:
        raise PydanticCustomError("bad_bands", "bands are [from, until] in order, HH:MM, without overlap") from error
    return bands


def _minute(text: str) -> int:
    if text == "24:00":
        return 1440
    at = time.fromisoformat(text)
    if len(text) != 5:
        raise ValueError("times are HH:MM")
    return at.hour * 60 + at.minute


Bands = Annotated[list[list[str]], AfterValidator(_in_order)]


class TenantChange(BaseModel):
    """Any part of a client's particulars; what is not given stays."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    name: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    sender_name: Annotated[str, Field(min_length=1, max_length=100)] | None = None
    sender_name_en: Annotated[str, Field(max_length=100)] | None = None
    postal_address: Annotated[str, Field(min_length=1, max_length=300)] | None = None
    complaint_contact: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    goods_kind: Annotated[str, Field(min_length=1, max_length=100)] | None = None
    goods_kind_en: Annotated[str, Field(max_length=100)] | None = None
    mail_from: Annotated[str, Field(min_length=3, max_length=254)] | None = None
    sms_from: Annotated[str, Field(min_length=1, max_length=16)] | None = None
    voice_from: Annotated[str, Field(min_length=1, max_length=16)] | None = None
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$"), AfterValidator(_known_currency)] | None = None
    tax_rate_bp: Annotated[int, Field(ge=0, le=10_000)] | None = None
    order_feed_max_age_s: Seconds | None = None
    monthly_spend_limit_minor: Annotated[int, Field(strict=True, ge=0)] | None = None
    """At most `rules.most_spend_minor` of the client's currency. Text that was typed is read in it first."""
    consent_duty: Annotated[str, Field(pattern="^(tenant|agency)$")] | None = None
    record_duty: Annotated[str, Field(pattern="^(tenant|agency)$")] | None = None
    opt_out_duty: Annotated[str, Field(pattern="^(tenant|agency)$")] | None = None


class LimitsChange(BaseModel):
    """Any of the limits that no site may loosen; what is not given stays."""

    model_config = ConfigDict(extra="forbid")

    message_gap_s: Gap | None = None
    first_messages_per_contact_day: Count | None = None
    messages_per_contact_week: Count | None = None
    dial_gap_s: Gap | None = None
    dials_per_day: Count | None = None
    dials_per_lead: Count | None = None


class SiteChange(BaseModel):
    """Any part of a site's policy; what is not given stays."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    name: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    origins: Annotated[list[str], Field(min_length=1, max_length=20)] | None = None
    picture_origins: Annotated[list[str], Field(max_length=20)] | None = None
    country: Annotated[str, Field(pattern="^[A-Z]{2}$"), AfterValidator(known_country)] | None = None
    timezone: str | None = None
    locale: Annotated[str, Field(pattern="^(ja|en)$")] | None = None
    capture_mode: CaptureMode | None = None
    notice_selector: Annotated[str, Field(max_length=200)] | None = None
    notice_text: Annotated[str, Field(max_length=8000)] | None = None
    abandon_after_s: Seconds | None = None
    episode_expires_after_s: Seconds | None = None
    holdout_pct: Annotated[int, Field(ge=0, le=100)] | None = None
    quarantine_until: datetime | None = None
    quarantine_daily_cap: Count | None = None
    hours: dict[str, dict[str, Bands]] | None = None
    messages_per_lead: Count | None = None
    message_gap_s: Gap | None = None
    first_messages_per_contact_day: Count | None = None
    messages_per_contact_week: Count | None = None
    dial_gap_s: Gap | None = None
    dials_per_day: Count | None = None
    dials_per_lead: Count | None = None
    touch_max_age_s: Seconds | None = None
    ip_events_per_s: Count | None = None
    ip_events_burst: Count | None = None
    site_events_per_s: Count | None = None
    contact_points_per_ip_hour: Count | None = None
    contact_points_per_visitor_day: Count | None = None
    contact_points_per_prefix_hour: Count | None = None
    signed_mode: bool | None = None
    has_order_feed: bool | None = None
    cart_url: Annotated[str, Field(max_length=2000)] | None = None

    @field_validator("origins")
    @classmethod
    def _origins_are_origins(cls, origins: list[str] | None) -> list[str] | None:
        return None if origins is None else list(dict.fromkeys(normalise_origin(one) for one in origins))

    @field_validator("picture_origins")
    @classmethod
    def _pictures_lie_on_origins(cls, origins: list[str] | None) -> list[str] | None:
        return None if origins is None else list(dict.fromkeys(normalise_picture_origin(one) for one in origins))

    @field_validator("timezone")
    @classmethod
    def _zone_is_known(cls, name: str | None) -> str | None:
        try:
            return name if name is None else ZoneInfo(name).key
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError("not an IANA time zone") from error

    @field_validator("hours")
    @classmethod
    def _hours_are_of_every_channel(cls, hours: dict[str, Any] | None) -> dict[str, Any] | None:
        if hours is None:
            return None
        if set(hours) != set(CONSENT_CHANNELS):
            raise ValueError(f"hours want exactly {', '.join(CONSENT_CHANNELS)}")
        for channel, days in hours.items():
            if set(days) != {"weekday", "holiday"}:
                raise ValueError(f"{channel} wants weekday and holiday")
        return hours
