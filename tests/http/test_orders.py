"""`/v1/orders`, reversals and the lists over HTTP: keys, idempotency, and a name for everything that is wrong."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from fastapi import FastAPI
from httpx import Response
from sqlalchemy import text

from modori.api import idempotency
from modori.api.edge import ApiConfig
from modori.api.orders import make_router
from modori.billing import actions as billing
from modori.kernel import clock
from modori.kernel.ids import ResultId
from modori.leads.model import LeadState
from modori.storage.db import tenant_transaction
from modori.tenants.keys import revoke_site_key
from modori.tenants.model import Role
from modori.tenants.sites.queries import list_site_keys
from tests.asgi import Asker
from tests.leadworld import make_lead
from tests.orderworld import clicked_lead, lead_of, make_contract, place, result_of, reverse, settle
from tests.world import NOW, TenantWorld, World

CONFIG = ApiConfig(public_url="https://modori.example")
ORDERED_AT = NOW + timedelta(hours=1)


@pytest.fixture
def client(world: World) -> Iterator[Asker]:
    app = FastAPI()
    app.include_router(make_router(CONFIG))
    with clock.moved_to(ORDERED_AT):
        yield Asker(app)


def say(client: Asker, tenant: TenantWorld, path: str = "/v1/orders", **sent: Any) -> Response:
    key = sent.pop("idempotency_key", None)
    headers = {"authorization": f"Bearer {tenant.secret_key}"} | ({"idempotency-key": key} if key else {})
    body = ({"id": "A-1", "currency": "JPY", "value": 4980} if path == "/v1/orders" else {}) | sent
    return client.post(path, json=body, headers=headers)


def send_raw(client: Asker, tenant: TenantWorld, raw: bytes, media_type: str = "application/json") -> Response:
    headers = {"authorization": f"Bearer {tenant.secret_key}", "content-type": media_type}
    return client.post("/v1/orders", content=raw, headers=headers)


def problem(answer: Response) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    document = answer.json()
    assert document["type"] == f"urn:modori:problem:{document['code']}"
    assert document["status"] == answer.status_code
    return answer.status_code, document["code"]


def count(tenant: TenantWorld, table: str) -> int:
    with tenant_transaction(tenant.tenant_id) as session:
        return int(session.connection().execute(text(f"select count(*) from {table}")).scalar_one())


def test_an_order_is_201_the_same_again_200_and_stops_what_is_pending(client: Asker, world: World) -> None:
    lead = make_lead(world.acme)
    first = say(client, world.acme, email=lead.value, at=NOW.isoformat())
    assert first.status_code == 201
    assert {key: first.json()[key] for key in ("id", "currency", "value", "reversed", "at")} == {
        "id": "A-1",
        "currency": "JPY",
        "value": 4980,
        "reversed": 0,
        "at": NOW.isoformat(),
    }
    assert lead_of(lead).state is LeadState.CONVERTED
    again = say(client, world.acme, email=lead.value, at=NOW.isoformat())
    assert (again.status_code, again.json()) == (200, first.json())
    assert problem(say(client, world.acme, email=lead.value, at=NOW.isoformat(), value=4981)) == (409, "order_differs")
    assert count(world.acme, "purchase_order") == 1


def test_amounts_are_in_major_units_and_exact(client: Asker, world: World) -> None:
    answer = say(client, world.acme, currency="USD", value=49.8)
    assert (answer.status_code, answer.json()["value"]) == (201, 49.8)
    with tenant_transaction(world.acme.tenant_id) as session:
        minor = session.connection().execute(text("select value_minor from purchase_order")).scalar_one()
    assert minor == 4980


@pytest.mark.parametrize(
    ("sent", "status", "code", "field"),
    [
        ({"value": -1}, 400, "bad_amount", "value"),
        ({"value": "4980"}, 400, "bad_amount", "value"),
        ({"value": True}, 400, "bad_amount", "value"),
        ({"value": None}, 400, "bad_amount", "value"),
        ({"value": 49.8}, 400, "bad_amount", "value"),
        ({"value": 10**13}, 400, "bad_amount", "value"),
        ({"value": 10**30}, 400, "bad_amount", "value"),
        ({"items": [{"id": "p", "price": -1}]}, 400, "bad_amount", "items.0.price"),
        ({"items": [{"id": "p", "price": 1}, {"id": "q", "price": 0.5}]}, 400, "bad_amount", "items.1.price"),
        ({"currency": "ZZZ"}, 400, "unknown_currency", "currency"),
        ({"currency": "YEN!"}, 400, "bad_input", "currency"),
        ({"currency": 5}, 400, "bad_input", "currency"),
        ({"id": ""}, 400, "bad_input", "id"),
        ({"id": 7}, 400, "bad_input", "id"),
        ({"id": "x" * 201}, 400, "bad_input", "id"),
        ({"id": "A\ud800"}, 400, "bad_input", "id"),
        ({"at": "yesterday"}, 400, "bad_input", "at"),
        ({"at": "2026-11-18T11:00:00"}, 400, "bad_input", "at"),  # no zone
        ({"at": 1763431200}, 400, "bad_input", "at"),
        ({"at": "1763431200"}, 400, "bad_input", "at"),
        ({"at": "1763431200.5"}, 400, "bad_input", "at"),
        ({"at": "2026-11-18T03:05:02Z"}, 400, "at_in_future", "at"),
        ({"at": "2020-01-01T00:00:00Z"}, 400, "at_too_old", "at"),
        ({"items": "all"}, 400, "bad_input", "items"),
        ({"items": [{"id": "p", "price": 1, "quantity": 0}]}, 400, "bad_input", "items.0.quantity"),
        ({"items": [{"id": "p", "price": 1}] * 201}, 400, "bad_input", "items"),
        ({"email": ["a"]}, 400, "bad_input", "email"),
        ({"id": "A\x00"}, 400, "bad_input", None),
    ],
)
def test_bad_input_has_a_name_and_leaves_nothing(
    client: Asker, world: World, sent: dict[str, Any], status: int, code: str, field: str | None
) -> None:
    answer = send_raw(client, world.acme, json.dumps({"id": "A-1", "currency": "JPY", "value": 4980} | sent).encode())
    assert problem(answer) == (status, code)
    if field is not None:
        assert answer.json()["field"] == field
    assert count(world.acme, "purchase_order") == 0


def test_a_refusal_speaks_of_json_and_not_of_python(client: Asker, world: World) -> None:
    assert say(client, world.acme, items=None).json()["detail"] == "items: Input should be an array"


@pytest.mark.parametrize(
    ("sent", "repeated"),
    [
        ({"value": 1234567.25}, "1234567"),
        ({"items": [{"id": "p", "price": 1234567.25}]}, "1234567"),
        ({"currency": "QQZ"}, "QQZ"),
    ],
)
def test_a_refusal_repeats_nothing_of_what_was_sent(
    client: Asker, world: World, sent: dict[str, Any], repeated: str
) -> None:
    answer = say(client, world.acme, **sent)
    assert answer.status_code == 400
    assert repeated not in answer.text


@pytest.mark.parametrize(
    ("raw", "status", "code"),
    [
        (b"", 400, "malformed_body"),
        (b"{", 400, "malformed_body"),
        (b"[]", 400, "malformed_body"),
        (b"\xff\xfe", 400, "malformed_body"),
        (b'{"id": "A", "currency": "JPY", "value": NaN}', 400, "malformed_body"),
        (b'{"id": "A", "currency": "JPY", "value": 1e400}', 400, "bad_amount"),
        (b'{"id": "A", "id": "B", "currency": "JPY", "value": 1}', 400, "duplicate_key"),
        (
            b'{"id": "A", "currency": "JPY", "value": 1, "items": [{"id": "p", "id": "q", "price": 1}]}',
            400,
            "duplicate_key",
        ),
        (b"[" * 60_000, 400, "malformed_body"),
        (b" " * (64 * 1024) + b"{}", 413, "body_too_large"),
    ],
)
def test_malformed_bodies_have_names(client: Asker, world: World, raw: bytes, status: int, code: str) -> None:
    assert problem(send_raw(client, world.acme, raw)) == (status, code)


def test_a_body_that_is_not_json_is_refused(client: Asker, world: World) -> None:
    assert problem(send_raw(client, world.acme, b"id=A-1", "application/x-www-form-urlencoded")) == (
        415,
        "wrong_media_type",
    )


@pytest.mark.parametrize(("field", "value", "code"), [("tel", "なし", "bad_phone"), ("email", "a@", "bad_email")])
def test_an_address_that_is_none_is_named_and_the_order_still_stops(
    client: Asker, world: World, field: str, value: str, code: str
) -> None:
    lead = make_lead(world.acme, visitor="v-1")
    answer = say(client, world.acme, visitor="v-1", idempotency_key="k-1", **{field: value})
    assert problem(answer) == (400, code)
    assert (answer.json()["field"], answer.json()["kept"]) == (field, True)
    assert value not in answer.text
    assert lead_of(lead).state is LeadState.CONVERTED
    assert say(client, world.acme, visitor="v-1", idempotency_key="k-2").status_code == 200


@pytest.mark.parametrize(
    ("sent", "ignored"),
    [
        ({}, []),
        ({"phone": "090-1234-5678"}, ["phone"]),
        ({"items": [{"id": "p", "price": 1, "sku": "S-1"}], "mail": "a@b.example"}, ["mail", "items.0.sku"]),
        (  # the order's own before its items'
            {"items": [{"id": "p", "price": 1} | {f"n{number}": 1 for number in range(20)}], "phone": "090"},
            ["phone", *(f"items.0.n{number}" for number in range(19))],
        ),
        (  # each name once, where it stands first
            {"items": [{"id": "p", "price": 1, "sku": 1}, {"id": "q", "price": 1, "sku": 2, "tax": 3}]},
            ["items.0.sku", "items.1.tax"],
        ),
        ({"customer": {"email": "a@b.example", "tel": "090"}}, ["customer"]),
        ({"Email": "a@b.example", "電話番号": "090", "": 1}, ["Email", "電話番号", ""]),
        ({"n" * 300: 1}, ["n" * 200]),
        ({f"n{number}": number for number in range(21)}, [f"n{number}" for number in range(20)]),
        ({"a\ud800b": 1, "c\x00d": 2}, ["a?b", "c\x00d"]),
    ],
)
def test_names_that_are_not_known_are_told_and_refuse_nothing(
    client: Asker, world: World, sent: dict[str, Any], ignored: list[str]
) -> None:
    body = {"id": "A-1", "currency": "JPY", "value": 1, "visitor": "v-1"} | sent
    answers = [send_raw(client, world.acme, json.dumps(body).encode()) for _ in range(2)]
    assert [(one.status_code, one.json()["ignored"]) for one in answers] == [(201, ignored), (200, ignored)]
    assert "a@b.example" not in answers[0].text


def test_a_repeat_by_its_key_is_told_the_same_names_and_none_are_kept(client: Asker, world: World) -> None:
    answers = [say(client, world.acme, visitor="v", phone="090", idempotency_key="k-1") for _ in range(2)]
    assert [(one.status_code, one.json()["ignored"]) for one in answers] == [(201, ["phone"])] * 2
    assert answers[0].json() == answers[1].json()
    with tenant_transaction(world.acme.tenant_id) as session:
        kept = session.connection().execute(text("select answer::text from idempotent_answer")).scalar_one()
    assert "phone" not in kept


def test_a_name_that_is_missing_is_refused_with_the_names_that_are_not_known(client: Asker, world: World) -> None:
    answer = send_raw(client, world.acme, b'{"order_id": "A-1", "currency": "JPY", "value": 1}')
    assert problem(answer) == (400, "bad_input")
    assert answer.json()["detail"] == "id: Field required; not known: order_id"
    assert answer.json()["ignored"] == ["order_id"]
    assert "ignored" not in send_raw(client, world.acme, b'{"currency": "JPY", "value": 1}').json()


@pytest.mark.parametrize(
    "misnamed",
    [
        {"phone": "{}"},
        {"mail": "{}", "email": ""},
        {"customer": {"email": "{}"}, "email": None, "tel": None},
        {"customer_email": "{}", "visitor": "  "},
    ],
    ids=["phone", "mail", "nested", "blank"],
)
def test_an_order_that_names_nobody_by_a_known_name_is_kept_until_it_does(
    client: Asker, world: World, misnamed: dict[str, Any]
) -> None:
    lead = make_lead(world.acme)
    sent = json.loads(json.dumps(misnamed).replace("{}", lead.value))
    answer = say(client, world.acme, idempotency_key="k-1", **sent)
    assert problem(answer) == (400, "nobody_named")
    told = answer.json()
    name = next(iter(sent))
    assert (told["kept"], told["ignored"]) == (True, [name])
    assert f"Not known: {name}." in told["detail"]
    assert "email, tel, visitor, cart or member_id" in told["detail"]
    assert lead.value not in answer.text
    assert (count(world.acme, "purchase_order"), count(world.acme, "order_feed")) == (1, 0)
    assert lead_of(lead).state is LeadState.ACTIVE

    right = say(client, world.acme, idempotency_key="k-1", email=lead.value, phone="090")
    assert (right.status_code, right.json()["ignored"]) == (200, ["phone"])
    assert lead_of(lead).state is LeadState.CONVERTED
    assert (count(world.acme, "purchase_order"), count(world.acme, "order_feed")) == (1, 1)
    again = say(client, world.acme, **sent)  # it is on record with its buyer
    assert (again.status_code, again.json()["ignored"]) == (200, [name])
    assert problem(say(client, world.acme, **sent | {"value": 1})) == (409, "order_differs")


def test_an_order_without_a_buyer_and_without_unknown_names_is_taken(client: Asker, world: World) -> None:
    answer = say(client, world.acme)
    assert (answer.status_code, answer.json()["ignored"]) == (201, [])
    assert count(world.acme, "order_feed") == 1
    counter = say(client, world.acme, id="A-2", items=[{"id": "p", "price": 1, "sku": "S-1"}])
    assert (counter.status_code, counter.json()["ignored"]) == (201, ["items.0.sku"]), "no buyer stands in an item"


def test_an_order_on_record_that_names_nobody_takes_its_buyer_later(client: Asker, world: World) -> None:
    lead = make_lead(world.acme)
    assert say(client, world.acme).status_code == 201
    assert problem(say(client, world.acme, phone="090")) == (400, "nobody_named")
    assert say(client, world.acme, email=lead.value).status_code == 200
    assert lead_of(lead).state is LeadState.CONVERTED


def test_an_address_that_is_none_is_named_beside_names_that_are_not_known(client: Asker, world: World) -> None:
    answer = say(client, world.acme, tel="なし", mail="a@b.example")
    assert problem(answer) == (400, "bad_phone")
    assert (answer.json()["kept"], answer.json()["ignored"]) == (True, ["mail"])


def test_names_of_a_reversal_that_are_not_known_are_told(client: Asker, world: World) -> None:
    path = "/v1/orders/A-1/reversals"
    sent: dict[str, Any] = {"reason": "return", "amount": 980, "items": [{"id": "p", "sku": 1}]}
    early = say(client, world.acme, path, id="R-1", **sent)
    assert problem(early) == (409, "reversal_before_order")
    assert early.json()["ignored"] == ["amount", "items.0.sku"]
    say(client, world.acme)
    assert say(client, world.acme, path, id="R-1", **sent).json()["ignored"] == ["amount", "items.0.sku"]


@pytest.mark.parametrize("authorization", [None, "Bearer sk_unknown", "Bearer pk", "Basic YTpi", "Bearer "])
def test_orders_want_a_secret_key(client: Asker, world: World, authorization: str | None) -> None:
    value = f"Bearer {world.acme.site_key}" if authorization == "Bearer pk" else authorization
    headers = {} if value is None else {"authorization": value}
    order = {"id": "A-1", "currency": "JPY", "value": 1}
    for method, path, body in (
        ("POST", "/v1/orders", order),
        ("POST", "/v1/orders/A-1/reversals", {"id": "R", "reason": "return"}),
        ("GET", "/v1/leads", None),
        ("GET", "/v1/results", None),
        ("GET", "/v1/statements", None),
    ):
        answer = client.request(method, path, headers=headers, json=body)
        assert problem(answer) == (401, "unknown_key")
        assert "WWW-Authenticate" in answer.headers


def test_a_revoked_key_is_refused(client: Asker, world: World) -> None:
    with tenant_transaction(world.acme.tenant_id) as session:
        for key in list_site_keys(session, tenant_id=world.acme.tenant_id, site_id=world.acme.site_id):
            revoke_site_key(session, tenant_id=world.acme.tenant_id, key_id=key.key_id, now=NOW)
    assert problem(say(client, world.acme)) == (401, "unknown_key")
    assert count(world.acme, "purchase_order") == 0


def test_an_idempotency_key_answers_the_same_and_never_another_body(client: Asker, world: World) -> None:
    first = say(client, world.acme, idempotency_key="k-1")
    again = say(client, world.acme, idempotency_key="k-1")
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == first.json()
    assert problem(say(client, world.acme, idempotency_key="k-1", value=1)) == (422, "idempotency_key_reused")
    reversal = say(client, world.acme, "/v1/orders/A-1/reversals", id="R", reason="return", idempotency_key="k-1")
    assert problem(reversal) == (422, "idempotency_key_reused")
    assert say(client, world.stranger, idempotency_key="k-1").status_code == 201  # a key is a site's own
    assert count(world.acme, "purchase_order") == 1
    assert count(world.acme, "reversal") == 0


@pytest.mark.parametrize("key", ["k" * 256, "k\tk"])
def test_an_idempotency_key_has_bounds(client: Asker, world: World, key: str) -> None:
    assert problem(say(client, world.acme, idempotency_key=key)) == (400, "bad_idempotency_key")


def test_what_was_refused_may_be_mended_under_its_key(client: Asker, world: World) -> None:
    say(client, world.acme)
    assert problem(say(client, world.acme, value=1, idempotency_key="k-1")) == (409, "order_differs")
    assert say(client, world.acme, id="A-2", value=1, idempotency_key="k-1").status_code == 201


def test_kept_answers_are_forgotten_after_three_days(client: Asker, world: World) -> None:
    say(client, world.acme, idempotency_key="k-1")
    with clock.moved_to(ORDERED_AT + idempotency.KEPT - timedelta(minutes=1)):
        idempotency.forget_old_answers()
        assert count(world.acme, "idempotent_answer") == 1
    with clock.moved_to(ORDERED_AT + idempotency.KEPT + timedelta(minutes=1)):
        assert say(client, world.acme, id="A-2", idempotency_key="k-1").status_code == 201
        idempotency.forget_old_answers()
        assert count(world.acme, "idempotent_answer") == 1


def test_the_same_request_twenty_times_at_once_is_one_order_and_one_answer(client: Asker, world: World) -> None:
    lead = make_lead(world.acme)

    def ask(_: int) -> tuple[int, str]:
        answer = say(client, world.acme, email=lead.value, idempotency_key="k-1")
        return answer.status_code, json.dumps(answer.json(), sort_keys=True)

    with ThreadPoolExecutor(8) as pool:
        answers = set(pool.map(ask, range(20)))
    assert len(answers) == 1
    assert answers.pop()[0] == 201
    assert count(world.acme, "purchase_order") == 1


def test_reversals_answer_201_then_200_and_never_exceed_the_order(client: Asker, world: World) -> None:
    say(client, world.acme)
    path = "/v1/orders/A-1/reversals"
    first = say(client, world.acme, path, id="R-1", reason="return", value=1980)
    assert first.status_code == 201
    assert (first.json()["value"], first.json()["order"], first.json()["currency"]) == (1980, "A-1", "JPY")
    again = say(client, world.acme, path, id="R-1", reason="return", value=1980)
    assert (again.status_code, again.json()) == (200, first.json())
    assert problem(say(client, world.acme, path, id="R-1", reason="cancel", value=1980)) == (409, "reversal_differs")
    too_much = say(client, world.acme, path, id="R-2", reason="return", value=3001)
    assert problem(too_much) == (409, "reversal_exceeds_order")
    assert (too_much.json()["left"], too_much.json()["currency"]) == ("3000", "JPY")
    assert say(client, world.acme, path, id="R-3", reason="unpaid").json()["value"] == 3000
    assert count(world.acme, "reversal") == 2


@pytest.mark.parametrize(
    ("sent", "code", "field"),
    [
        ({"reason": "bored"}, "bad_input", "reason"),
        ({"reason": None}, "bad_input", "reason"),
        ({"value": 0}, "bad_amount", "value"),
        ({"value": -1}, "bad_amount", "value"),
        ({"value": 0.5}, "bad_amount", "value"),
        ({"id": ""}, "bad_input", "id"),
        ({"at": "2027-01-01T00:00:00Z"}, "at_in_future", "at"),
        ({"items": [{"quantity": 1}]}, "bad_input", "items.0.id"),
    ],
)
def test_bad_reversals_have_names(
    client: Asker, world: World, sent: dict[str, Any], code: str, field: str | None
) -> None:
    say(client, world.acme)
    answer = say(client, world.acme, "/v1/orders/A-1/reversals", **{"id": "R-1", "reason": "return"} | sent)
    assert problem(answer) == (400, code)
    if field is not None:
        assert answer.json()["field"] == field
    assert count(world.acme, "reversal") == 0


def test_a_reversal_before_its_order_says_that_it_was_kept(client: Asker, world: World) -> None:
    path = "/v1/orders/A-1/reversals"
    say(client, world.stranger)  # the stranger's order of that id is not ours
    early = say(client, world.acme, path, id="R-1", reason="cancel", value=980, idempotency_key="k-1")
    assert problem(early) == (409, "reversal_before_order")
    assert early.json()["kept"] is True
    assert say(client, world.acme).json()["reversed"] == 980
    later = say(client, world.acme, path, id="R-1", reason="cancel", value=980, idempotency_key="k-1")
    assert (later.status_code, later.json()["value"]) == (200, 980)


def get(client: Asker, tenant: TenantWorld, path: str) -> Response:
    return client.get(path, headers={"authorization": f"Bearer {tenant.secret_key}"})


def test_g7_leads_are_listed_page_by_page_masked_and_without_a_stranger(client: Asker, world: World) -> None:
    leads = [make_lead(world.acme) for _ in range(3)]
    strangers = make_lead(world.stranger)
    first = get(client, world.acme, "/v1/leads?limit=2").json()
    second = get(client, world.acme, f"/v1/leads?limit=2&before={first['next']}").json()
    listed = first["leads"] + second["leads"]
    assert [one["id"] for one in listed] == [str(lead.lead_id) for lead in reversed(leads)]
    assert second["next"] is None
    assert (listed[0]["value"], listed[0]["state"], listed[0]["contacts"][0]["kind"]) == (4980, "active", "email")
    for lead in (*leads, strangers):
        assert lead.value not in json.dumps(listed)
    assert problem(get(client, world.acme, "/v1/leads?limit=0")) == (400, "bad_input")
    assert problem(get(client, world.acme, "/v1/leads?before=x")) == (400, "bad_input")


def test_g7_results_and_statements_are_listed_with_what_they_stand_on(client: Asker, world: World) -> None:
    make_contract(world.acme)
    lead = clicked_lead(world.acme)
    order = place(world.acme, now=ORDERED_AT, id="A-1", email=lead.value)
    [listed] = get(client, world.acme, "/v1/results").json()["results"]
    assert (listed["order"], listed["state"], listed["fee"], listed["basis"]) == ("A-1", "held", 747, "click")
    assert get(client, world.stranger, "/v1/results").json() == {"results": [], "next": None}

    result = result_of(world.acme, order)
    assert result is not None
    later = result.hold_until
    with tenant_transaction(world.acme.tenant_id) as session:
        tenant_id, result_id = world.acme.tenant_id, ResultId(result.result_id)
        billing.release_result(session, tenant_id=tenant_id, result_id=result_id, now=later)
        reviewer = world.users[Role.CLIENT_REVIEWER].user_id
        billing.approve_result(session, tenant_id=tenant_id, result_id=result_id, user_id=reviewer, now=later)
    reverse(world.acme, "A-1", now=later, value=980)
    settle([world.acme], now=later)
    with clock.moved_to(later):
        months = get(client, world.acme, "/v1/statements").json()["statements"]
        detail = get(client, world.acme, "/v1/statements?month=2026-12").json()
        strangers = get(client, world.stranger, "/v1/statements?month=2026-12").json()
    assert [(one["month"], one["state"], one["net"], one["tax"]) for one in months] == [("2026-12", "open", 600, 60)]
    assert [(line["kind"], line["amount"]) for line in detail["lines"]] == [("fee", 747), ("reversal", -147)]
    assert detail["gross"] == 660
    assert (strangers["entries"], strangers["lines"]) == (0, [])
    for month in ("2000-01", "2100-12"):
        assert get(client, world.acme, f"/v1/statements?month={month}").json()["month"] == month
    for wrong in ("1999-12", "2101-01", "0001-01", "2026-13", "2026-1", "12/2026", "20261201", "2026-W01"):
        assert problem(get(client, world.acme, f"/v1/statements?month={wrong}")) == (400, "bad_month")
