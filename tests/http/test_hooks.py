"""Twilio's webhooks: who signed, what moved, and that repeats are harmless (RULES 24, 26, 37)."""

from collections.abc import Mapping
from datetime import timedelta
from uuid import uuid4
from xml.etree import ElementTree

import httpx
import pytest
from fastapi import FastAPI
from prometheus_client import REGISTRY
from twilio.request_validator import RequestValidator

from modori.api import hooks
from modori.api.edge import ApiConfig
from modori.calls import actions as calls
from modori.kernel import clock
from modori.kernel.ids import CallTaskId, UserId
from modori.people import actions as people
from modori.people import queries as people_queries
from modori.people.model import Channel, ContactKind, EvidenceSource, StopReason
from modori.people.rules import standing_stop
from modori.people.values import value_index
from modori.sending import actions as sending
from modori.sending.model import TouchState
from modori.storage import db
from modori.storage.db import read_transaction, tenant_transaction
from modori.tenants.model import Role
from tests.asking import Asking
from tests.channelworld import PUBLIC_URL, SentWorld, send
from tests.leadworld import LeadWorld, make_lead
from tests.questions import ask_one
from tests.world import NOW, TenantWorld, World

OLD, NEW = "the-old-token", "the-new-token"


@pytest.fixture
def app(database: db.Database) -> Asking:
    made = FastAPI()
    made.include_router(hooks.make_router(ApiConfig(public_url=PUBLIC_URL, twilio_auth_tokens=(OLD, NEW))))
    return Asking(made)


def post(
    app: Asking,
    path: str,
    form: Mapping[str, str],
    *,
    token: str = NEW,
    base: str = PUBLIC_URL,
    headers: Mapping[str, str] | None = None,
) -> httpx.Response:
    signature = RequestValidator(token).compute_signature(base + path, dict(form))
    return app.request("POST", path, data=form, headers={"x-twilio-signature": signature} | dict(headers or {}))


def status_path(sent: SentWorld) -> str:
    return f"/hooks/twilio/sms/{sent.permit.tenant_id}/{sent.permit.delivery_id}"


def report(sent: SentWorld) -> str:
    return str(
        ask_one(
            sent.permit.tenant_id, "select report from delivery where delivery_id = :id", id=sent.permit.delivery_id
        )
    )


def refused_count() -> float:
    return REGISTRY.get_sample_value("modori_webhooks_refused_total", {"provider": "twilio"}) or 0


@pytest.mark.parametrize("token", [OLD, NEW])
def test_either_of_two_tokens_may_sign(world: World, app: Asking, token: str) -> None:
    sent = send(world.acme, channel=Channel.SMS)
    answer = post(app, status_path(sent), {"MessageStatus": "sent", "MessageSid": "SM1"}, token=token)
    assert answer.status_code == 204
    assert report(sent) == "sent"


@pytest.mark.parametrize(
    ("token", "base", "headers"),
    [
        ("a-third-token", PUBLIC_URL, {}),
        (NEW, "http://testserver", {}),  # signed over the host that the request came to
        (NEW, "https://evil.example", {"host": "evil.example", "x-forwarded-host": "evil.example"}),
        (NEW, PUBLIC_URL, {"x-twilio-signature": ""}),
    ],
)
def test_a_wrong_signature_changes_nothing_but_the_count(
    world: World, app: Asking, token: str, base: str, headers: dict[str, str]
) -> None:
    sent = send(world.acme, channel=Channel.SMS)
    before = refused_count()
    answer = post(app, status_path(sent), {"MessageStatus": "delivered"}, token=token, base=base, headers=headers)
    assert answer.status_code == 403
    assert answer.json()["code"] == "bad_signature"
    assert report(sent) == "none"
    assert refused_count() == before + 1


def test_a_changed_field_breaks_the_signature(world: World, app: Asking) -> None:
    sent = send(world.acme, channel=Channel.SMS)
    path = status_path(sent)
    signature = RequestValidator(NEW).compute_signature(PUBLIC_URL + path, {"MessageStatus": "sent"})
    answer = app.request("POST", path, data={"MessageStatus": "failed"}, headers={"x-twilio-signature": signature})
    assert answer.status_code == 403


