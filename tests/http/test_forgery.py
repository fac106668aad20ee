"""What strangers may try at ingest, and how far each try gets (issue 3, point 6; RULES 31, 36; G1, G7, G8, G11)."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from httpx import Response
from sqlalchemy import text

from modori.api.edge import ApiConfig
from modori.api.ingest import IngestApp
from modori.api.keys import SiteKeys
from modori.api.rates import Rates
from modori.capture.scans import forget_seen_events
from modori.kernel import clock
from modori.kernel.digest import content_digest
from modori.kernel.ids import EpisodeId, new_id
from modori.leads.model import Lead, LeadState
from modori.sending import actions as sending
from modori.sending.actions import Deferred
from modori.sending.ports import Permit
from modori.sending.rules import Reason
from modori.storage.db import tenant_transaction
from tests.asgi import Asker
from tests.captureworld import add_route, cart, consent, event, form, new_visitor, settle, somebody, the_episode
from tests.channelworld import prepare
from tests.leadworld import ITEMS, LeadWorld, make_lead
from tests.orderworld import clicked_lead, lead_of, make_contract
from tests.orderworld import settle as let_follow
from tests.questions import change
from tests.world import NOW, TenantWorld, World, make_tenant

CONFIG = ApiConfig(public_url="https://modori.example")
LATER = NOW + timedelta(hours=1)
VICTIMS = 1000
LETTERS = str.maketrans("0123456789", "ghijklmnop")
"""A thousand addresses without a number in them, at a provider that everybody has: nothing but the sender is odd."""
UNSEEN = 5
"""Leads that one network address may make in an hour before a person looks (RULES 36)."""


def make_client(*, address: str = "203.0.113.9", patient: bool = True) -> Asker:
    """A caller of an ingest application of its own. `patient`: an hour passes between requests, for the rates alone."""
    hours = iter(range(10**9))
    rates = Rates(tick=lambda: float(next(hours) * 3600)) if patient else Rates(tick=lambda: 0.0)
    return Asker(IngestApp(CONFIG, keys=SiteKeys(kept_s=0), rates=rates), address=address)


@pytest.fixture
def client(world: World) -> Iterator[Asker]:
    with clock.moved_to(NOW):
        yield make_client()


def post(
    client: Asker, tenant: TenantWorld, events: list[Any], *, origin: str | None = "", **more: dict[str, str]
) -> Response:
    sent = {"site": tenant.site_key, "sdk": "1.0.0", "events": events} | more.get("envelope", {})
    said = {"content-type": "text/plain"} | ({} if origin is None else {"origin": origin or tenant.origin})
    for _ in range(5):  # as the SDK does: a slow machine may answer 503
        answer = client.post("/v1/events", content=json.dumps(sent), headers=said | more.get("headers", {}))
        if answer.status_code != 503:
            break
    return answer


def taken(answer: Response) -> tuple[int, list[str]]:
    assert answer.status_code == 202, answer.text
    return answer.json()["accepted"], [one["code"] for one in answer.json()["refused"]]


def refused(answer: Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def ask(tenant: TenantWorld, question: str, **values: Any) -> list[Any]:
    with tenant_transaction(tenant.tenant_id) as session:
        return [tuple(row) for row in session.connection().execute(text(question), values)]


def begin(lead: LeadWorld) -> Any:
    content = sending.Content("件名", "本文", content_digest(ITEMS, 4980, "JPY"), parts=None, costs=None)
    with tenant_transaction(lead.tenant.tenant_id) as session:
        return sending.begin_touch(
            session, tenant_id=lead.tenant.tenant_id, touch_id=lead.touch_id, content=content, deadline_s=30, now=NOW
        )


def test_g11_a_forged_purchase_stops_its_own_browser_and_bills_nobody(client: Asker, world: World) -> None:
    """Somebody invents orders in the console of their browser: of a client who pays for results, beside a real lead."""
    acme, visitor = world.acme, new_visitor()
    make_contract(acme)
    mine, another = clicked_lead(acme, visitor=visitor), clicked_lead(acme)
    with clock.moved_to(LATER):
        forged = [
            event(acme, "order", {"id": f"A-{n}", "currency": "JPY", "value": 9_999_999}, visitor=visitor, at=LATER)
            for n in range(20)
        ]
        assert taken(post(client, acme, forged)) == (20, [])
    let_follow([acme], now=LATER)
    orders = "select count(*), count(proven_at), min(source) from purchase_order"
    assert ask(acme, orders) == [(20, 0, "browser")]
    assert ask(acme, "select count(*) from result") == [(0,)]
    assert ask(acme, "select count(*) from ledger_entry") == [(0,)]
    assert lead_of(mine).state is LeadState.CONVERTED  # the careful side: nothing more is sent to this browser
    assert lead_of(another).state is LeadState.ACTIVE  # and nobody else's lead was ended


def test_g1_a_replayed_batch_counts_once_whoever_sends_it_and_when(world: World) -> None:
    acme, visitor = world.acme, new_visitor()
    who = form(acme, visitor=visitor, email=somebody())
    bought = event(acme, "order", {"id": "A-7", "currency": "JPY", "value": 4980}, visitor=visitor, at=NOW)
    batch = [cart(acme, visitor=visitor), who, consent(acme, "email", visitor=visitor), bought]
    counts = (
        "select (select count(*) from event), (select count(*) from episode), (select count(*) from purchase_order),"
        " (select count(*) from consent), (select coalesce(sum(new_points), 0) from contact_velocity)"
    )
    with clock.moved_to(NOW):
        assert taken(post(make_client(), acme, batch)) == (4, [])
    once = ask(acme, counts)
    assert once == [(4, 1, 1, 1, 1)]
    for after in (timedelta(seconds=1), timedelta(hours=5), timedelta(days=29)):
        with clock.moved_to(NOW + after):
            assert taken(post(make_client(address="198.51.100.7"), acme, batch)) == (4, [])
    assert ask(acme, counts) == once
    with clock.moved_to(NOW + timedelta(days=40)):
        forget_seen_events()  # ids are forgotten, and what is as old as that is refused
        assert taken(post(make_client(), acme, batch)) == (0, ["too_old"] * 4)
    assert ask(acme, counts) == once


def test_rules_36_victims_by_the_thousand_from_one_address_make_five_leads(client: Asker) -> None:
    """A script types a thousand strangers' addresses, each as a visitor of its own, with cart and consent."""
    shop = make_tenant("target", site_events_per_s=10**6, ip_events_per_s=10**6, ip_events_burst=10**6)
    add_route(shop)
    visitors = [new_visitor() for _ in range(VICTIMS)]
    for first in range(0, VICTIMS, 25):
        batch: list[Any] = []
        for visitor in visitors[first : first + 25]:
            typed = form(shop, visitor=visitor, email=f"{visitor.translate(LETTERS)}@gmail.com")
            batch += [cart(shop, visitor=visitor), typed]
        assert taken(post(client, shop, batch)) == (len(batch), []), "nothing is refused, and nothing told"
    assert ask(shop, "select count(*) from episode_contact") == [(VICTIMS,)], "nothing is lost"
    unheld = ask(shop, "select episode_id, visitor from episode where held_reason is null")
    held = ask(shop, "select episode_id, visitor from episode where held_reason = 'contact_points_per_address'")
    assert (len(unheld), len(held)) == (UNSEEN, VICTIMS - UNSEEN)
    looked_at = [*unheld, *held[:10]]
    assert taken(post(client, shop, [consent(shop, "email", visitor=one) for _, one in looked_at])) == (15, [])
    made = [settle(shop, EpisodeId(episode_id), now=LATER) for episode_id, _ in looked_at]
    states = [one.state for one in made if isinstance(one, Lead)]
    assert states == [LeadState.ACTIVE] * UNSEEN + [LeadState.HELD] * 10


