"""The unmodified twilio library sends and finds messages."""

from datetime import timedelta

import pytest
from twilio.base.exceptions import TwilioRestException

from tests.sandbox.conftest import TOKEN, Outside
from tests.sandbox.receiver import wait_until

TO = "+819012345678"
FROM = "+815011112222"
DELIVERY = "0198c0de-0000-7000-8000-000000000001"


def send(outside: Outside, *, to: str = TO, body: str = "カートに商品が残っています") -> str:
    message = outside.twilio().messages.create(
        to=to, from_=FROM, body=body, status_callback=f"{outside.modori.url}/hooks/sms/{DELIVERY}"
    )
    return str(message.sid)


def test_a_message_is_accepted_once_and_its_states_are_reported_with_valid_signatures(outside: Outside) -> None:
    sid = send(outside)
    posts = outside.modori.wait("/hooks/sms/" + DELIVERY, count=3)
    assert [post.form["MessageStatus"] for post in posts] == ["queued", "sent", "delivered"]
    assert {post.form["MessageSid"] for post in posts} == {sid}
    assert all(outside.modori.is_signed(post, TOKEN) for post in posts)
    assert not outside.modori.is_signed(posts[0], "another token")
    (line,) = outside.ledger("accepted")
    assert (line["channel"], line["to"], line["delivery_id"], line["sid"]) == ("sms", TO, DELIVERY, sid)


def test_a_message_can_be_fetched_and_listed_by_receiver_and_day(outside: Outside) -> None:
    sid = send(outside)
    send(outside, to="+818000000000")
    twilio = outside.twilio()
    fetched = twilio.messages(sid).fetch()
    assert (fetched.to, fetched.from_, fetched.body) == (TO, FROM, "カートに商品が残っています")
    wait_until(lambda: twilio.messages(sid).fetch().date_sent is not None)  # midnight may lie between taken and sent
    sent_at = twilio.messages(sid).fetch().date_sent
    earlier = sent_at - timedelta(minutes=1)
    assert [found.sid for found in twilio.messages.list(to=TO, date_sent=sent_at)] == [sid]
    assert twilio.messages.list(to=TO, date_sent=sent_at - timedelta(days=1)) == []
    assert [found.sid for found in twilio.messages.list(to=TO, date_sent_after=earlier)] == [sid]
    assert twilio.messages.list(to=TO, date_sent_before=earlier) == []
    assert twilio.messages.list(to="+817011111111") == []


def test_a_long_list_comes_in_pages_newest_first(outside: Outside) -> None:
    sids = [send(outside, body=str(number)) for number in range(5)]
    assert [found.sid for found in outside.twilio().messages.list(page_size=2)] == sids[::-1]


@pytest.mark.parametrize(
    ("sending", "code", "status"),
    [
        ({"to": "09012345678", "from_": FROM, "body": "a"}, 21211, 400),  # not E.164
        ({"to": "+8190", "from_": FROM, "body": "a"}, 21211, 400),  # too short for Japan
        ({"to": TO, "from_": "12", "body": "a"}, 21212, 400),  # an id needs a letter
        ({"to": TO, "from_": "ABCDEFGHIJKL", "body": "a"}, 21212, 400),  # twelve characters
        ({"to": TO, "from_": FROM, "body": ""}, 21602, 400),
        ({"to": TO, "from_": FROM, "body": "a" * 1601}, 21617, 400),
    ],
)
def test_a_bad_message_is_refused_as_twilio_refuses_it_and_not_accepted(
    outside: Outside, sending: dict[str, str], code: int, status: int
) -> None:
    with pytest.raises(TwilioRestException) as refused:
        outside.twilio().messages.create(**sending)
    assert (refused.value.code, refused.value.status) == (code, status)
    assert outside.ledger("accepted") == []


def test_longest_text_and_longest_sender_id_are_taken(outside: Outside) -> None:
    outside.twilio().messages.create(to=TO, from_="ABCDEFGHIJK", body="a" * 1600)
    assert len(outside.ledger("accepted")) == 1


def test_a_number_that_opted_out_gets_nothing(outside: Outside) -> None:
    outside.phone(TO, opted_out=True)
    with pytest.raises(TwilioRestException) as refused:
        send(outside)
    assert refused.value.code == 21610
    assert outside.messages() == []


def test_wrong_credentials_and_unknown_messages_are_refused(outside: Outside) -> None:
    with pytest.raises(TwilioRestException) as refused:
        outside.twilio(token="wrong").messages.create(to=TO, from_=FROM, body="a")
    assert (refused.value.status, refused.value.code) == (401, 20003)
    with pytest.raises(TwilioRestException) as missing:
        outside.twilio().messages("SM" + "0" * 32).fetch()
    assert (missing.value.status, missing.value.code) == (404, 20404)
    assert outside.ledger("accepted") == []


def test_an_undelivered_message_says_why(outside: Outside) -> None:
    outside.phone(TO, sms_outcome="undelivered", error_code=30006)
    sid = send(outside)
    last = outside.modori.wait("/hooks/sms/" + DELIVERY, count=3)[-1].form
    assert (last["MessageStatus"], last["ErrorCode"]) == ("undelivered", "30006")
    assert outside.twilio().messages(sid).fetch().error_code == 30006


def test_a_reply_reaches_the_inbound_hook_signed(outside: Outside) -> None:
    send(outside)
    answer = outside.http.post("/control/reply", json={"from": TO, "body": "停止"})
    assert answer.json() == {"webhook_status": 200}
    (post,) = outside.modori.at("/hooks/twilio/inbound")
    assert (post.form["From"], post.form["To"], post.form["Body"]) == (TO, FROM, "停止")
    assert outside.modori.is_signed(post, TOKEN)


def test_a_number_of_its_own_hook_gets_replies_there(outside: Outside) -> None:
    outside.phone(FROM, sms_url=outside.modori.url + "/elsewhere?site=1")
    outside.http.post("/control/reply", json={"from": TO, "to": FROM, "body": "STOP"})
    (post,) = outside.modori.wait("/elsewhere")
    assert outside.modori.is_signed(post, TOKEN)
    assert outside.modori.at("/hooks/twilio/inbound") == []


def test_the_message_is_on_the_phone_with_its_links(outside: Outside) -> None:
    send(outside, body="続きはこちら http://127.0.0.1:8000/t/Ab-9。停止 http://127.0.0.1:8000/u/x_1")
    wait_until(lambda: outside.messages()[0]["status"] == "delivered")
    (row,) = outside.messages(to=TO, channel="sms")
    assert row["links"] == ["http://127.0.0.1:8000/t/Ab-9", "http://127.0.0.1:8000/u/x_1"]
    assert outside.messages(channel="email") == []
