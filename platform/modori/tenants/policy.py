"""Rule tables per country: a site's country chooses the one it starts from (RULES 2, 12, 15, 33)."""

from copy import deepcopy
from dataclasses import dataclass
from typing import Any, Final

Bands = list[list[str]]
"""Wall-time bands of a day, [["09:00", "20:00"]]: from the first minute on, up to but without the last."""

ANY_TIME: Final[Bands] = [["00:00", "24:00"]]


@dataclass(frozen=True)
class CountryRules:
    """What the law of a country says by default.

    hours                   allowed hours per channel; `holiday` is Saturdays, Sundays and the country's holidays
    consent_before_message  mail, SMS and LINE want an opt-in first
    privacy_signal_counts   a browser's Global Privacy Control is a refusal of capture. The United States ask for it
                            (California: 11 CCR 7025; Colorado: 4 CCR 904-3, part 5), the EEA lets a person object by
                            automated means (GDPR, article 21(5)), Japan's law knows no such signal
    """

    country: str
    timezone: str
    locale: str
    hours: dict[str, dict[str, Bands]]
    consent_before_message: bool = True
    privacy_signal_counts: bool = True


def _same(bands: Bands) -> dict[str, Bands]:
    return {"weekday": bands, "holiday": bands}


JAPAN: Final = CountryRules(
    country="JP",
    timezone="Asia/Tokyo",
    locale="ja",
    hours={
        "call": {"weekday": [["09:00", "20:00"]], "holiday": [["10:00", "18:00"]]},
        "sms": _same([["09:00", "20:00"]]),
        "line": _same([["09:00", "20:00"]]),
        "email": _same(ANY_TIME),
    },
    privacy_signal_counts=False,
)
"""RULES 12."""

UNITED_STATES: Final = CountryRules(
    country="US",
    timezone="America/New_York",
    locale="en",
    hours={
        "call": _same([["08:00", "21:00"]]),
        "sms": _same([["08:00", "21:00"]]),
        "line": _same([["08:00", "21:00"]]),
        "email": _same(ANY_TIME),
    },
)
"""RULES 33: TCPA, 8:00 to 21:00 at the called party's place."""

CAREFUL: Final = CountryRules(
    country="",
    timezone="UTC",
    locale="en",
    hours={
        "call": {"weekday": [["09:00", "20:00"]], "holiday": []},
        "sms": {"weekday": [["09:00", "20:00"]], "holiday": [["10:00", "18:00"]]},
        "line": {"weekday": [["09:00", "20:00"]], "holiday": [["10:00", "18:00"]]},
        "email": _same(ANY_TIME),
    },
)
"""A country that has no table yet: the careful answer to everything."""

TABLES: Final = {rules.country: rules for rules in (JAPAN, UNITED_STATES)}
CONSENT_CHANNELS: Final = ("email", "sms", "line", "call")


def rules_of(country: str) -> CountryRules:
    """Return the rule table of an ISO 3166 country code; the careful one where there is none."""
    return TABLES.get(country, CAREFUL)


def hours_of(country: str) -> dict[str, Any]:
    """Return a copy of the country's hours, to be stored with a site."""
    return deepcopy(rules_of(country).hours)
