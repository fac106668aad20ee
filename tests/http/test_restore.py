"""What comes back by a restore link on another device (RULES 16; G5, G7, G8)."""

import json
from datetime import timedelta
from typing import Any

import pytest
from fastapi import FastAPI

from modori.api.edge import ApiConfig
from modori.api.restore import make_router
from modori.capture import queries as capture
from modori.capture.episodes import form_field, mark_episode_ordered
from modori.channels.model import LinkKind
from modori.kernel import clock
from modori.people import actions as people
from modori.people.model import ContactKind, EvidenceSource, StopReason
from modori.people.values import value_index
from modori.storage import crypto, db
from tests.asking import Asking
from tests.channelworld import SentWorld, send
from tests.world import NOW, World

SHOP = {"origin": "https://shop.acme.example"}
TYPED = {
    "name": "山田 太郎",
    "email": "taro@yamada.example",
    "tel": "090-1234-5678",
    "postal-code": "150-0001",
    "address-level1": "東京都",
    "address-line1": "神宮前1-2-3",
}


@pytest.fixture
def app(database: db.Database) -> Asking:
    made = FastAPI()
    made.include_router(make_router(ApiConfig(public_url="https://m.example")))
    return Asking(made)


@pytest.fixture
def sent(world: World) -> SentWorld:
    """A mail to somebody who had typed all of TYPED."""
    made = send(world.acme)
    tenant_id = world.acme.tenant_id
    with db.tenant_transaction(tenant_id) as session:
        episode = capture.lock_episode(session, tenant_id=tenant_id, episode_id=made.lead.episode_id)
        typed = json.dumps(TYPED, ensure_ascii=False)
        episode.form_fields = crypto.seal(session, tenant_id, form_field(episode.episode_id), typed)
        capture.save(session, episode)
    return made


def path(sent: SentWorld, kind: LinkKind = LinkKind.RESTORE) -> str:
    return f"/v1/restore/{sent.token(kind)}"


def ask(app: Asking, where: str, *, origin: dict[str, str] = SHOP, days: int = 1) -> Any:
    with clock.moved_to(NOW + timedelta(days=days)):
        return app.get(where, headers=origin)


def prove(app: Asking, sent: SentWorld, contact: object, *, origin: dict[str, str] = SHOP) -> Any:
    body = contact if isinstance(contact, str) and contact.startswith("{") else json.dumps({"contact": contact})
    with clock.moved_to(NOW + timedelta(days=1)):
        return app.post(f"{path(sent)}/proof", content=body, headers={"content-type": "text/plain", **origin})


def test_another_device_sees_the_items_and_of_the_form_only_what_is_nobodys(sent: SentWorld, app: Asking) -> None:
    answer = ask(app, path(sent))
    assert answer.status_code == 200
    said = answer.json()
    assert said["items"]
    assert all(item["price"] > 0 for item in said["items"])
    assert said["fields"] == {"address-level1": "東京都"}
    assert said["masked"]["email"] == "t•••@y•••.example"
    assert said["masked"]["name"] == "山•••"
    assert said["masked"]["tel"] == "090••••5678"
    assert said["masked"]["postal-code"] == "15•••"
    assert not any(TYPED[token] in answer.text for token in TYPED if token != "address-level1")
    assert answer.headers["access-control-allow-origin"] == SHOP["origin"]
    assert answer.headers["cache-control"] == "no-store"


def test_the_receiver_has_the_whole_form_after_naming_the_address(sent: SentWorld, app: Asking) -> None:
    answer = prove(app, sent, f"  {sent.lead.value.upper()} ")
    assert answer.status_code == 200
    assert answer.json()["fields"] == TYPED
    assert answer.json()["masked"] == {}


def test_a_link_may_be_guessed_at_five_times_and_no_answer_tells_why(sent: SentWorld, app: Asking) -> None:
    wrong = [
        prove(app, sent, guess)
        for guess in ("x@y.example", "no address", "090-1111-2222", "a@b.example", "c@d.example")
    ]
    right = prove(app, sent, sent.lead.value)
    assert {one.status_code for one in (*wrong, right)} == {404}
    assert len({one.content for one in (*wrong, right)}) == 1


