"""What of an event is read, with which bounds, and what the event table keeps of it (RULES 36, G8)."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from modori.capture.bodies import event_body
from modori.capture.model import LeakKind
from modori.capture.protection.proofs import proof_mac
from modori.capture.reading import Leak, Reading, Refusal, read_event
from modori.capture.rules import (
    CaptureSeen,
    FormSeen,
    IdentifySeen,
    Mark,
    Proof,
    ProofVerdict,
    ReadEvent,
    starts_episode,
)
from modori.kernel.ids import TenantId, new_id
from tests.leaks import without_ids
from tests.world import NOW

TENANT = TenantId(UUID(int=1))
SITE = "https://s.example"


def read(kind: str, sent: dict[str, Any], *, sdk: str | None = "1.2.0", capture_off: bool = False, **more: Any) -> Any:
    raw = {
        "id": str(new_id()),
        "type": kind,
        "at": NOW.isoformat(),
        "visitor": "visitor-1",
        "page": {"url": f"{SITE}/cart", "title": ""},
        "data": sent,
    }
    received_at = NOW + timedelta(seconds=1)
    reading = Reading((SITE,), "JP", False, capture_off, sent_at=NOW, received_at=received_at, sdk=sdk, **more)
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


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("checkout", "checkout"),
        ("order[hanako@example.jp]", "•••"),
        ("member-09012345678", "member-•••"),
    ],
)
def test_a_forms_name_keeps_nobodys_number_or_address(name: str, kept: str) -> None:
    assert body("form", {"form": name})["form"] == kept


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
        ("consent", {"channel": "email", "granted": True, "text": " "}),  # a grant without its words is none
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


def proven(**more: Any) -> dict[str, Any]:
    mac = proof_mac(b"sgn_1", visitor="visitor-1", contact="hanako@example.jp", at=NOW.isoformat())
    return {"email": "Hanako@Example.jp", "proof": {"at": NOW.isoformat(), "mac": mac}} | more


@pytest.mark.parametrize(
    ("sent", "secrets", "proof"),
    [
        (proven(), (b"sgn_1",), Proof(ProofVerdict.VALID, "email")),  # signed in lower case
        (proven(tel="090-1234-5678"), (b"sgn_1",), Proof(ProofVerdict.VALID, "email")),  # the first of those given
        (proven(), (b"sgn_2",), Proof(ProofVerdict.WRONG, "email")),
        (proven(), (), Proof(ProofVerdict.WRONG, "email")),
        (proven(email="taro@example.jp"), (b"sgn_1",), Proof(ProofVerdict.WRONG, "email")),
        (proven(email=None, member_id="7"), (b"sgn_1",), Proof(ProofVerdict.WRONG, "member_id")),
        (proven(email=None, name="花子"), (b"sgn_1",), None),  # nothing that a proof could speak of
        (proven(proof=None), (b"sgn_1",), None),
    ],
)
def test_a_proof_speaks_of_one_contact(sent: dict[str, Any], secrets: tuple[bytes, ...], proof: Proof | None) -> None:
    seen = read("identify", sent, secrets=secrets).seen
    assert isinstance(seen, IdentifySeen)
    assert seen.proof == proof


@pytest.mark.parametrize(
    ("member", "sent", "contact"),
    [
        ("tel", {"tel": "０９０-1234-5678"}, "+819012345678"),
        ("line", {"line": "U" + "0" * 32, "member_id": "7"}, "U" + "0" * 32),
        ("member_id", {"member_id": 1001}, "1001"),
    ],
)
def test_what_is_signed_is_the_normal_form(member: str, sent: dict[str, Any], contact: str) -> None:
    mac = proof_mac(b"sgn_1", visitor="visitor-1", contact=contact, at=NOW.isoformat())
    seen = read("identify", sent | {"proof": {"at": NOW.isoformat(), "mac": mac}}, secrets=(b"sgn_1",)).seen
    assert isinstance(seen, IdentifySeen)
    assert seen.proof == Proof(ProofVerdict.VALID, member)


@pytest.mark.parametrize(
    ("kind", "sent", "leak"),
    [
        ("form", {"form": "f", "fields": {"name": "4111 1111 1111 1111"}}, Leak(LeakKind.CARD, "name")),
        (
            "form",
            {"form": "f", "fields": {"name": "４１１１－１１１１－１１１１－１１１１"}},
            Leak(LeakKind.CARD, "name"),
        ),
        ("form", {"form": "f", "fields": {"cc-csc": "123"}}, Leak(LeakKind.SECURITY_CODE, "cc-csc")),
        ("form", {"form": "f", "fields": {"new-password": "x"}}, Leak(LeakKind.PASSWORD, "new-password")),
        (
            "form",
            {"form": "f", "fields": {"password " + "x" * 90: "x"}},
            Leak(LeakKind.PASSWORD, "password " + "x" * 31),
        ),
        ("form", {"form": "f", "fields": {"password-09012345678": "x"}}, Leak(LeakKind.PASSWORD, "password-•••")),
        ("form", {"form": "f", "fields": {"one-time-code": "1"}}, Leak(LeakKind.ONE_TIME_CODE, "one-time-code")),
        ("form", {"form": "4111111111111111"}, Leak(LeakKind.CARD, "form")),
        ("identify", {"name": "4111111111111111"}, Leak(LeakKind.CARD, "name")),
        ("identify", {"member_id": "4111111111111111"}, Leak(LeakKind.CARD, "member_id")),
        ("order", {"id": "4111111111111111", "currency": "JPY", "value": 1}, Leak(LeakKind.CARD, "id")),
        (
            "cart",
            {"currency": "JPY", "value": 1, "items": [{"id": "1", "name": "4111111111111111", "price": 1}]},
            Leak(LeakKind.CARD, "items.name"),
        ),
        ("page", {"kind": "basket"}, None),  # refused, and no leak
    ],
)
def test_g8_a_leak_is_told_by_its_kind_and_field(kind: str, sent: dict[str, Any], leak: Leak | None) -> None:
    refusal = read(kind, sent)
    assert isinstance(refusal, Refusal)
    assert refusal.leak == leak
    assert "4111" not in without_ids(repr(refusal))


def test_a_crawlers_event_is_marked_and_opens_nothing() -> None:
    event = read("form", {"form": "f"}, mark=Mark.BOT)
    assert event.mark is Mark.BOT
    assert not starts_episode(event, last_ordered_at=None)
    assert starts_episode(read("form", {"form": "f"}), last_ordered_at=None)


def test_a_consent_manager_may_permit_capture_without_words() -> None:
    assert read("consent", {"channel": "capture", "granted": True}).seen == CaptureSeen(True, "", None)


@pytest.mark.parametrize(
    ("image", "is_kept"),
    [
        (f"{SITE}/p.png", True),
        ("https://cdn.example/p.png?v=2", True),
        ("http://cdn.example/p.png", False),  # over https alone
        ("https://cdn.example.evil.example/p.png", False),
        ("https://cdn.example:8443/p.png", False),
        ("https://evil.example/p.png", False),
    ],
)
def test_g8_pictures_lie_on_the_site_or_where_it_says_and_links_on_the_site_alone(image: str, is_kept: bool) -> None:
    cart: dict[str, Any] = {
        "currency": "JPY",
        "value": 1,
        "items": [{"id": "1", "name": "鍋", "price": 1, "quantity": 1, "image": image}],
    }
    event = read("cart", cart, picture_origins=("https://cdn.example",))
    assert isinstance(event, ReadEvent), event
    assert event_body(event.seen, tenant_id=TENANT, country="JP")["items"][0].get("image") == (
        image if is_kept else None
    )
    led_there = read("cart", cart | {"url": "https://cdn.example/cart"}, picture_origins=("https://cdn.example",))
    assert getattr(led_there, "code", None) == "off_origin"