def test_without_a_token_nothing_is_believed(world: World, database: db.Database) -> None:
    made = FastAPI()
    made.include_router(hooks.make_router(ApiConfig(public_url=PUBLIC_URL, twilio_auth_tokens=("",))))
    sent = send(world.acme, channel=Channel.SMS)
    assert post(Asking(made), status_path(sent), {"MessageStatus": "sent"}, token="").status_code == 403


@pytest.mark.parametrize("body", [b"x" * 70_000, b"\xff\xfe", b"&".join(b"a=1" for _ in range(300))])
def test_a_body_that_is_no_form_is_refused(app: Asking, body: bytes) -> None:
    answer = app.request("POST", f"/hooks/twilio/sms/{uuid4()}/{uuid4()}", content=body)
    assert answer.status_code in (400, 403)


@pytest.mark.parametrize(
    ("words", "final"),
    [
        (["queued", "sent", "delivered"], "delivered"),
        (["delivered", "sent", "queued"], "delivered"),  # any order
        (["sent", "sent", "queued", "sent"], "sent"),  # repeats
        (["failed", "delivered"], "failed"),  # the first final one absorbs
        (["sending", "undelivered"], "undelivered"),
        (["sent", "a_word_of_tomorrow"], "sent"),
    ],
)
def test_reports_are_ranked(world: World, app: Asking, words: list[str], final: str) -> None:
    sent = send(world.acme, channel=Channel.SMS)
    for word in words:
        assert post(app, status_path(sent), {"MessageStatus": word, "MessageSid": "SM1"}).status_code == 204
    assert report(sent) == final


@pytest.mark.parametrize(
    ("code", "status", "is_dead", "takes_sms"),
    [
        ("30005", "undelivered", True, True),  # the number exists no more
        ("30006", "undelivered", False, False),  # a landline: dead for SMS, and a call still reaches it
        ("30006", "failed", False, False),
        ("30006", "sent", False, True),  # on its way: nothing is certain yet
        ("30003", "undelivered", False, True),  # switched off: tomorrow it may be on
        ("30008", "failed", False, True),
        ("rubbish", "failed", False, True),
    ],
)
def test_a_late_code_says_what_the_number_is_worth(
    world: World, app: Asking, code: str, status: str, is_dead: bool, takes_sms: bool
) -> None:
    sent = send(world.acme, channel=Channel.SMS)
    form = {"MessageStatus": status, "MessageSid": "SM1", "ErrorCode": code}
    for _ in range(2):  # a repeat changes nothing
        assert post(app, status_path(sent), form).status_code == 204
    point = sent.permit.contact_point_id
    dead = ask_one(
        world.acme.tenant_id, "select dead_at is not null from contact_point where contact_point_id = :id", id=point
    )
    mobile = ask_one(world.acme.tenant_id, "select is_mobile from contact_point where contact_point_id = :id", id=point)
    assert (dead, mobile) == (is_dead, takes_sms)


def test_a_delivered_message_is_not_taken_back_by_a_late_code(world: World, app: Asking) -> None:
    sent = send(world.acme, channel=Channel.SMS)
    post(app, status_path(sent), {"MessageStatus": "delivered", "MessageSid": "SM1"})
    post(app, status_path(sent), {"MessageStatus": "undelivered", "MessageSid": "SM1", "ErrorCode": "30005"})
    point = sent.permit.contact_point_id
    query = "select dead_at from contact_point where contact_point_id = :id"
    assert ask_one(world.acme.tenant_id, query, id=point) is None


def test_rules_5_a_late_opt_out_at_the_provider_is_a_stop(world: World, app: Asking) -> None:
    sent = send(world.acme, channel=Channel.SMS)
    post(app, status_path(sent), {"MessageStatus": "failed", "MessageSid": "SM1", "ErrorCode": "21610"})
    assert is_stopped(world.acme, sent.lead.value)


def test_g7_a_delivery_is_found_only_under_its_own_client(world: World, app: Asking) -> None:
    sent = send(world.acme, channel=Channel.SMS)
    crossed = f"/hooks/twilio/sms/{world.stranger.tenant_id}/{sent.permit.delivery_id}"
    missing = f"/hooks/twilio/sms/{world.stranger.tenant_id}/{uuid4()}"
    answers = [post(app, path, {"MessageStatus": "sent"}) for path in (crossed, missing)]
    assert [answer.status_code for answer in answers] == [404, 404]
    assert answers[0].json() == answers[1].json()
    assert report(sent) == "none"


