"""What is stored of the page that somebody reads: nobody's name, and no way to follow a message's link (G13)."""

from datetime import timedelta
from typing import Any

import pytest

from modori.api.taking import take as take_request
from modori.capture.batch.visits import Posted
from modori.capture.reading import Reading, read_event
from modori.capture.rules import ReadEvent
from tests.captureworld import consent, event, form, new_visitor, site_context, somebody, take_together
from tests.leadworld import make_lead
from tests.orderworld import click, send
from tests.questions import ask_one
from tests.world import NOW, TenantWorld, World

LATER = NOW + timedelta(hours=1)


def read(tenant: TenantWorld, events: list[dict[str, Any]]) -> list[ReadEvent]:
    site = site_context(tenant)
    reading = Reading(site.origins, site.country, False, False, sent_at=LATER, received_at=LATER)
    found = [read_event(one, reading) for one in events]
    assert all(isinstance(one, ReadEvent) for one in found), found
    return [one for one in found if isinstance(one, ReadEvent)]


def take_alone(tenant: TenantWorld, events: list[dict[str, Any]]) -> None:
    take_request(site_context(tenant), read(tenant, events), received_at=LATER, ip_index=None)


def take_in_a_batch(tenant: TenantWorld, events: list[dict[str, Any]]) -> None:
    take_together([Posted(site_context(tenant), tuple(read(tenant, events)), LATER)])


@pytest.mark.parametrize("keep", [take_alone, take_in_a_batch])
def test_g13_the_page_of_an_event_names_nobody(world: World, keep: Any) -> None:
    visitor, email = new_visitor(), somebody()
    where = f"{world.acme.origin}/u/{email}/cart?utm_content={email}&utm_source=mail"
    take_alone(world.acme, [form(world.acme, visitor=new_visitor(), name="花子")])  # reads the data key
    page = {"url": where, "title": f"山田太郎様のカート {email} 090-1234-5678"}
    keep(world.acme, [form(world.acme, visitor=visitor, email=email, at=LATER) | {"page": page}])

    told = ask_one(
        world.acme.tenant_id, "select page_url || ' ' || page_title from event where visitor = :v", v=visitor
    )
    assert told == f"{world.acme.origin}/u/•••/cart?utm_content=•••&utm_source=mail •••様のカート ••• •••"


def test_g13_a_links_token_confirms_its_click_and_is_not_stored(world: World) -> None:
    lead = make_lead(world.acme)
    token = send(lead)
    click(lead, token, now=NOW + timedelta(minutes=10), confirmed=False)
    visitor, landing = new_visitor(), f"{world.acme.origin}/cart?utm_source=mail&modori_t={token}"
    said = [
        event(world.acme, "page", visitor=visitor, at=LATER),
        consent(world.acme, "email", visitor=visitor, at=LATER),
        consent(world.acme, "capture", visitor=visitor, at=LATER),
        event(
            world.acme,
            "cart",
            {"currency": "JPY", "value": 1, "items": [{"id": "p", "name": "鍋", "price": 1, "quantity": 1}]}
            | {"url": landing},
            visitor=visitor,
            at=LATER,
        ),
    ]
    take_alone(world.acme, [one | {"page": {"url": landing, "title": ""}} for one in said])

    tenant_id = world.acme.tenant_id
    assert ask_one(tenant_id, "select count(*) from click where confirmed_at is not null") == 1
    for question in (
        "select string_agg(page_url || ' ' || body::text, ' ') from event where visitor = :v",
        "select string_agg(page_url, ' ') from consent where visitor = :v",
        "select string_agg(page_url, ' ') from capture_choice where visitor = :v",
        "select string_agg(cart_url, ' ') from episode where visitor = :v",
    ):
        stored = ask_one(tenant_id, question, v=visitor)
        assert f"{world.acme.origin}/cart?utm_source=mail" in stored
        assert token not in stored
        assert "modori_t" not in stored
