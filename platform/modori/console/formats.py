"""Money, instants, days and lengths of time as a reader of either language writes them."""

from datetime import date, datetime
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_datetime
from babel.numbers import format_compact_decimal, format_currency, format_decimal, format_percent
from babel.units import format_unit

from modori.kernel.money import Money

_MOMENT: Final = {"ja": "M月d日 HH:mm", "en": "d MMM HH:mm"}
_MOMENT_WITH_YEAR: Final = {"ja": "y年M月d日 HH:mm", "en": "d MMM y HH:mm"}
_EXACT: Final = {"ja": "y年M月d日(E) HH:mm:ss z", "en": "EEE d MMM y HH:mm:ss z"}
_DAY: Final = {"ja": "y年M月d日", "en": "d MMM y"}
_MONTH: Final = {"ja": "y年M月", "en": "MMMM y"}


def money(minor: int, currency: str, *, locale: str) -> str:
    """Write an amount in minor units with its sign and separators: ￥4,980, -￥747, $49.80."""
    return format_currency(Money(minor, currency).major(), currency, locale=locale)


def major_money(amount: Decimal, currency: str, *, locale: str) -> str:
    """Write an amount in major units: of no known currency as it stands."""
    return format_currency(amount, currency, locale=locale)


def moment(instant: datetime, *, zone: str, locale: str, now: datetime) -> str:
    """Write an instant in the reader's zone; the year only where it is not this one."""
    here = instant.astimezone(ZoneInfo(zone))
    patterns = _MOMENT if here.year == now.astimezone(ZoneInfo(zone)).year else _MOMENT_WITH_YEAR
    return format_datetime(here, patterns[locale], tzinfo=here.tzinfo, locale=locale)


def exact(instant: datetime, *, zone: str, locale: str) -> str:
    """Write an instant to the second with its weekday and zone."""
    tzinfo = ZoneInfo(zone)
    return format_datetime(instant.astimezone(tzinfo), _EXACT[locale], tzinfo=tzinfo, locale=locale)


def calendar_day(day: date, *, locale: str) -> str:
    return format_date(day, _DAY[locale], locale=locale)


def calendar_month(day: date, *, locale: str) -> str:
    return format_date(day, _MONTH[locale], locale=locale)


def lasting(seconds: float, *, locale: str) -> str:
    """Write a length of time in its largest two units: 1 時間 30 分, 3 days."""
    whole = round(seconds)
    if whole < 60:
        return _in_one_unit(whole, 1, locale=locale)
    parts: list[str] = []
    for size in (86400, 3600, 60, 1):
        count, whole = divmod(whole, size)
        if count and len(parts) < 2:
            parts.append(_in_one_unit(count * size, size, locale=locale))
    return " ".join(parts)


def _in_one_unit(seconds: int, size: int, *, locale: str) -> str:
    unit = {86400: "day", 3600: "hour", 60: "minute", 1: "second"}[size]
    return format_unit(seconds // size, unit, length="long" if locale == "en" else "short", locale=locale)


def number(value: float | Decimal, *, locale: str) -> str:
    return format_decimal(value, locale=locale)


def many(value: int, *, locale: str) -> str:
    """Write a large count short: 12K, 1.2万."""
    return format_compact_decimal(value, locale=locale, fraction_digits=1) if value >= 10_000 else str(value)


def percent(basis_points: int, *, locale: str) -> str:
    """Write basis points as a percentage: 1500 is 15%."""
    return format_percent(basis_points / 10_000, format="#,##0.##%", locale=locale)
