"""Calls by the unmodified twilio library: the operator's phone is bridged to the customer's."""

import pytest
from twilio.base.exceptions import TwilioRestException

from tests.sandbox.conftest import TOKEN, Outside
from tests.sandbox.receiver import wait_until

OPERATOR = "+815033334444"
CUSTOMER = "+819012345678"
FROM = "+815011112222"
EVENTS = ["initiated", "ringing", "answered", "completed"]
DELIVERY = "0198c0de-0000-7000-8000-000000000003"

BRIDGE = """<?xml version="1.0" encoding="UTF-8"?>
<Response><Say>おつなぎします</Say><Dial timeout="20" action="/voice/after"><Number statusCallback="/voice/leg"
 statusCallbackEvent="initiated ringing answered completed">+819012345678</Number></Dial></Response>"""


def dial(outside: Outside, *, twiml: str = BRIDGE) -> str:
    outside.modori.answers |= {
        "/voice/start": (200, twiml),
        "/voice/after": (200, "<Response><Hangup/></Response>"),
    }
    call = outside.twilio().calls.create(
        to=OPERATOR,
        from_=FROM,
        url=outside.modori.url + "/voice/start?call=1",
        status_callback=f"{outside.modori.url}/voice/status/{DELIVERY}",
        status_callback_event=EVENTS,
    )
    return str(call.sid)


def leg_status(outside: Outside) -> str | None:
    return next((row["status"] for row in outside.messages(to=CUSTOMER, channel="call")), None)


def test_a_bridged_call_from_ringing_to_hanging_up(outside: Outside) -> None:
    outside.phone(CUSTOMER, talk_s=0.3)
    sid = dial(outside)
    (after,) = outside.modori.wait("/voice/after")
    (start,) = outside.modori.at("/voice/start")
    assert (start.form["CallSid"], start.form["CallStatus"], start.form["To"]) == (sid, "in-progress", OPERATOR)
    assert after.form["DialCallStatus"] == "completed"
    assert int(after.form["DialCallDuration"]) >= 1
    parent = outside.modori.wait(f"/voice/status/{DELIVERY}", count=4)
    legs = outside.modori.wait("/voice/leg", count=4)
    assert [post.form["CallStatus"] for post in parent] == ["initiated", "ringing", "in-progress", "completed"]
    assert [post.form["CallStatus"] for post in legs] == ["initiated", "ringing", "in-progress", "completed"]
    assert {post.form["ParentCallSid"] for post in legs} == {sid}
    assert {post.form["CallSid"] for post in legs} == {after.form["DialCallSid"]}
    assert int(parent[-1].form["CallDuration"]) >= 1
    assert all(outside.modori.is_signed(post, TOKEN) for post in outside.modori.posts)
    (accepted,) = outside.ledger("accepted")
    assert (accepted["channel"], accepted["sid"], accepted["delivery_id"]) == ("call", sid, DELIVERY)
    (rang,) = outside.ledger("rang")
    assert (rang["to"], rang["parent_sid"], rang["delivery_id"]) == (CUSTOMER, sid, DELIVERY)


@pytest.mark.parametrize(("answer", "status"), [("answer", "completed"), ("no-answer", "no-answer"), ("busy", "busy")])
def test_how_the_customer_takes_it_is_what_the_dial_reports(outside: Outside, answer: str, status: str) -> None:
    outside.phone(CUSTOMER, answer=answer, answer_s=0.1, talk_s=0.1)
    dial(outside)
    (after,) = outside.modori.wait("/voice/after")
    assert after.form["DialCallStatus"] == status
    assert ("DialCallDuration" in after.form) == (answer == "answer")


def test_an_operator_who_does_not_answer_rings_no_customer(outside: Outside) -> None:
    outside.phone(OPERATOR, answer="busy")
    dial(outside)
    posts = outside.modori.wait(f"/voice/status/{DELIVERY}", count=3)
    assert posts[-1].form["CallStatus"] == "busy"
    assert outside.modori.at("/voice/start") == []
    assert outside.ledger("rang") == []


