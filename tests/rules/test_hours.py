"""When a channel may be used (RULES 12, 33): the boundary is a row."""

from datetime import UTC, date, datetime

import pytest

from modori.kernel.hours import BadHours, is_holiday, next_allowed

CALL = {"weekday": [["09:00", "20:00"]], "holiday": [["10:00", "18:00"]]}


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("day_on", "country", "expected"),
    [
        (date(2026, 11, 20), "JP", False),  # a Friday
        (date(2026, 11, 21), "JP", True),  # Saturday
        (date(2026, 11, 23), "JP", True),  # 勤労感謝の日, a Monday
        (date(2026, 5, 6), "JP", True),  # 振替休日: 3 May 2026 is a Sunday
        (date(2026, 9, 22), "JP", True),  # 国民の休日 between two holidays
        (date(2026, 11, 26), "US", True),  # Thanksgiving
        (date(2026, 11, 26), "JP", False),
        (date(2026, 11, 26), "XX", False),  # an unknown country has weekends only
    ],
)
def test_holidays(day_on: date, country: str, expected: bool) -> None:
    assert is_holiday(day_on, country=country) is expected


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ("2026-11-19T23:59:59", "2026-11-20T00:00:00"),  # Friday 08:59:59 in Tokyo waits a second
        ("2026-11-20T00:00:00", "2026-11-20T00:00:00"),  # 09:00 is open
        ("2026-11-20T10:59:59", "2026-11-20T10:59:59"),  # 19:59:59 is open
        ("2026-11-20T11:00:00", "2026-11-21T01:00:00"),  # 20:00 is closed; Saturday opens at 10
        ("2026-11-22T09:00:00", "2026-11-23T01:00:00"),  # Sunday 18:00 is closed; Monday is 祝日 and opens at 10
        ("2026-11-23T09:00:00", "2026-11-24T00:00:00"),  # after the 祝日 a weekday opens at 9
    ],
)
def test_calls_in_tokyo(now: str, expected: str) -> None:
    opens = next_allowed(utc(now), zone="Asia/Tokyo", country="JP", bands_by_day=CALL, night_is_closed=True)
    assert opens == utc(expected)


def test_several_bands_a_day_leave_lunch_alone() -> None:
    bands = {"weekday": [["13:00", "20:00"], ["09:00", "12:00"]]}
    opens = next_allowed(
        utc("2026-11-20T03:30:00"), zone="Asia/Tokyo", country="JP", bands_by_day=bands, night_is_closed=True
    )
    assert opens == utc("2026-11-20T04:00:00")


def test_no_band_opens_the_night() -> None:
    bands = {"weekday": [["00:00", "24:00"]], "holiday": [["00:00", "24:00"]]}
    late = utc("2026-11-20T12:00:00")  # 21:00 in Tokyo
    opens = next_allowed(late, zone="Asia/Tokyo", country="JP", bands_by_day=bands, night_is_closed=True)
    assert opens == utc("2026-11-20T23:00:00")  # 08:00
    assert next_allowed(late, zone="Asia/Tokyo", country="JP", bands_by_day=bands, night_is_closed=False) == late


def test_the_persons_zone_decides_not_the_servers() -> None:
    # 16:30 in New York (EST) on a weekday, 06:30 of the next day in Tokyo.
    now = utc("2026-11-19T21:30:00")
    bands = {"weekday": [["08:00", "21:00"]], "holiday": [["08:00", "21:00"]]}
    assert next_allowed(now, zone="America/New_York", country="US", bands_by_day=bands, night_is_closed=True) == now
    assert next_allowed(now, zone="Asia/Tokyo", country="JP", bands_by_day=bands, night_is_closed=True) > now


def test_a_band_in_the_gap_of_summer_time_opens_after_it() -> None:
    # New York springs from 02:00 to 03:00 on 8 March 2026.
    bands = {"holiday": [["02:30", "04:00"]]}
    opens = next_allowed(
        utc("2026-03-08T06:00:00"), zone="America/New_York", country="US", bands_by_day=bands, night_is_closed=False
    )
    assert opens == utc("2026-03-08T07:30:00")


def test_what_never_opens_is_looked_at_again_after_a_fortnight() -> None:
    now = utc("2026-11-20T03:00:00")
    assert (next_allowed(now, zone="Asia/Tokyo", country="JP", bands_by_day={}, night_is_closed=True) - now).days == 15


@pytest.mark.parametrize(
    "band", [["9", "20:00"], ["20:00", "09:00"], ["09:00", "25:00"], ["09:00"], ["x9:00", "10:00"]]
)
def test_rubbish_is_refused(band: list[str]) -> None:
    with pytest.raises(BadHours):
        next_allowed(
            utc("2026-11-20T03:00:00"),
            zone="Asia/Tokyo",
            country="JP",
            bands_by_day={"weekday": [band]},
            night_is_closed=True,
        )