def test_rules_36_an_impatient_thousand_is_turned_away_at_the_door(world: World) -> None:
    """The same without patience: the address's bucket of 50 is empty after one request."""
    client, acme = make_client(patient=False), world.acme
    with clock.moved_to(NOW):
        pages = [event(acme, "page", visitor=new_visitor()) for _ in range(50)]
        assert taken(post(client, acme, pages)) == (50, [])
        batch = [form(acme, visitor=new_visitor(), email=somebody()) for _ in range(50)]
        answers = [post(client, acme, batch) for _ in range(20)]
    assert {refused(one) for one in answers} == {(429, "rate_limited")}
    assert ask(acme, "select count(*) from event") == [(50,)]


def test_rules_36_victims_from_many_addresses_are_bounded_by_what_they_share(world: World) -> None:
    """A new address for each try: telephones dialled through in a row are held beyond the site's figure."""
    shop = make_tenant("dialled", contact_points_per_prefix_hour=4)
    with clock.moved_to(NOW):
        for number in range(12):
            caller = make_client(address=f"198.51.100.{number}")
            typed = form(shop, visitor=new_visitor(), tel=f"080-5555-{1000 + number}")
            assert taken(post(caller, shop, [typed])) == (1, [])
    held = ask(shop, "select held_reason, count(*) from episode group by 1 order by 1")
    assert held == [("contact_points_per_prefix", 8), (None, 4)]


