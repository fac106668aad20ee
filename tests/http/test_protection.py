"""Protection at ingest: crawlers marked, leaks counted, "no thanks" heeded, look-alikes held, proofs verified."""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from httpx import Response
from sqlalchemy import text

from modori.api.edge import ApiConfig
from modori.api.ingest import IngestApp
from modori.api.keys import SiteKeys
from modori.api.rates import Rates
from modori.capture.model import EpisodeState
from modori.capture.protection.proofs import proof_mac
from modori.capture.scans import forget_contact_velocity
from modori.kernel import clock
from modori.kernel.ids import EpisodeId, new_id
from modori.kernel.masking import DOTS
from modori.leads.model import Lead
from modori.leads.rules import NoLead
from modori.people.naming import name_person
from modori.storage.db import tenant_transaction
from modori.tenants.keys import end_rotation, rotate_signing_secret
from tests.asgi import Asker
from tests.captureworld import (
    add_route,
    cart,
    consent,
    current,
    event,
    form,
    new_visitor,
    settle,
    somebody,
    the_episode,
)
from tests.leaks import without_ids
from tests.world import NOW, TenantWorld, World, make_tenant

CONFIG = ApiConfig(public_url="https://modori.example", trusted_proxies=("127.0.0.1/32",))
S = timedelta(seconds=1)
GOOGLE = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
CARD = "４１１１ １１１１ １１１１ １１１１"


@pytest.fixture
def client(world: World) -> Iterator[Asker]:
    app = IngestApp(CONFIG, keys=SiteKeys(kept_s=0), rates=Rates(tick=_ever_later()))
    with clock.moved_to(NOW):
        yield Asker(app)


def _ever_later() -> Any:
    """Tick an hour at each look: whose rates are tested elsewhere."""
    hours = iter(range(10**9))
    return lambda: float(next(hours) * 3600)


def post(client: Asker, tenant: TenantWorld, *events: Any, **headers: str) -> Response:
    sent = {"site": tenant.site_key, "sdk": "1.0.0", "events": events}
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    said = {"content-type": "text/plain", "origin": tenant.origin} | named
    return client.post("/v1/events", content=json.dumps(sent), headers=said)


def taken(answer: Response) -> tuple[int, list[str]]:
    assert answer.status_code == 202, answer.text
    return answer.json()["accepted"], [one["code"] for one in answer.json()["refused"]]


def ask(tenant: TenantWorld, question: str, **values: Any) -> list[Any]:
    with tenant_transaction(tenant.tenant_id) as session:
        return [tuple(row) for row in session.connection().execute(text(question), values)]


def share(tenant: TenantWorld) -> None:
    """Have the tenant's data key at hand, so that forms go into shared batches, as after its first form."""
    with tenant_transaction(tenant.tenant_id) as session:
        name_person(session, tenant_id=tenant.tenant_id, person_id=new_id(), name="x", overwrite=False)


@pytest.mark.parametrize(
    ("headers", "mark"),
    [
        ({"user_agent": GOOGLE}, "bot"),
        ({"user_agent": "facebookexternalhit/1.1;line-poker/1.0"}, "bot"),
        ({"sec_purpose": "prefetch;prerender"}, "prefetch"),
        ({"purpose": "prefetch"}, "prefetch"),
    ],
)
def test_a_marked_event_is_stored_and_folds_into_nothing(
    client: Asker, world: World, headers: dict[str, str], mark: str
) -> None:
    acme, visitor = world.acme, new_visitor()
    share(acme)
    typed = form(acme, visitor=visitor, email=somebody())
    assert taken(post(client, acme, cart(acme, visitor=visitor), typed, **headers)) == (2, [])  # by a shared batch
    who = event(acme, "identify", {"email": somebody()}, visitor=visitor)
    assert taken(post(client, acme, who, consent(acme, "email", visitor=visitor), **headers)) == (2, [])  # and alone
    assert ask(acme, "select count(*), min(mark), max(mark) from event where visitor = :v", v=visitor) == [
        (4, mark, mark)
    ]
    assert current(acme, visitor) is None
    assert ask(acme, "select count(*) from consent where visitor = :v", v=visitor) == [(0,)]
    assert ask(acme, "select count(*) from contact_velocity") == [(0,)]