def is_stopped(tenant: TenantWorld, value: str) -> bool:
    key = (ContactKind.PHONE, value_index(tenant.tenant_id, ContactKind.PHONE, value))
    with read_transaction([tenant.tenant_id]) as session:
        stops = people_queries.list_stops(session, tenant_id=tenant.tenant_id, indexes=[key])[key]
    return standing_stop(stops, Channel.SMS) is not None


def inbound(app: Asking, tenant: TenantWorld, body: str, *, sender: str, sid: str | None = None) -> httpx.Response:
    form = {"From": sender, "To": tenant.sms_from, "Body": body, "MessageSid": sid or f"SM{uuid4().hex}"}
    return post(app, "/hooks/twilio/inbound", form)


def test_a_stop_word_stops_for_the_client_of_that_number(world: World, app: Asking) -> None:
    sent = send(world.acme, channel=Channel.SMS)
    answer = inbound(app, world.acme, "配信停止", sender=sent.lead.value)
    assert answer.status_code == 200
    assert list(ElementTree.fromstring(answer.text)) == []  # no answer goes out, which would be a message again
    assert is_stopped(world.acme, sent.lead.value)
    assert not is_stopped(world.stranger, sent.lead.value)
    inbound(app, world.acme, "START", sender=sent.lead.value)
    assert not is_stopped(world.acme, sent.lead.value)


@pytest.mark.parametrize("sender", ["12345", "SHOP", ""])
def test_a_reply_of_no_telephone_is_let_go(world: World, app: Asking, sender: str) -> None:
    assert inbound(app, world.acme, "STOP", sender=sender).status_code == 200
    assert ask_one(world.acme.tenant_id, "select count(*) from reply") == 0


def test_a_reply_to_a_number_of_nobody_changes_nothing(app: Asking) -> None:
    form = {"From": "+819011112222", "To": "+10000000000", "Body": "STOP", "MessageSid": "SM1"}
    assert post(app, "/hooks/twilio/inbound", form).status_code == 200


def dialled(world: World) -> tuple[LeadWorld, str]:
    """An operator has dialled; return the lead and the path at which Twilio will ask."""
    lead = make_lead(world.acme, channel=Channel.CALL)
    tenant_id, operator = world.acme.tenant_id, UserId(world.users[Role.OPERATOR].user_id)
    with tenant_transaction(tenant_id) as session:
        admitted = sending.admit_call_step(session, tenant_id=tenant_id, touch_id=lead.touch_id, costs=None, now=NOW)
        assert isinstance(admitted, sending.Admitted)
        task_id = calls.queue_task(session, tenant_id=tenant_id, touch_id=lead.touch_id, now=NOW)
        assert task_id is not None
    with tenant_transaction(tenant_id) as session:
        assert calls.claim(session, tenant_id=tenant_id, task_id=CallTaskId(task_id), user_id=operator) is not None
    with tenant_transaction(tenant_id) as session:
        started = calls.start_call(
            session,
            tenant_id=tenant_id,
            task_id=CallTaskId(task_id),
            user_id=operator,
            deadline_s=30,
            costs=None,
            now=NOW,
        )
        assert isinstance(started, calls.StartedCall), started
    return lead, f"/hooks/twilio/voice/{tenant_id}/{started.call_id}"


def call_row(world: World, column: str) -> object:
    return ask_one(world.acme.tenant_id, f"select {column} from call")


def test_the_operator_is_bridged_after_the_gate_has_been_asked_again(world: World, app: Asking) -> None:
    lead, path = dialled(world)
    with clock.moved_to(NOW + timedelta(seconds=10)):
        answer = post(app, path, {"CallSid": "CA1", "CallStatus": "in-progress"})
    assert answer.status_code == 200
    dial = ElementTree.fromstring(answer.text).find("Dial")
    assert dial is not None
    number = dial.find("Number")
    assert number is not None
    assert number.text == lead.value
    assert dial.get("callerId") == world.acme.sms_from  # this world calls from the same number
    assert dial.get("action") == number.get("statusCallback") == f"{PUBLIC_URL}{path}/dialled"
    bridges = ask_one(world.acme.tenant_id, "select count(*) from receipt where subject = 'bridge'")
    assert bridges == 1