def test_rules_31_one_victim_is_written_to_once_a_day_over_all_clients(world: World) -> None:
    """Typed in at the shops of five clients: one first message goes out, the others wait for another day."""
    victim = somebody()
    shops = [world.acme, world.stranger, *(make_tenant(f"shop{number}") for number in range(3))]
    answers = [begin(make_lead(shop, value=victim)) for shop in shops]
    assert isinstance(answers[0], Permit)
    assert [(type(one), one.reason) for one in answers[1:]] == [(Deferred, Reason.CONTACT_CAP_DAY)] * 4


def test_rules_31_no_row_of_a_site_lifts_what_was_promised_over_all_clients(world: World) -> None:
    """A site whose row is looser than the agency's, however it came to be: the gate uses the stricter."""
    victim = somebody()
    loose = make_tenant("loose")
    lift = "first_messages_per_contact_day = 1000000, messages_per_contact_week = 1000000, message_gap_s = 0"
    change(loose.tenant_id, f"update site set {lift}")
    assert isinstance(begin(make_lead(world.acme, value=victim)), Permit)
    answer = begin(make_lead(loose, value=victim))
    assert (type(answer), answer.reason) == (Deferred, Reason.CONTACT_CAP_DAY)
    policy = ask(loose, "select policy from receipt")[0][0]
    assert (policy["first_messages_per_contact_day"], policy["messages_per_contact_week"]) == (1, 3)
    assert policy["message_gap_s"] == 72_000


def test_rules_31_a_site_that_is_stricter_stays_so(world: World) -> None:
    strict = make_tenant("strict", first_messages_per_contact_day=0)
    answer = begin(make_lead(strict, value=somebody()))
    assert (type(answer), answer.reason) == (Deferred, Reason.CONTACT_CAP_DAY)


def test_g7_a_foreign_sites_key_reaches_nobody_but_its_own(client: Asker, world: World) -> None:
    acme, stranger, visitor = world.acme, world.stranger, new_visitor()
    mine = [cart(acme, visitor=visitor), form(acme, visitor=visitor, email=somebody())]
    theirs = [cart(stranger, visitor=visitor)]
    bearer = {"authorization": f"Bearer {stranger.secret_key}"}
    # acme's key in the page of another registered site, of an unknown one, or of none
    assert refused(post(client, acme, mine, origin=stranger.origin)) == (403, "foreign_origin")
    assert refused(post(client, acme, mine, origin="https://evil.example")) == (403, "foreign_origin")
    assert refused(post(client, acme, mine, origin="null")) == (403, "foreign_origin")
    assert refused(post(client, acme, mine, origin=None)) == (403, "origin_required")
    # the stranger's server key with acme's name on the envelope, and a page of acme's in the stranger's name
    assert refused(post(client, acme, mine, origin=None, headers=bearer)) == (403, "unknown_key")
    assert taken(post(client, stranger, mine)) == (0, ["off_origin"] * 2)
    for tenant in (acme, stranger):
        assert ask(tenant, "select count(*) from event") == [(0,)]
        assert ask(tenant, "select count(*) from episode") == [(0,)]
    # whoever lies about the Origin altogether, which no browser does, is one more visitor of that site and no other
    assert taken(post(client, stranger, theirs)) == (1, [])
    assert ask(acme, "select count(*) from event") == [(0,)]