def test_a_persons_episode_is_not_touched_by_a_crawler_that_has_their_id(client: Asker, world: World) -> None:
    acme, visitor = world.acme, new_visitor()
    assert taken(post(client, acme, cart(acme, visitor=visitor, value=100), user_agent="Mozilla/5.0")) == (1, [])
    later = cart(acme, visitor=visitor, value=999, at=NOW + S)
    assert taken(post(client, acme, later, user_agent=GOOGLE)) == (1, [])
    assert the_episode(acme, visitor).cart_minor == 100
    assert ask(acme, "select mark from event where visitor = :v order by at", v=visitor) == [(None,), ("bot",)]


def test_g11_a_marked_order_stops_all_the_same(client: Asker, world: World) -> None:
    acme, visitor = world.acme, new_visitor()
    post(client, acme, cart(acme, visitor=visitor))
    bought = event(acme, "order", {"id": "A-1", "currency": "JPY", "value": 1}, visitor=visitor)
    assert taken(post(client, acme, bought, user_agent=GOOGLE)) == (1, [])
    assert ask(acme, "select state from episode where visitor = :v", v=visitor) == [("ordered",)]


def test_g8_a_leak_is_counted_by_day_kind_and_field_and_its_value_is_nowhere(
    client: Asker, world: World, capfd: pytest.CaptureFixture[str]
) -> None:
    acme, visitor = world.acme, new_visitor()

    def leak(**fields: str) -> dict[str, Any]:
        return event(acme, "form", {"form": "checkout", "fields": fields}, visitor=visitor)

    good = cart(acme, visitor=visitor)
    answer = post(client, acme, leak(name=CARD), leak(name=CARD), leak(**{"cc-csc": "987"}), good)
    assert taken(answer) == (1, ["forbidden_value"] * 3)
    post(client, acme, leak(**{"one-time-code": "246810"}), leak(**{"current-password": "hunter2hunter2"}))
    post(client, acme, leak(name=CARD))
    counted = ask(acme, "select leaked_on, kind, field, count, site_id from capture_leak order by kind, field")
    assert counted == [
        (NOW.date(), "card", "name", 3, acme.site_id),
        (NOW.date(), "one_time_code", "one-time-code", 1, acme.site_id),
        (NOW.date(), "password", "current-password", 1, acme.site_id),
        (NOW.date(), "security_code", "cc-csc", 1, acme.site_id),
    ]
    assert ask(world.stranger, "select * from capture_leak") == []
    assert ask(acme, "select count(*) from event where visitor = :v", v=visitor) == [(1,)]
    said = without_ids("".join(capfd.readouterr()) + answer.text)
    assert not any(secret in said for secret in (CARD, "4111", "987", "246810", "hunter2"))


@pytest.mark.parametrize("spelt", ["{}", "{{{}}}", "urn:uuid:{}"])
def test_a_leak_that_is_sent_again_counts_once_and_its_event_may_come_mended(
    client: Asker, world: World, spelt: str
) -> None:
    """As after an answer that the browser did not hear. `spelt`: what else is read as the same id."""
    acme, visitor = world.acme, new_visitor()
    leaking = event(acme, "form", {"form": "checkout", "fields": {"name": CARD}}, visitor=visitor)
    for good in ([], [cart(acme, visitor=visitor)], [event(acme, "page", visitor=new_visitor())]):
        assert taken(post(client, acme, leaking, *good)) == (len(good), ["forbidden_value"])
        assert taken(post(client, acme, leaking | {"id": spelt.format(leaking["id"].upper())}))[0] == 0
    assert taken(post(client, acme, leaking, leaking))[0] == 0
    assert ask(acme, "select kind, field, count from capture_leak") == [("card", "name", 1)]
    mended = leaking | {"data": {"form": "checkout", "fields": {"name": "花子"}}}
    assert taken(post(client, acme, mended)) == (1, [])
    assert ask(acme, "select count(*) from event where event_id = :e", e=leaking["id"]) == [(1,)]


