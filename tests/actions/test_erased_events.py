"""Who asks to be forgotten is forgotten in the events, too: what was done stays, who did it does not."""

from datetime import timedelta
from typing import Any

import pytest

from modori.capture import episodes
from modori.capture.forgetting import actions as forgetting
from modori.capture.forgetting.queries import blot_out_events
from modori.people import actions as people
from modori.people.model import ContactKind
from modori.people.queries import find_contact_point
from modori.people.values import value_index
from modori.storage.db import tenant_transaction
from tests.captureworld import cart, event, form, new_visitor, somebody, take
from tests.orderworld import settle
from tests.questions import ask_one
from tests.world import NOW, TenantWorld, World

LATER = NOW + timedelta(hours=1)


def visit(tenant: TenantWorld, visitor: str, email: str) -> None:
    """Look, fill a cart, type (once wrongly), and say who it is."""
    take(
        tenant,
        [
            cart(tenant, visitor=visitor),
            form(tenant, visitor=visitor, email="x" + email, tel="090-1234-5678", name="山田花子", at=NOW),
            form(tenant, visitor=visitor, email=email, tel="090-1234-5678", at=NOW + timedelta(seconds=5)),
            event(tenant, "identify", {"email": email, "member_id": "m-77"}, visitor=visitor, at=NOW),
            event(tenant, "page", visitor=visitor, at=NOW)
            | {"page": {"url": f"{tenant.origin}/hanako", "title": "花子"}},
        ],
        now=NOW + timedelta(seconds=10),
    )


def erase(tenant: TenantWorld, email: str) -> None:
    """As `POST /v1/erasures` does, and all that follows."""
    index = value_index(tenant.tenant_id, ContactKind.EMAIL, email)
    with tenant_transaction(tenant.tenant_id) as session:
        point = find_contact_point(session, tenant_id=tenant.tenant_id, kind=ContactKind.EMAIL, value_index=index)
        assert point is not None
        episodes.forget_contacts(session, tenant_id=tenant.tenant_id, contact_point_ids=[point.contact_point_id])
        people.erase_contact(
            session,
            tenant_id=tenant.tenant_id,
            kind=ContactKind.EMAIL,
            value_index=index,
            requested_by="key:test",
            now=LATER,
        )
    settle([tenant], now=LATER + forgetting.LOOK_AGAIN_AFTER)


def told(tenant: TenantWorld, visitor: str) -> str:
    question = "select string_agg(concat_ws(' ', page_url, page_title, body::text), ' ') from event where visitor = :v"
    return str(ask_one(tenant.tenant_id, question, v=visitor))


@pytest.mark.parametrize("times", [1, 2])
def test_g13_rules_18_events_of_an_erased_person_name_nobody(world: World, times: int) -> None:
    """A value that was typed again after its erasure may be erased again."""
    visitor, other, email = new_visitor(), new_visitor(), somebody()
    for one, whose in ((visitor, email), (other, somebody())):
        visit(world.acme, one, whose)
    visit(world.stranger, visitor, email)
    indexes = [
        value_index(world.acme.tenant_id, kind, value).hex()
        for kind, value in (
            (ContactKind.EMAIL, email),
            (ContactKind.EMAIL, "x" + email),
            (ContactKind.PHONE, "+819012345678"),
        )
    ]
    before = told(world.acme, visitor)
    assert all(index in before for index in indexes)
    erase(world.acme, email)
    for _ in range(times - 1):
        visit(world.acme, visitor, email)
        assert indexes[0] in told(world.acme, visitor)
        erase(world.acme, email)

    after = told(world.acme, visitor)
    assert not [
        one for one in (*indexes, "•••", "hanako", "花子", "member_index", "shop.acme.example/checkout") if one in after
    ]
    assert "鉄のフライパン" in after  # goods name nobody
    assert told(world.acme, other).count("•••") == before.count("•••")
    assert indexes[2] in told(world.acme, other)
    assert told(world.stranger, visitor).count("•••") == before.count("•••")


def test_events_are_blotted_out_round_by_round_and_once(world: World) -> None:
    visitor, email = new_visitor(), somebody()
    visit(world.acme, visitor, email)
    tenant_id = world.acme.tenant_id
    point = ask_one(tenant_id, "select contact_point_id from contact_point where kind = 'phone'")

    def blot(limit: int) -> Any:
        with tenant_transaction(tenant_id) as session:
            return blot_out_events(session, tenant_id=tenant_id, contact_point_id=point, limit=limit)

    assert [blot(3), blot(3), blot(3)] == [3, 2, 0]


def test_what_was_being_written_when_somebody_was_erased_is_found_once_more(world: World) -> None:
    visitor, email = new_visitor(), somebody()
    visit(world.acme, visitor, email)
    tenant_id = world.acme.tenant_id
    point = ask_one(tenant_id, "select contact_point_id from contact_point where kind = 'phone'")
    with tenant_transaction(tenant_id) as session:
        forgetting.erase_events(
            session, tenant_id=tenant_id, contact_point_id=point, erasure="test", round_number=1, now=LATER
        )
    visit(world.acme, visitor, email)  # its transaction began before, and ended after
    assert "•••" in told(world.acme, visitor)
    settle([world.acme], now=LATER + forgetting.LOOK_AGAIN_AFTER)
    assert "•••" not in told(world.acme, visitor)
    assert ask_one(tenant_id, "select bool_and(form_fields is null) from episode")