PHISHING = (
    "https://evil.example/login",
    "https://shop.acme.example.evil.example/",
    "https://shop.acme.example@evil.example/",
    "https://evil.example\\@shop.acme.example/",
    "//evil.example/",
    "http://shop.acme.example/",  # another scheme is another origin
    "https://shop.acme.example:8443/",
    "javascript:alert(1)",
    "data:text/html,evil.example",
    "https://shop.acme.example\t.evil.example/",
    "https://shop。acme。example.evil.example/",
)


@pytest.mark.parametrize("url", PHISHING)
@pytest.mark.parametrize("where", ["page", "cart", "item"])
def test_g8_a_cart_whose_links_lead_to_a_phisher_is_refused(client: Asker, world: World, url: str, where: str) -> None:
    acme, visitor = world.acme, new_visitor()
    forged = cart(acme, visitor=visitor)
    match where:
        case "page":
            forged["page"] = {"url": url, "title": ""}
        case "cart":
            forged["data"]["url"] = url
        case _:
            forged["data"]["items"][0]["url"] = url
    assert taken(post(client, acme, [forged])) == (0, ["off_origin"])
    assert ask(acme, "select count(*) from episode") == [(0,)]


def test_g8_nobody_phishes_through_our_messages(client: Asker, world: World) -> None:
    """What a forger may still set of a lead's cart and name carries no link into the message that goes out."""
    acme, visitor = world.acme, new_visitor()
    lead = make_lead(acme, visitor=visitor)
    item = {
        "id": "p1",
        "name": "当選おめでとう https://evil.example/win ｅｖｉｌ．ｅｘａｍｐｌｅ www.evil.example 鍋",
        "price": 4980,
        "image": "https://evil.example/pixel.png",
    }
    name = "花子 evil.example/login mail@evil.example"
    forged = [
        cart(acme, visitor=visitor, items=[item]),
        form(acme, visitor=visitor, name=name, email=lead.value),
        event(acme, "identify", {"email": lead.value, "name": name}, visitor=visitor),
    ]
    assert taken(post(client, acme, forged)) == (3, [])
    kept = the_episode(acme, visitor).items[0]
    assert (kept["name"], "image" in kept, "url" in kept) == ("当選おめでとう 鍋", False, False)
    message = prepare(lead)
    shown = f"{message.subject} {message.text} {message.html}"
    assert "evil" not in shown
    assert "ｅｖｉｌ" not in shown
    targets = [link.target_url for link in message.links if link.target_url]
    assert targets
    assert all(target.startswith(f"{acme.origin}/") for target in targets)


def test_g11_a_forged_no_thanks_forgets_only_its_own_visitor(client: Asker, world: World) -> None:
    """A refusal is a browser's word: it may stop and forget what that visitor id stands for, and nobody else."""
    acme, mine = world.acme, new_visitor()
    theirs = make_lead(acme)
    assert taken(post(client, acme, [consent(acme, "capture", visitor=mine, granted=False)])) == (1, [])
    assert lead_of(theirs).state is LeadState.ACTIVE
    guessed = [consent(acme, "capture", visitor=new_id().hex, granted=False) for _ in range(20)]
    assert taken(post(client, acme, guessed)) == (20, [])
    assert lead_of(theirs).state is LeadState.ACTIVE