def test_g8_invented_names_of_fields_do_not_fill_the_table(client: Asker, world: World) -> None:
    acme, visitor = world.acme, new_visitor()
    for first in range(0, 250, 50):
        named = [
            event(acme, "form", {"form": "f", "fields": {f"password-{number}": "x"}}, visitor=visitor)
            for number in range(first, first + 50)
        ]
        assert taken(post(client, acme, *named))[0] == 0
    assert ask(acme, "select count(*) from capture_leak") == [(201,)]
    assert ask(acme, "select count from capture_leak where field = :f", f=DOTS) == [(50,)]


def no_thanks(tenant: TenantWorld, visitor: str, *, at: datetime = NOW, granted: bool = False) -> dict[str, Any]:
    return consent(tenant, "capture", visitor=visitor, granted=granted, at=at)


def test_rules_15_no_thanks_and_a_new_grant(client: Asker, world: World) -> None:
    acme, visitor, email = world.acme, new_visitor(), somebody()
    share(acme)
    typed = form(acme, visitor=visitor, email=email, at=NOW - 9 * S)
    assert taken(post(client, acme, cart(acme, visitor=visitor, at=NOW - 10 * S), typed)) == (2, [])
    refusal = no_thanks(acme, visitor)
    for _ in range(3):  # however often it is sent
        assert taken(post(client, acme, refusal)) == (1, [])
    assert current(acme, visitor) is None
    assert ask(acme, "select state, items, form_fields from episode where visitor = :v", v=visitor) == [
        (EpisodeState.REFUSED, [], None)
    ]
    assert ask(acme, "select value, masked from contact_point") == [(None, DOTS)]
    assert ask(acme, "select count(*) from capture_choice where visitor = :v", v=visitor) == [(1,)]

    late = cart(acme, visitor=visitor, at=NOW - 5 * S)  # it waited in the browser's queue
    stubborn = form(acme, visitor=visitor, email=email, at=NOW + 5 * S)  # the tag had stopped by then
    assert taken(post(client, acme, late, stubborn)) == (0, ["capture_refused"] * 2)
    bought = event(acme, "order", {"id": "A-2", "currency": "JPY", "value": 1}, visitor=visitor, at=NOW + 6 * S)
    assert taken(post(client, acme, bought, consent(acme, "email", visitor=visitor, at=NOW + 6 * S))) == (2, [])
    assert current(acme, visitor) is None
    assert ask(acme, "select count(*) from purchase_order where external_id = 'A-2'") == [(1,)]

    again = NOW + timedelta(minutes=2)  # what comes right after an order belongs to it
    with clock.moved_to(again + 9 * S):
        grant = no_thanks(acme, visitor, granted=True, at=again)
        assert taken(post(client, acme, grant, cart(acme, visitor=visitor, at=again + S))) == (2, [])
        assert taken(post(client, acme, cart(acme, visitor=visitor, at=NOW - 4 * S))) == (0, ["capture_refused"])
        assert taken(post(client, acme, form(acme, visitor=visitor, email=email, at=again + 2 * S))) == (1, [])
    episode = the_episode(acme, visitor)
    assert (episode.cart_minor, episode.started_at) == (4980, again + S)
    assert ask(acme, "select value is null, masked <> :dots from contact_point", dots=DOTS) == [(False, True)]


def test_rules_15_a_refusal_counts_for_the_rest_of_its_batch(client: Asker, world: World) -> None:
    acme, visitor = world.acme, new_visitor()
    before, after = cart(acme, visitor=visitor, at=NOW - S), cart(acme, visitor=visitor, at=NOW + S)
    other = new_visitor()
    answer = post(client, acme, after, no_thanks(acme, visitor), before, cart(acme, visitor=other))
    assert taken(answer) == (2, ["capture_refused"] * 2)
    assert current(acme, visitor) is None
    assert the_episode(acme, other).cart_minor == 4980
    assert ask(acme, "select type from event where visitor = :v", v=visitor) == [("consent",)]


