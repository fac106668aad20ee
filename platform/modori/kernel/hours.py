"""When a channel may be used: bands of local wall time, with the holidays of a country (RULES 12, 33)."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import holidays as public_holidays

Bands = Sequence[Sequence[str]]
"""[["09:00", "12:00"], ["13:00", "20:00"]]: from the first up to, not including, the second; "24:00" is midnight."""

NEVER_BEFORE, NEVER_FROM = time(8), time(21)
"""No call, SMS or LINE message at 21:00–08:00, whatever a site's bands say (RULES 12)."""

LOOK_AHEAD_DAYS = 15
"""Bands closed for longer than this are taken for a mistake: the next look is after it."""


class BadHours(ValueError):
    """The bands cannot be read."""


@lru_cache(maxsize=32)
def _holidays(country: str, year: int) -> frozenset[date]:
    if country not in public_holidays.list_supported_countries():
        return frozenset()
    return frozenset(public_holidays.country_holidays(country, years=year).keys())


def is_holiday(day_on: date, *, country: str) -> bool:
    """Say whether shops would call it a holiday: Saturday, Sunday or a public one (祝日, 振替休日 included)."""
    return day_on.weekday() >= 5 or day_on in _holidays(country, day_on.year)


def next_allowed(
    now: datetime, *, zone: str, country: str, bands_by_day: Mapping[str, Bands], night_is_closed: bool
) -> datetime:
    """Return `now` where it is within a band, else the start of the next one, as a UTC instant.

    bands_by_day     {"weekday": Bands, "holiday": Bands}; a missing day is closed
    night_is_closed  cut every band to 08:00–21:00
    returns          LOOK_AHEAD_DAYS later where nothing opens until then
    raises           BadHours for a band that is no pair of times in order
    """
    tz = ZoneInfo(zone)
    first_on = now.astimezone(tz).date()
    for ahead in range(LOOK_AHEAD_DAYS):
        day_on = first_on + timedelta(days=ahead)
        kind = "holiday" if is_holiday(day_on, country=country) else "weekday"
        for opens_at, closes_at in _instants(bands_by_day.get(kind, ()), day_on, tz, night_is_closed):
            if now < closes_at:
                return max(now, opens_at)
    return now + timedelta(days=LOOK_AHEAD_DAYS)


def _instants(bands: Bands, day_on: date, tz: ZoneInfo, night_is_closed: bool) -> list[tuple[datetime, datetime]]:
    """Turn one day's bands into pairs of UTC instants, in order, empty ones left out."""
    pairs = []
    for band in bands:
        opens, closes = _minutes(band)
        if night_is_closed:
            opens = max(opens, NEVER_BEFORE.hour * 60)
            closes = min(closes, NEVER_FROM.hour * 60)
        if opens < closes:
            pairs.append((_instant(day_on, opens, tz), _instant(day_on, closes, tz)))
    return sorted(pairs)


def _minutes(band: Sequence[str]) -> tuple[int, int]:
    try:
        opens, closes = (int(text[:2]) * 60 + int(text[3:]) for text in band)
    except ValueError as error:
        raise BadHours(str(band)) from error
    if not 0 <= opens < closes <= 24 * 60:
        raise BadHours(str(band))
    return opens, closes


def _instant(day_on: date, minutes: int, tz: ZoneInfo) -> datetime:
    """Wall time to UTC; in a gap of summer time the later reading counts, so nothing opens early."""
    wall = datetime.combine(day_on, time(0), tz) + timedelta(minutes=minutes)
    return wall.astimezone(UTC)
