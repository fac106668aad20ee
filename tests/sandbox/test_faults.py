"""Told to misbehave, the outer world does, and its ledger says what it accepted."""

import time

import pytest
import requests
from twilio.base.exceptions import TwilioRestException

from modori.sandbox.faults import BadFault, Channel, FaultPlan, Mode, parse_fault
from tests.sandbox.conftest import Outside
from tests.sandbox.receiver import wait_until

TO = "+819012345678"
FROM = "+815011112222"


def send(outside: Outside, *, timeout_s: float = 30.0, callback: str = "/hooks/sms") -> str:
    message = outside.twilio(timeout_s=timeout_s).messages.create(
        to=TO, from_=FROM, body="a", status_callback=outside.modori.url + callback
    )
    return str(message.sid)


def call(outside: Outside) -> None:
    outside.twilio().calls.create(to=TO, from_=FROM, twiml="<Response/>")


def test_reset_before_accepts_nothing(outside: Outside) -> None:
    outside.fault(channel="sms", mode="reset_before")
    with pytest.raises(requests.ConnectionError):
        send(outside)
    assert outside.ledger("accepted") == []


def test_reset_after_accept_has_accepted(outside: Outside) -> None:
    outside.fault(channel="sms", mode="reset_after_accept")
    with pytest.raises(requests.ConnectionError):
        send(outside)
    assert [line["channel"] for line in outside.ledger("accepted")] == ["sms"]
    assert len(outside.messages(to=TO)) == 1


def test_a_timeout_after_accept_outlasts_the_client(outside: Outside) -> None:
    outside.fault(channel="sms", mode="timeout_after_accept")
    with pytest.raises(requests.ReadTimeout):
        send(outside, timeout_s=0.5)
    wait_until(lambda: len(outside.ledger("accepted")) == 1)


def test_an_error_500_after_accept_has_accepted(outside: Outside) -> None:
    outside.fault(channel="sms", mode="error_500_after_accept")
    with pytest.raises(TwilioRestException) as failed:
        send(outside)
    assert failed.value.status == 500
    assert len(outside.ledger("accepted")) == 1


@pytest.mark.parametrize(("mode", "status", "code"), [("error_429", 429, 20429), ("error_503", 503, 20503)])
def test_a_429_or_503_accepts_nothing_and_says_when_to_come_back(
    outside: Outside, mode: str, status: int, code: int
) -> None:
    outside.fault(channel="sms", mode=mode, retry_after_s=7)
    answer = requests.post(
        f"{outside.settings.world_url}/2010-04-01/Accounts/{outside.settings.account_sid}/Messages.json",
        data={"To": TO, "From": FROM, "Body": "a"},
        auth=(outside.settings.account_sid, outside.settings.auth_token),
        timeout=30,
    )
    assert (answer.status_code, answer.json()["code"], answer.headers["Retry-After"]) == (status, code, "7")
    assert outside.ledger("accepted") == []


def test_slow_is_late_and_right(outside: Outside) -> None:
    outside.fault(channel="sms", mode="slow", seconds=0.6)
    began = time.monotonic()
    send(outside)
    assert time.monotonic() - began >= 0.6


def test_duplicated_callbacks_come_twice(outside: Outside) -> None:
    outside.fault(channel="sms", mode="duplicate_callbacks")
    send(outside)
    states = [post.form["MessageStatus"] for post in outside.modori.wait("/hooks/sms", count=6)]
    assert states == ["queued", "queued", "sent", "sent", "delivered", "delivered"]


def test_shuffled_callbacks_are_all_there_in_another_order(outside: Outside) -> None:
    outside.fault(channel="sms", mode="shuffle_callbacks")
    send(outside)
    states = [post.form["MessageStatus"] for post in outside.modori.wait("/hooks/sms", count=3)]
    assert sorted(states) == ["delivered", "queued", "sent"]
    assert states != ["queued", "sent", "delivered"]


def test_dropped_callbacks_do_not_come(outside: Outside) -> None:
    outside.fault(channel="sms", mode="drop_callbacks")
    send(outside, callback="/hooks/dropped")
    wait_until(lambda: outside.messages()[0]["status"] == "delivered")
    outside.http.delete("/control/faults")
    send(outside, callback="/hooks/kept")
    outside.modori.wait("/hooks/kept", count=3)
    assert outside.modori.at("/hooks/dropped") == []


def test_calls_misbehave_apart_from_texts(outside: Outside) -> None:
    outside.fault(channel="call", mode="reset_after_accept")
    send(outside)
    with pytest.raises(requests.ConnectionError):
        call(outside)
    assert [line["channel"] for line in outside.ledger("accepted")] == ["sms", "call"]


def test_faults_are_listed_counted_and_cleared(outside: Outside) -> None:
    outside.fault(channel="sms", mode="error_500_after_accept", times=1)
    with pytest.raises(TwilioRestException):
        send(outside)
    send(outside)
    (listed,) = outside.http.get("/control/faults").json()
    assert (listed["mode"], listed["spoiled"]) == ("error_500_after_accept", 1)
    outside.http.delete("/control/faults")
    assert outside.http.get("/control/faults").json() == []


@pytest.mark.parametrize(
    "wanted",
    [
        {},
        {"channel": "fax", "mode": "slow"},
        {"channel": "sms", "mode": "smtp_4xx_rcpt"},  # mail's
        {"channel": "email", "mode": "error_429"},  # HTTP's
        {"channel": "sms", "mode": "slow", "rate": 1.01},
        {"channel": "sms", "mode": "slow", "seconds": 20.5},
        {"channel": "sms", "mode": "slow", "rate": "often"},
    ],
)
def test_a_fault_that_does_not_exist_is_refused(wanted: dict[str, object]) -> None:
    with pytest.raises(BadFault):
        parse_fault(wanted)


def test_the_control_desk_says_what_is_wrong(outside: Outside) -> None:
    answer = outside.http.post("/control/faults", json={"channel": "sms", "mode": "explode"})
    assert answer.status_code == 400
    assert "explode" in answer.json()["error"]
    assert outside.http.post("/control/faults", content=b"[").status_code == 400


def struck(seed: int, *, rate: float = 0.3) -> list[bool]:
    plan = FaultPlan()
    plan.add(parse_fault({"channel": "sms", "mode": "slow", "rate": rate, "seed": seed}))
    return [plan.draw_answer(Channel.SMS) is not None for _ in range(1000)]


def test_a_seed_repeats_itself_and_the_rate_holds() -> None:
    assert struck(1) == struck(1)
    assert struck(1) != struck(2)
    assert 230 < sum(struck(1)) < 370
    assert not any(struck(1, rate=0))
    assert all(struck(1, rate=1))


def test_general_words_mean_the_mail_servers_own() -> None:
    assert parse_fault({"channel": "email", "mode": "timeout_after_accept"}).mode is Mode.SMTP_TIMEOUT_AFTER_DATA