def test_g7_a_refusal_speaks_for_its_own_site_alone(client: Asker, world: World) -> None:
    visitor = new_visitor()
    for tenant in (world.acme, world.stranger):
        post(client, tenant, cart(tenant, visitor=visitor))
    assert taken(post(client, world.acme, no_thanks(world.acme, visitor))) == (1, [])
    assert current(world.acme, visitor) is None
    assert the_episode(world.stranger, visitor).cart_minor == 4980


def test_rules_36_contact_points_that_look_alike_are_held_and_never_refused(client: Asker) -> None:
    """Telephones of one block, addresses of one rare domain, and one mailbox in many spellings."""
    shop = make_tenant("alike", contact_points_per_prefix_hour=3, contact_points_per_ip_hour=999)
    share(shop)
    rows: dict[str, list[dict[str, Any]]] = {
        "tel": [{"tel": f"090-3333-12{number:02d}"} for number in range(5)],
        "domain": [{"email": f"{name}@rare.example"} for name in ("hanako", "taro", "jiro", "kenta", "yuki")],
        "pattern": [{"email": f"victim+{number}@gmail.com"} for number in range(5)],
        "many": [{"email": f"{name}@gmail.com"} for name in ("hanako", "taro", "jiro", "kenta", "yuki")],
    }
    held = {}
    for kind, people_ in rows.items():
        reasons = []
        for typed in people_:
            visitor = new_visitor()
            assert taken(post(client, shop, cart(shop, visitor=visitor), form(shop, visitor=visitor, **typed))) == (
                2,
                [],
            )
            reasons.append(the_episode(shop, visitor).held_reason)
        held[kind] = reasons
    beyond = [None, None, None, "contact_points_per_prefix", "contact_points_per_prefix"]
    assert held == {"tel": beyond, "domain": beyond, "pattern": beyond, "many": [None] * 5}
    with clock.moved_to(NOW + timedelta(hours=1)):
        visitor = new_visitor()
        post(client, shop, form(shop, visitor=visitor, tel="090-3333-1299", at=NOW + timedelta(hours=1)))
        assert the_episode(shop, visitor).held_reason is None
    with clock.moved_to(NOW + timedelta(hours=4)):
        forget_contact_velocity()
    assert ask(shop, "select count(*) from prefix_velocity") == [(0,)]


def test_rules_36_look_alikes_of_an_identify_are_counted_with_a_forms(client: Asker) -> None:
    shop = make_tenant("alike2", contact_points_per_prefix_hour=1, contact_points_per_ip_hour=999)
    share(shop)
    first, second = new_visitor(), new_visitor()
    post(client, shop, form(shop, visitor=first, tel="090-4444-1201"))
    post(client, shop, event(shop, "identify", {"tel": "090-4444-1202"}, visitor=second))
    assert the_episode(shop, first).held_reason is None
    assert the_episode(shop, second).held_reason == "contact_points_per_prefix"


@pytest.fixture
def signed(world: World) -> TenantWorld:
    shop = make_tenant("signed", signed_mode=True)
    add_route(shop)
    return shop


def rotate(shop: TenantWorld) -> bytes:
    with tenant_transaction(shop.tenant_id) as session:
        return rotate_signing_secret(session, tenant_id=shop.tenant_id, site_id=shop.site_id).encode()


def identify(
    shop: TenantWorld, visitor: str, email: str, *, secret: bytes | None = None, at: datetime = NOW
) -> dict[str, Any]:
    sent: dict[str, Any] = {"email": email}
    if secret is not None:
        mac = proof_mac(secret, visitor=visitor, contact=email.lower(), at=at.isoformat())
        sent["proof"] = {"at": at.isoformat(), "mac": mac}
    return event(shop, "identify", sent, visitor=visitor)


def outcome(shop: TenantWorld, visitor: str) -> Lead | NoLead | None:
    episode = the_episode(shop, visitor)
    return settle(shop, EpisodeId(episode.episode_id), now=NOW + timedelta(hours=1))