def test_g2_a_stop_between_dial_and_answer_bridges_nobody(world: World, app: Asking) -> None:
    lead, path = dialled(world)
    tenant_id = world.acme.tenant_id
    with tenant_transaction(tenant_id) as session:
        people.record_stop(
            session,
            tenant_id=tenant_id,
            kind=ContactKind.PHONE,
            value_index=value_index(tenant_id, ContactKind.PHONE, lead.value),
            via=Channel.SMS,
            reason=StopReason.REPLY,
            source=EvidenceSource.REPLY,
            now=NOW,
        )
    with clock.moved_to(NOW + timedelta(seconds=10)):
        answer = post(app, path, {"CallSid": "CA1", "CallStatus": "in-progress"})
    document = ElementTree.fromstring(answer.text)
    assert [verb.tag for verb in document] == ["Say", "Hangup"]
    assert lead.value not in answer.text
    assert call_row(world, "state") == "refused"


def test_a_call_moves_forward_through_both_legs(world: World, app: Asking) -> None:
    _, path = dialled(world)
    with clock.moved_to(NOW + timedelta(seconds=5)):
        for word in ("initiated", "ringing", "in-progress"):
            assert post(app, f"{path}/status", {"CallSid": "CA1", "CallStatus": word}).status_code == 204
        post(app, path, {"CallSid": "CA1", "CallStatus": "in-progress"})
    assert call_row(world, "state") == "dialling"
    with clock.moved_to(NOW + timedelta(seconds=20)):
        leg = {"CallSid": "CA2", "ParentCallSid": "CA1"}
        post(app, f"{path}/dialled", leg | {"CallStatus": "in-progress"})
    assert call_row(world, "state") == "talking"
    with clock.moved_to(NOW + timedelta(seconds=60)):
        post(app, f"{path}/status", {"CallSid": "CA1", "CallStatus": "completed", "CallDuration": "55"})
        end = {"CallSid": "CA1", "CallStatus": "in-progress", "DialCallStatus": "completed", "DialCallDuration": "40"}
        answer = post(app, f"{path}/dialled", end)
        post(app, f"{path}/dialled", leg | {"CallStatus": "completed", "CallDuration": "40"})
    assert [verb.tag for verb in ElementTree.fromstring(answer.text)] == ["Hangup"]
    assert call_row(world, "state") == "ended"
    assert call_row(world, "talk_s") == 40
    assert ask_one(world.acme.tenant_id, "select state from delivery where call_id is not null") == "accepted"


@pytest.mark.parametrize("word", ["busy", "no-answer", "failed", "canceled"])
def test_a_customer_who_does_not_answer_was_not_talked_to(world: World, app: Asking, word: str) -> None:
    _, path = dialled(world)
    with clock.moved_to(NOW + timedelta(seconds=5)):
        post(app, path, {"CallSid": "CA1", "CallStatus": "in-progress"})
        post(app, f"{path}/dialled", {"CallSid": "CA1", "DialCallStatus": word})
    assert (call_row(world, "state"), call_row(world, "talk_s"), call_row(world, "bridged_at")) == ("ended", 0, None)


def test_g7_a_call_is_found_only_under_its_own_client(world: World, app: Asking) -> None:
    _, path = dialled(world)
    crossed = path.replace(str(world.acme.tenant_id), str(world.stranger.tenant_id))
    for suffix in ("", "/status", "/dialled"):
        answer = post(app, crossed + suffix, {"CallSid": "CA1", "CallStatus": "in-progress"})
        assert answer.status_code == 404, suffix
    assert call_row(world, "state") == "preparing"


def test_the_touch_stays_the_operators_whatever_the_callbacks_say(world: World, app: Asking) -> None:
    lead, path = dialled(world)
    post(app, f"{path}/status", {"CallSid": "CA1", "CallStatus": "completed"})
    state = ask_one(world.acme.tenant_id, "select state from touch where touch_id = :id", id=lead.touch_id)
    assert state == TouchState.QUEUED