def test_the_operators_twiml_may_forbid_the_dial(outside: Outside) -> None:
    dial(outside, twiml="<Response><Say>お客さまは注文済みです</Say><Hangup/></Response>")
    posts = outside.modori.wait(f"/voice/status/{DELIVERY}", count=4)
    assert posts[-1].form["CallStatus"] == "completed"
    assert outside.messages(to=OPERATOR)[0]["text"] == "お客さまは注文済みです"
    assert outside.ledger("rang") == []


@pytest.mark.parametrize("by", ["control", "phone page", "api on the call", "api on the leg"])
def test_a_call_lasts_until_somebody_hangs_up(outside: Outside, by: str) -> None:
    outside.phone(CUSTOMER, talk_s=60)
    sid = dial(outside)
    wait_until(lambda: leg_status(outside) == "in-progress")
    leg = outside.messages(to=CUSTOMER, channel="call")[0]["id"]
    match by:
        case "control":
            assert outside.http.post("/control/hangup", json={"to": CUSTOMER}).json() == {"ended": [leg]}
        case "phone page":
            assert outside.http.post(f"/calls/{leg}/hangup").status_code == 303
        case "api on the call":
            outside.twilio().calls(sid).update(status="completed")
        case _:
            outside.twilio().calls(leg).update(status="completed")
    wait_until(lambda: leg_status(outside) == "completed")
    wait_until(lambda: outside.twilio().calls(sid).fetch().status == "completed")
    assert [call.sid for call in outside.twilio().calls.list(parent_call_sid=sid)] == [leg]


def test_a_phone_that_asks_rings_until_its_button_is_pressed(outside: Outside) -> None:
    outside.phone(CUSTOMER, answer="ask", talk_s=0.1)
    dial(outside)
    wait_until(lambda: leg_status(outside) == "ringing")
    leg = outside.messages(to=CUSTOMER, channel="call")[0]["id"]
    outside.http.post(f"/calls/{leg}/decline")
    (after,) = outside.modori.wait("/voice/after")
    assert after.form["DialCallStatus"] == "busy"


@pytest.mark.parametrize("answer", [(500, "oops"), (200, "<Response><Conference/></Response>"), (200, "no XML")])
def test_bad_twiml_ends_the_call_and_rings_no_customer(outside: Outside, answer: tuple[int, str]) -> None:
    outside.modori.answers["/voice/start"] = answer
    outside.twilio().calls.create(to=OPERATOR, from_=FROM, url=outside.modori.url + "/voice/start")
    wait_until(lambda: outside.messages(to=OPERATOR)[0]["status"] == "completed")
    assert "application error" in outside.messages(to=OPERATOR)[0]["text"]
    assert outside.ledger("rang") == []


@pytest.mark.parametrize(
    ("dialling", "code"),
    [
        ({"to": "0312345678", "from_": FROM, "url": "http://127.0.0.1:1/"}, 21211),
        ({"to": OPERATOR, "from_": "MODORI", "url": "http://127.0.0.1:1/"}, 21212),  # a call needs a number
        ({"to": OPERATOR, "from_": FROM, "url": "/relative"}, 21205),
    ],
)
def test_a_bad_call_is_refused_and_not_accepted(outside: Outside, dialling: dict[str, str], code: int) -> None:
    with pytest.raises(TwilioRestException) as refused:
        outside.twilio().calls.create(**dialling)
    assert refused.value.code == code
    assert outside.ledger("accepted") == []


def test_a_call_that_is_over_cannot_be_ended_again(outside: Outside) -> None:
    outside.phone(OPERATOR, answer="busy")
    sid = dial(outside)
    wait_until(lambda: outside.twilio().calls(sid).fetch().status == "busy")
    with pytest.raises(TwilioRestException) as refused:
        outside.twilio().calls(sid).update(status="completed")
    assert refused.value.code == 21220
