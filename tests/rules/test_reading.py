"""What of an event is read, with which bounds, and what the event table keeps of it (RULES 36, G8)."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from modori.capture.bodies import event_body
from modori.capture.reading import Reading, Refusal, read_event
from modori.capture.rules import CaptureSeen, FormSeen, ReadEvent
from modori.kernel.ids import TenantId, new_id
from tests.world import NOW

TENANT = TenantId(UUID(int=1))
SITE = "https://s.example"


def read(kind: str, sent: dict[str, Any], *, sdk: str | None = "1.2.0", capture_off: bool = False) -> Any:
    raw = {
        "id": str(new_id()),
        "type": kind,
        "at": NOW.isoformat(),
        "visitor": "visitor-1",
        "page": {"url": f"{SITE}/cart", "title": ""},
        "data": sent,
    }
    reading = Reading((SITE,), "JP", False, capture_off, sent_at=NOW, received_at=NOW + timedelta(seconds=1), sdk=sdk)
    return read_event(raw, reading)


def body(kind: str, sent: dict[str, Any], **more: Any) -> dict[str, Any]:
    event = read(kind, sent, **more)
    assert isinstance(event, ReadEvent), event
    return event_body(event.seen, tenant_id=TENANT, country="JP")


def surveyed(**more: Any) -> dict[str, Any]:
    return {"field": "zip01", "token": "postal-code", "why": "taken"} | more


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ({}, {"sdk": "1.2.0"}),
        ({"kind": "thanks"}, {"kind": "thanks", "sdk": "1.2.0"}),
        (
            {"health": {"errors": 1, "queued": 2, "dropped": 0}},
            {"health": {"errors": 1, "queued": 2, "dropped": 0}, "sdk": "1.2.0"},
        ),
        ({"health": {}, "unheard": 1}, {"health": {"errors": 0, "queued": 0, "dropped": 0}, "sdk": "1.2.0"}),
    ],
)
def test_a_page_says_its_kind_and_how_the_tag_fares(sent: dict[str, Any], kept: dict[str, Any]) -> None:
    assert body("page", sent) == kept


@pytest.mark.parametrize("sdk", [None, "", "<script>", "1" * 32, "4111 1111 1111 1111"])
def test_what_is_no_version_is_not_kept(sdk: str | None) -> None:
    assert body("page", {}, sdk=sdk) == {}


def test_a_form_keeps_its_survey_and_its_times() -> None:
    kept = body(
        "form",
        {
            "form": "checkout",
            "fields": {"name": "hanako"},
            "survey": [surveyed(), surveyed(field="card@x", token="cc-number", why="card"), surveyed(token=None)],
            "times": {"email": {"ms": 1234.6, "edits": 2}, "nickname": {"ms": 1, "edits": 0}},
        },
    )
    assert kept["survey"] == [surveyed(), {"field": "•••", "token": None, "why": "card"}, surveyed(token=None)]
    assert kept["times"] == {"email": {"ms": 1235, "edits": 2}}
    assert "hanako" not in str(kept)


def test_a_form_event_that_says_nothing_of_it_keeps_nothing_of_it() -> None:
    kept = body("form", {"form": "checkout"})
    assert "survey" not in kept
    assert "times" not in kept
    assert body("form", {"form": "checkout", "survey": []})["survey"] == []


@pytest.mark.parametrize(
    ("kind", "sent"),
    [
        ("page", {"kind": "basket"}),
        ("page", {"health": {"errors": -1}}),
        ("page", {"health": {"errors": "3"}}),
        ("page", {"health": {"errors": 0.5}}),
        ("page", {"health": 3}),
        ("form", {"form": "f", "survey": [surveyed()] * 81}),
        ("form", {"form": "f", "survey": [surveyed(field="n" * 41)]}),
        ("form", {"form": "f", "survey": [surveyed(token="t" * 41)]}),
        ("form", {"form": "f", "survey": [surveyed(why="because")]}),
        ("form", {"form": "f", "survey": [{"field": "x"}]}),
        ("form", {"form": "f", "times": {"email": {"ms": -1, "edits": 0}}}),
        ("form", {"form": "f", "times": {"email": {"ms": 86_400_001, "edits": 0}}}),
        ("form", {"form": "f", "times": {"email": {"ms": 1, "edits": 0.5}}}),
        ("form", {"form": "f", "times": {"email": 5}}),
        ("consent", {"channel": "capture", "granted": True, "text": " "}),  # a grant without its words is none
        ("consent", {"channel": "post", "granted": False}),
        ("identify", {"email": "a@b.jp", "proof": {"at": NOW.isoformat(), "mac": "00"}}),
        ("identify", {"email": "a@b.jp", "proof": {"at": NOW.isoformat(), "mac": "g" * 64}}),
        ("identify", {"email": "a@b.jp", "proof": {"at": "2" * 41, "mac": "0" * 64}}),
        ("identify", {"email": "a@b.jp", "proof": "yes"}),
    ],
)
def test_what_is_out_of_bounds_is_refused(kind: str, sent: dict[str, Any]) -> None:
    refusal = read(kind, sent)
    assert isinstance(refusal, Refusal)
    assert refusal.code == "bad_data"


def test_the_largest_survey_is_taken() -> None:
    assert len(body("form", {"form": "f", "survey": [surveyed(field="n" * 40)] * 80})["survey"]) == 80


@pytest.mark.parametrize("token", ["name-kana", "street-address", "family-name-kana", "address-line2"])
def test_fields_of_the_allow_list(token: str) -> None:
    event = read("form", {"form": "f", "fields": {token: "ヤマダ ハナコ", "nickname": "はな"}, "last_field": token})
    assert isinstance(event.seen, FormSeen)
    assert event.seen.fields == {token: "ヤマダ ハナコ"}
    assert event.seen.last_field == token


@pytest.mark.parametrize("capture_off", [False, True])
def test_no_thanks_is_heard_whatever_the_site_captures(capture_off: bool) -> None:
    event = read("consent", {"channel": "capture", "granted": False, "control": "#no"}, capture_off=capture_off)
    assert event.seen == CaptureSeen(granted=False, text="", control="#no")
    kept = event_body(event.seen, tenant_id=TENANT, country="JP")
    assert (kept["channel"], kept["granted"], kept["control"]) == ("capture", False, "#no")