def sources(shop: TenantWorld, visitor: str) -> list[str]:
    episode = the_episode(shop, visitor)
    rows = ask(shop, "select source from episode_contact where episode_id = :e order by 1", e=episode.episode_id)
    return [row[0] for row in rows]


def test_signed_mode_keeps_what_is_unsigned_and_makes_no_lead_of_it(client: Asker, signed: TenantWorld) -> None:
    visitor, email = new_visitor(), somebody()
    rotate(signed)
    post(client, signed, cart(signed, visitor=visitor), form(signed, visitor=visitor, email=email))
    post(client, signed, identify(signed, visitor, email), consent(signed, "email", visitor=visitor))
    assert sources(signed, visitor) == ["form"]
    assert outcome(signed, visitor) is NoLead.UNSIGNED


def test_signed_mode_makes_a_lead_of_whom_the_shops_server_vouches_for(client: Asker, signed: TenantWorld) -> None:
    visitor, email = new_visitor(), somebody()
    secret = rotate(signed)
    post(client, signed, cart(signed, visitor=visitor), consent(signed, "email", visitor=visitor))
    assert taken(post(client, signed, identify(signed, visitor, email.title(), secret=secret))) == (1, [])
    assert sources(signed, visitor) == ["signed"]
    body = ask(signed, "select body -> 'proof' from event where visitor = :v and type = 'identify'", v=visitor)
    assert body == [({"verdict": "valid", "member": "email"},)]
    assert isinstance(outcome(signed, visitor), Lead)


def test_a_typed_address_becomes_signed_once_the_server_vouches_for_it(client: Asker, signed: TenantWorld) -> None:
    visitor, email = new_visitor(), somebody()
    secret = rotate(signed)
    post(client, signed, cart(signed, visitor=visitor), form(signed, visitor=visitor, email=email, tel="09012345678"))
    post(client, signed, consent(signed, "email", visitor=visitor), identify(signed, visitor, email, secret=secret))
    assert sources(signed, visitor) == ["form", "signed"]
    made = outcome(signed, visitor)
    assert isinstance(made, Lead)
    assert ask(signed, "select kind from lead_contact where lead_id = :l", l=made.lead_id) == [("email",)]


def test_a_proof_of_somebody_elses_page_proves_nothing(client: Asker, signed: TenantWorld) -> None:
    mine, theirs, email = new_visitor(), new_visitor(), somebody()
    secret = rotate(signed)
    copied = identify(signed, theirs, email, secret=secret) | {"visitor": mine, "id": str(new_id())}
    late = identify(signed, mine, email, secret=secret, at=NOW - timedelta(minutes=11))
    post(client, signed, cart(signed, visitor=mine), consent(signed, "email", visitor=mine))
    assert taken(post(client, signed, copied, late)) == (2, [])
    assert sources(signed, mine) == ["identify"]
    said = ask(signed, "select body -> 'proof' ->> 'verdict' from event where type = 'identify' order by 1")
    assert said == [("stale",), ("wrong",)]
    assert outcome(signed, mine) is NoLead.UNSIGNED


def test_rules_37_two_secrets_sign_while_one_is_changed(client: Asker, signed: TenantWorld) -> None:
    first, second = rotate(signed), rotate(signed)

    def verdict(secret: bytes) -> str:
        visitor = new_visitor()
        post(client, signed, identify(signed, visitor, somebody(), secret=secret))
        question = "select body -> 'proof' ->> 'verdict' from event where visitor = :v"
        return str(ask(signed, question, v=visitor)[0][0])

    assert (verdict(first), verdict(second)) == ("valid", "valid")
    third = rotate(signed)
    assert [verdict(one) for one in (first, second, third)] == ["wrong", "valid", "valid"]
    with tenant_transaction(signed.tenant_id) as session:
        end_rotation(session, tenant_id=signed.tenant_id, site_id=signed.site_id)
    assert [verdict(one) for one in (second, third)] == ["wrong", "valid"]
    kept = ask(signed, "select signing_secret, signing_secret_before from site")
    assert third not in bytes(kept[0][0])
    assert kept[0][1] is None