@pytest.mark.parametrize("origin", [{}, {"origin": "https://shop.stranger.example"}, {"origin": "null"}])
def test_g7_a_page_of_another_site_is_answered_as_if_there_were_no_link(
    sent: SentWorld, app: Asking, origin: dict[str, str]
) -> None:
    unknown, known = ask(app, "/v1/restore/" + "A" * 22, origin=origin), ask(app, path(sent), origin=origin)
    assert (known.status_code, known.content, known.headers) == (204, b"", unknown.headers)
    assert prove(app, sent, sent.lead.value, origin=origin).status_code == 404


def test_nothing_comes_back_after_an_order(world: World, sent: SentWorld, app: Asking) -> None:
    with db.tenant_transaction(world.acme.tenant_id) as session:
        mark_episode_ordered(session, tenant_id=world.acme.tenant_id, episode_id=sent.lead.episode_id, at=NOW)
    assert ask(app, path(sent)).status_code == 204
    assert prove(app, sent, sent.lead.value).status_code == 404


def test_g5_nothing_comes_back_after_an_erasure(world: World, sent: SentWorld, app: Asking) -> None:
    with db.tenant_transaction(world.acme.tenant_id) as session:
        people.erase_contact(
            session,
            tenant_id=world.acme.tenant_id,
            kind=ContactKind.EMAIL,
            value_index=value_index(world.acme.tenant_id, ContactKind.EMAIL, sent.lead.value),
            requested_by="key:test",
            now=NOW,
        )
    assert ask(app, path(sent)).status_code == 204


def test_g5_who_reads_a_mistyped_address_gets_nothing_once_it_was_corrected(
    world: World, sent: SentWorld, app: Asking
) -> None:
    tenant_id, lead = world.acme.tenant_id, sent.lead
    with db.tenant_transaction(tenant_id) as session:
        points = [lead.contact_point_id]
        capture.detach(session, tenant_id=tenant_id, episode_id=lead.episode_id, contact_point_ids=points)
    assert ask(app, path(sent)).status_code == 204
    assert prove(app, sent, lead.value).status_code == 404


def test_g5_nothing_comes_back_to_who_wants_no_messages(world: World, sent: SentWorld, app: Asking) -> None:
    tenant_id = world.acme.tenant_id
    with db.tenant_transaction(tenant_id) as session:
        people.record_stop(
            session,
            tenant_id=tenant_id,
            kind=ContactKind.EMAIL,
            value_index=value_index(tenant_id, ContactKind.EMAIL, sent.lead.value),
            via=None,
            reason=StopReason.SERVER,
            source=EvidenceSource.SERVER,
            now=NOW,
        )
    assert ask(app, path(sent)).status_code == 204
    assert prove(app, sent, sent.lead.value).status_code == 404


def test_a_link_out_of_our_messages_leads_back_to_nothing(sent: SentWorld, app: Asking) -> None:
    assert ask(app, path(sent, LinkKind.UNSUBSCRIBE)).status_code == 204
    assert ask(app, path(sent), days=400).status_code == 204


@pytest.mark.parametrize("body", ["{", '{"contact": 7}', '{"contact": ""}', '{"contact": "a\\u0000b"}', "[]"])
def test_rubbish_is_no_try(sent: SentWorld, app: Asking, body: str) -> None:
    with clock.moved_to(NOW + timedelta(days=1)):
        answer = app.post(f"{path(sent)}/proof", content=body, headers=SHOP)
    assert answer.status_code == 400
    assert answer.json()["code"] == "malformed_body"
    assert answer.headers["access-control-allow-origin"] == SHOP["origin"]


def test_one_caller_may_not_ask_without_end(sent: SentWorld, app: Asking) -> None:
    statuses = (ask(app, "/v1/restore/" + "A" * 22).status_code for _ in range(1000))
    assert next(statuses) == 204
    assert 429 in statuses
