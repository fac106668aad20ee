"""What a client's server says of its customers' wishes, and what the SDK is told of a site."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from fastapi import FastAPI
from httpx import Response
from sqlalchemy import text

from modori.api import config as site_config
from modori.api import consents
from modori.capture.sightings.counts import Counts
from modori.kernel import clock
from modori.kernel.ids import new_id
from modori.people import queries
from modori.people.model import Channel, ContactKind
from modori.people.points import meet_contact_point
from modori.people.rules import standing_stop
from modori.people.values import value_index
from modori.reports.sites.queries import list_refusals
from modori.storage.db import read_transaction, tenant_transaction
from tests.asgi import Asker
from tests.captureworld import form, new_visitor, somebody, take
from tests.world import NOW, TenantWorld, World, make_tenant

EMAIL = ContactKind.EMAIL


@pytest.fixture
def client(world: World) -> Iterator[Asker]:
    app = FastAPI()
    app.include_router(consents.make_router())
    app.include_router(site_config.make_router(sightings=Counts(write_every_s=0)))
    with clock.moved_to(NOW):
        yield Asker(app)


def post(client: Asker, path: str, tenant: TenantWorld, sent: object, **headers: str) -> Response:
    return client.post(path, json=sent, headers={"authorization": f"Bearer {tenant.secret_key}"} | headers)


def problem(answer: Response) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.status_code, answer.json()["code"]


def is_stopped(tenant: TenantWorld, email: str) -> bool:
    key = (EMAIL, value_index(tenant.tenant_id, EMAIL, email))
    with tenant_transaction(tenant.tenant_id) as session:
        stops = queries.list_stops(session, tenant_id=tenant.tenant_id, indexes=[key])[key]
        return standing_stop(stops, "email") is not None


def granted(tenant: TenantWorld, email: str, channel: Channel = Channel.EMAIL) -> bool | None:
    with tenant_transaction(tenant.tenant_id) as session:
        point = meet_contact_point(session, tenant_id=tenant.tenant_id, kind=EMAIL, value=email, now=NOW)
        found = queries.find_consent(
            session,
            tenant_id=tenant.tenant_id,
            channel=channel,
            episode_id=None,
            contact_point_id=point.contact_point_id,
        )
        return None if found is None else found.granted


def test_a_consent_binds_to_its_contact_point_and_its_client(client: Asker, world: World) -> None:
    email = somebody()
    sent: dict[str, Any] = {"channel": "email", "granted": True, "text": "受け取ります", "email": email}
    assert post(client, "/v1/consents", world.acme, sent).status_code == 201
    assert granted(world.acme, email) is True
    assert granted(world.stranger, email) is None
    assert post(client, "/v1/consents", world.acme, sent | {"granted": False, "text": ""}).status_code == 201
    assert granted(world.acme, email) is False


def test_an_older_consent_does_not_overrule_a_newer_word(client: Asker, world: World) -> None:
    email = somebody()
    sent: dict[str, Any] = {"channel": "email", "granted": False, "email": email}
    post(client, "/v1/consents", world.acme, sent)
    old = {"granted": True, "text": "はい", "at": (NOW - timedelta(days=700)).isoformat()}
    assert post(client, "/v1/consents", world.acme, sent | old).status_code == 201
    assert granted(world.acme, email) is False


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ({"channel": "email", "granted": True, "text": "x", "email": "none"}, (400, "bad_email")),
        ({"channel": "sms", "granted": True, "text": "x", "tel": "090"}, (400, "bad_phone")),
        ({"channel": "line", "granted": True, "text": "x", "line": "hanako"}, (400, "bad_line")),
        ({"channel": "email", "granted": True, "text": "x", "tel": "09012345678"}, (400, "wrong_contact")),
        ({"channel": "email", "granted": True, "email": "a@b.jp"}, (400, "bad_input")),  # no words: no evidence
        ({"channel": "email", "granted": "yes", "text": "x", "email": "a@b.jp"}, (400, "bad_input")),
        ({"channel": "fax", "granted": True, "text": "x", "email": "a@b.jp"}, (400, "bad_input")),
        ({"channel": "email", "granted": True, "text": "x"}, (400, "bad_input")),
        ({"channel": "email", "granted": True, "text": "x", "email": "a@b.jp", "tel": "090"}, (400, "bad_input")),
        ({"channel": "email", "granted": True, "text": "x", "email": "a@b.jp", "at": 1}, (400, "bad_input")),
        (
            {"channel": "email", "granted": True, "text": "x", "email": "a@b.jp", "at": "2030-01-01T00:00:00Z"},
            (400, "at_in_future"),
        ),
    ],
)
def test_bad_consents_have_a_name(client: Asker, world: World, sent: dict[str, Any], expected: tuple[int, str]) -> None:
    answer = post(client, "/v1/consents", world.acme, sent)
    assert problem(answer) == expected
    assert "a@b.jp" not in answer.text


@pytest.mark.parametrize(
    ("path", "sent", "field", "detail"),
    [
        (
            "/v1/consents",
            {"channel": "email", "granted": True, "email": "a@b.jp"},
            "text",
            "text: a consent needs the words that were agreed to",
        ),
        ("/v1/consents", {"channel": "email", "granted": False}, None, "name exactly one of email, tel and line"),
        ("/v1/stops", {"email": "a@b.jp", "tel": "090"}, None, "name exactly one of email, tel and line"),
        ("/v1/erasures", {}, None, "name exactly one of email, tel and line"),
        ("/v1/stops", {"phone": "090"}, None, "name exactly one of email, tel and line; not known: phone"),
        (
            "/v1/erasures",
            {"mail": "a@b.jp", "tel": "", "user_id": 7},
            None,
            "name exactly one of email, tel and line; not known: mail, user_id",
        ),
        (
            "/v1/consents",
            {"channel": "sms", "granted": False, "phone": "090"},
            None,
            "name exactly one of email, tel and line; not known: phone",
        ),
        ("/v1/consents", {"chanel": "sms", "granted": False}, "channel", "channel: Field required; not known: chanel"),
        ("/v1/stops", {"email": 7, "phone": "090"}, "email", "email: Input should be a valid string"),
    ],
)
def test_what_is_wrong_is_said_in_words_of_ours(
    client: Asker, world: World, path: str, sent: dict[str, Any], field: str | None, detail: str
) -> None:
    said = post(client, path, world.acme, sent).json()
    assert (said.get("field"), said["detail"]) == (field, detail)


@pytest.mark.parametrize(
    ("path", "sent"),
    [
        ("/v1/consents", {"channel": "email", "granted": True, "text": "はい", "url": "https://x.example/"}),
        ("/v1/stops", {"url": "x"}),
        ("/v1/erasures", {"url": "x"}),
    ],
)
def test_names_that_are_not_known_are_told(client: Asker, world: World, path: str, sent: dict[str, Any]) -> None:
    email, key = somebody(), new_id().hex
    answers = [post(client, path, world.acme, sent | {"email": email}, **{"Idempotency-Key": key}) for _ in range(2)]
    assert [(one.status_code, one.json()["ignored"]) for one in answers] == [(201, ["url"])] * 2
    known = {name: said for name, said in sent.items() if name != "url"}
    assert post(client, path, world.acme, known | {"email": email}).json()["ignored"] == []


def test_g5_a_stop_works_for_people_we_have_not_met_and_answers_alike(client: Asker, world: World) -> None:
    known, unknown = somebody(), somebody()
    take(world.acme, [form(world.acme, visitor=new_visitor(), email=known)])
    answers = [post(client, "/v1/stops", world.acme, {"email": email}) for email in (known, unknown)]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json().keys() == answers[1].json().keys()
    for email in (known, unknown):
        assert is_stopped(world.acme, email)
        assert not is_stopped(world.stranger, email)


def test_rules_18_an_erasure_forgets_and_stops(client: Asker, world: World) -> None:
    email, visitor = somebody(), new_visitor()
    take(world.acme, [form(world.acme, visitor=visitor, email=email, name="山田花子")])
    assert post(client, "/v1/erasures", world.acme, {"email": email}).status_code == 201
    assert is_stopped(world.acme, email)
    with tenant_transaction(world.acme.tenant_id) as session:
        found = session.connection().execute(
            text(
                "select e.form_fields, c.value, c.masked, p.name from episode e"
                " join person p using (tenant_id, person_id)"
                " join contact_point c using (tenant_id, person_id) where visitor = :v"
            ),
            {"v": visitor},
        )
        assert found.one() == (None, None, "•••", None)
    assert post(client, "/v1/erasures", world.acme, {"email": email}).status_code == 201  # again: nothing more to do


def test_keys_of_servers(client: Asker, world: World) -> None:
    for headers in (
        {},
        {"authorization": "Bearer sk_unknown"},
        {"authorization": f"Bearer {world.acme.site_key}"},
        {"authorization": f"Basic {world.acme.secret_key}"},
    ):
        answer = client.post("/v1/stops", json={"email": somebody()}, headers=headers)
        assert problem(answer) == (401, "unknown_key")
        assert answer.headers["www-authenticate"].startswith("Bearer")


def test_an_idempotency_key_repeats_its_answer_and_refuses_another_body(client: Asker, world: World) -> None:
    key = {"Idempotency-Key": new_id().hex}
    sent = {"channel": "email", "granted": True, "text": "はい", "email": somebody()}
    first = post(client, "/v1/consents", world.acme, sent, **key)
    again = post(client, "/v1/consents", world.acme, sent, **key)
    assert first.json() == again.json()
    other = post(client, "/v1/consents", world.acme, sent | {"text": "別"}, **key)
    assert problem(other) == (422, "idempotency_key_reused")


def test_the_sdk_is_told_what_it_may_do(client: Asker, world: World) -> None:
    answer = client.get(f"/v1/sites/{world.acme.site_key}/config")
    assert answer.json() == {
        "mode": "notice",
        "notice_selector": "#modori-notice",
        "origins": [world.acme.origin],
        "heartbeat_s": 30,
        "gpc": False,
    }
    assert answer.headers["cache-control"] == "public, max-age=300"
    assert answer.headers["access-control-allow-origin"] == "*"


@pytest.mark.parametrize("key", ["pk_unknown", "nonsense"])
def test_an_unknown_site_is_not_found(client: Asker, key: str) -> None:
    answer = client.get(f"/v1/sites/{key}/config")
    assert problem(answer) == (404, "unknown_key")
    # A page may read it: else a browser calls it a fault of the network, and the tag asks again without end.
    assert answer.headers["access-control-allow-origin"] == "*"


def test_a_secret_key_is_no_site(client: Asker, world: World) -> None:
    assert problem(client.get(f"/v1/sites/{world.acme.secret_key}/config")) == (404, "unknown_key")
    assert refusals(world.acme) == []


def test_a_secret_key_in_a_tag_is_told_to_the_sites_page(client: Asker, world: World) -> None:
    """The tag asks for its config, gets none, and reports nothing: nobody else could say so."""
    acme = world.acme
    answer = client.get(f"/v1/sites/{acme.secret_key}/config", headers={"origin": acme.origin})
    assert problem(answer) == (404, "unknown_key")
    assert refusals(acme) == [("secret_key_in_browser", acme.secret_key[:8], 1)]


def refusals(tenant: TenantWorld) -> list[tuple[str, str, int]]:
    with read_transaction([tenant.tenant_id]) as session:
        rows = list_refusals(session, tenant_id=tenant.tenant_id, site_id=tenant.site_id, since=NOW.date())
    return [(row.code, row.subject, row.count) for row in rows]


@pytest.mark.parametrize(("threshold_s", "heartbeat_s"), [(1, 1), (6, 2), (90, 30), (1800, 30)])
def test_an_open_page_is_heard_three_times_within_the_threshold(threshold_s: int, heartbeat_s: int) -> None:
    assert site_config.heartbeat_s(threshold_s) == heartbeat_s


def test_a_site_without_capture_says_off(client: Asker, world: World) -> None:
    closed = make_tenant("off", capture_mode="off")
    assert client.get(f"/v1/sites/{closed.site_key}/config").json()["mode"] == "off"
