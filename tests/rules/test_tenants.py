"""Origins, limits and countries, as tables."""

import pytest

from modori.tenants import policy, rules
from modori.tenants.rules import BadOrigin
from modori.tenants.wire import SiteChange


@pytest.mark.parametrize(
    ("typed", "origin"),
    [
        ("https://shop.example", "https://shop.example"),
        ("https://Shop.Example/", "https://shop.example"),
        (" https://shop.example:443 ", "https://shop.example"),
        ("https://shop.example:8443", "https://shop.example:8443"),
        ("https://買い物.example", "https://xn--n8jt50rfrq.example"),
        ("http://localhost:8010", "http://localhost:8010"),
        ("http://127.0.0.1", "http://127.0.0.1"),
        ("http://[::1]:80", "http://[::1]"),
    ],
)
def test_an_origin_is_written_as_browsers_send_it(typed: str, origin: str) -> None:
    assert rules.normalise_origin(typed) == origin


@pytest.mark.parametrize(
    "typed",
    [
        "shop.example",
        "https://",
        "https://shop.example/cart",
        "https://shop.example?x=1",
        "https://shop.example#top",
        "https://user@shop.example",
        "https://*.shop.example",
        "https://shop .example",
        "https://shop.example:99999",
        "http://shop.example",  # anybody on the way could read and change it
        "http://localhost.example",
        "ftp://shop.example",
        "javascript:alert(1)",
        "https://" + "a" * 64 + ".example",  # a DNS label holds 63
    ],
)
def test_what_is_no_origin_is_refused(typed: str) -> None:
    with pytest.raises(BadOrigin):
        rules.normalise_origin(typed)


def test_rules12_japans_hours_are_the_default() -> None:
    hours = policy.hours_of("JP")
    assert hours["call"] == {"weekday": [["09:00", "20:00"]], "holiday": [["10:00", "18:00"]]}
    assert hours["sms"] == hours["line"] == {"weekday": [["09:00", "20:00"]], "holiday": [["09:00", "20:00"]]}
    assert hours["email"]["holiday"] == [["00:00", "24:00"]]


def test_rules33_america_has_its_own_table_and_others_the_careful_one() -> None:
    assert policy.hours_of("US")["call"]["weekday"] == [["08:00", "21:00"]]
    assert policy.hours_of("FR")["call"]["holiday"] == []
    assert policy.rules_of("FR").consent_before_message


@pytest.mark.parametrize(("country", "counts"), [("JP", False), ("US", True), ("FR", True), ("GB", True), ("", True)])
def test_a_browsers_privacy_signal_counts_where_the_country_asks_for_it(country: str, *, counts: bool) -> None:
    assert policy.rules_of(country).privacy_signal_counts is counts


def test_a_sites_copy_of_the_hours_is_its_own() -> None:
    policy.hours_of("JP")["call"]["weekday"].clear()
    assert policy.hours_of("JP")["call"]["weekday"]


@pytest.mark.parametrize("country", ["JP", "US", "FR"])
def test_every_countrys_hours_may_be_stored(country: str) -> None:
    assert SiteChange.model_validate({"hours": policy.hours_of(country)})


@pytest.mark.parametrize(
    "bands",
    [
        [["9:00", "20:00"]],
        [["09:00", "09:00"]],
        [["20:00", "09:00"]],
        [["09:00", "12:00"], ["11:59", "18:00"]],
        [["09:00", "25:00"]],
        [["09:00"]],
        ["09:00-20:00"],
        "09:00",
    ],
)
def test_bands_that_are_none_are_refused(bands: object) -> None:
    hours = policy.hours_of("JP") | {"call": {"weekday": bands, "holiday": []}}
    with pytest.raises(ValueError, match="hours"):
        SiteChange.model_validate({"hours": hours})


LIMITS = {
    "message_gap_s": 72_000,
    "first_messages_per_contact_day": 1,
    "messages_per_contact_week": 3,
    "dial_gap_s": 3600,
    "dials_per_day": 2,
    "dials_per_lead": 5,
}


@pytest.mark.parametrize(
    ("wanted", "beyond"),
    [
        ({}, []),
        (LIMITS, []),  # as loose as the agency allows
        ({"message_gap_s": 71_999}, ["message_gap_s"]),
        ({"message_gap_s": 72_001, "dial_gap_s": 3599}, ["dial_gap_s"]),
        ({"first_messages_per_contact_day": 2}, ["first_messages_per_contact_day"]),
        ({"messages_per_contact_week": 4, "dials_per_day": 3}, ["dials_per_day", "messages_per_contact_week"]),
        ({"dials_per_lead": 6}, ["dials_per_lead"]),
        (dict.fromkeys(LIMITS, 10**6), sorted(rules.MOST)),
        (dict.fromkeys(LIMITS, 0), sorted(rules.LEAST)),
        ({"messages_per_lead": 10**6, "name": "x"}, []),  # a site's own affair
    ],
)
def test_rules31_a_site_is_never_looser_than_the_agency(wanted: dict[str, object], beyond: list[str]) -> None:
    assert LIMITS.keys() == rules.LIMITS
    assert rules.beyond_limits(wanted, LIMITS) == beyond


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ({"a": 1}, {"a": 1}, {"fields": []}),
        ({"a": 1, "b": 2}, {"a": 1, "b": 3}, {"fields": ["b"], "numbers": {"b": [2, 3]}}),
        ({"limit": None}, {"limit": 5}, {"fields": ["limit"], "numbers": {"limit": [None, 5]}}),
        ({"limit": 5}, {"limit": None}, {"fields": ["limit"], "numbers": {"limit": [5, None]}}),
        ({"name": "山田"}, {"name": "佐藤"}, {"fields": ["name"]}),  # no word of anybody's goes into the audit
        ({"signed_mode": False}, {"signed_mode": True}, {"fields": ["signed_mode"]}),
        ({"text": None}, {"text": "x"}, {"fields": ["text"]}),
    ],
)
def test_the_audit_names_what_changed_and_of_numbers_old_and_new(
    before: dict[str, object], after: dict[str, object], said: dict[str, object]
) -> None:
    assert rules.changes_of(before, after) == said


@pytest.mark.parametrize(
    ("typed", "origin"),
    [
        ("cdn.shop.example", "https://cdn.shop.example"),
        (" https://CDN.shop.example/ ", "https://cdn.shop.example"),
        ("cdn.shop.example:8443", "https://cdn.shop.example:8443"),
    ],
)
def test_pictures_come_over_https_from_a_host(typed: str, origin: str) -> None:
    assert rules.normalise_picture_origin(typed) == origin


@pytest.mark.parametrize("typed", ["http://localhost:8000", "cdn.shop.example/img", "*.shop.example", "", "https://"])
def test_what_is_no_host_of_pictures_is_refused(typed: str) -> None:
    with pytest.raises(rules.BadPictureOrigin):
        rules.normalise_picture_origin(typed)
