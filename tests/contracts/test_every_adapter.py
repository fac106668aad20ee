"""What sending relies on, whichever channel it is: tried against the shipped sandbox with the real client libraries."""

import dataclasses
from datetime import timedelta

import pytest

from modori.channels.adapters import Adapters, make_adapters
from modori.channels.ports import NetworkInTransaction, WrongChannel
from modori.channels.twilio_http import TwilioAccount
from modori.people.model import Channel
from modori.sending.ports import Accepted, ForgedPermit, NotSent, Permit, Unknown
from modori.storage import db
from tests.contracts.conftest import adapters_for, carry, permit_for, prepared_for
from tests.sandbox.conftest import Outside
from tests.sandbox.receiver import wait_until

CHANNELS = [Channel.EMAIL, Channel.SMS, Channel.CALL]
each = pytest.mark.parametrize("channel", CHANNELS)


def taken(outside: Outside, permit: Permit) -> int:
    """How many messages or calls of one delivery the world has accepted."""
    names = {str(permit.delivery_id), str(permit.call_id)}
    return sum(line["delivery_id"] in names for line in outside.ledger("accepted"))


@each
def test_what_is_accepted_is_named_and_went_out_once(outside: Outside, adapters: Adapters, channel: Channel) -> None:
    permit = permit_for(channel)
    answer = carry(adapters, channel, permit)
    assert isinstance(answer, Accepted)
    assert answer.ref
    assert taken(outside, permit) == 1


@each
def test_g4_a_permit_that_no_gate_made_sends_nothing(outside: Outside, adapters: Adapters, channel: Channel) -> None:
    real = permit_for(channel)
    forged = Permit(
        **{one.name: getattr(real, one.name) for one in dataclasses.fields(real) if one.init and one.name != "_made_by"}
    )
    with pytest.raises(ForgedPermit):
        carry(adapters, channel, forged)
    assert taken(outside, forged) == 0


@each
def test_a_permit_for_another_channel_sends_nothing(adapters: Adapters, channel: Channel) -> None:
    other = permit_for(Channel.SMS if channel is not Channel.SMS else Channel.EMAIL)
    with pytest.raises(WrongChannel):
        carry(adapters, channel, other)


@each
def test_no_adapter_reaches_out_inside_a_transaction(
    database: db.Database, outside: Outside, adapters: Adapters, channel: Channel
) -> None:
    permit = permit_for(channel)
    with db.agency_transaction(), pytest.raises(NetworkInTransaction):
        carry(adapters, channel, permit)
    assert taken(outside, permit) == 0


@each
def test_past_its_deadline_nothing_starts(outside: Outside, adapters: Adapters, channel: Channel) -> None:
    permit = permit_for(channel, deadline_in=timedelta(0))  # at the deadline it already counts as unknown
    assert carry(adapters, channel, permit) == NotSent(None, "deadline_passed")
    assert taken(outside, permit) == 0


@each
def test_without_an_account_nothing_goes_out_and_nothing_is_lost(channel: Channel) -> None:
    bare = make_adapters(smtp_url="", twilio=TwilioAccount("", ""), public_url="https://m.example")
    assert carry(bare, channel) == NotSent(None, "not_configured")


@pytest.mark.parametrize(("smtp_url", "api_base"), [("http://relay", "https://api.example"), ("", "api.example")])
def test_an_address_that_is_none_is_refused_at_the_start(smtp_url: str, api_base: str) -> None:
    with pytest.raises(ValueError, match=r"URL|TWILIO_API_BASE"):
        make_adapters(smtp_url=smtp_url, twilio=TwilioAccount("AC1", "t", api_base), public_url="https://m.example")


@each
def test_where_nobody_listens_it_is_certain_that_nothing_went_out(channel: Channel, unused_port: int) -> None:
    nowhere = adapters_for(smtp_url=f"smtp://127.0.0.1:{unused_port}", api_base=f"http://127.0.0.1:{unused_port}")
    answer = carry(nowhere, channel)
    assert isinstance(answer, NotSent)
    assert answer.evidence.startswith("connect")


@each
def test_a_name_that_does_not_resolve_is_certain_too(channel: Channel) -> None:
    # .localhost names stay on this machine; this one has no address in a form that any resolver takes.
    nowhere = adapters_for(smtp_url="smtp://a..localhost:25", api_base="http://a..localhost:80")
    assert isinstance(carry(nowhere, channel), NotSent)


@pytest.mark.parametrize(
    ("channel", "mode"),
    [
        (Channel.EMAIL, "smtp_drop_after_data"),
        (Channel.EMAIL, "smtp_timeout_after_data"),
        (Channel.SMS, "reset_after_accept"),
        (Channel.SMS, "timeout_after_accept"),
        (Channel.SMS, "error_500_after_accept"),
        (Channel.CALL, "reset_after_accept"),
        (Channel.CALL, "timeout_after_accept"),
        (Channel.CALL, "error_500_after_accept"),
    ],
)
def test_g3_an_answer_lost_after_acceptance_is_unknown_and_not_tried_again(
    outside: Outside, channel: Channel, mode: str
) -> None:
    settings = outside.settings
    hasty = adapters_for(
        smtp_url=settings.smtp_url, api_base=settings.world_url, public_url=outside.modori.url, timeout_s=3.0
    )
    outside.fault(channel=channel.value, mode=mode, seconds=8)
    permit = permit_for(channel)
    assert isinstance(carry(hasty, channel, permit), Unknown)
    wait_until(lambda: taken(outside, permit) == 1)


@pytest.mark.parametrize(
    ("channel", "mode"),
    [
        (Channel.EMAIL, "reset_before"),
        (Channel.EMAIL, "smtp_4xx_rcpt"),
        (Channel.EMAIL, "smtp_4xx_data"),
        (Channel.SMS, "error_429"),
        (Channel.CALL, "error_429"),
    ],
)
def test_what_the_world_did_not_take_may_be_tried_later(
    outside: Outside, adapters: Adapters, channel: Channel, mode: str
) -> None:
    outside.fault(channel=channel.value, mode=mode, retry_after_s=7)
    permit = permit_for(channel)
    answer = carry(adapters, channel, permit)
    assert isinstance(answer, NotSent)
    assert (answer.retry_at is not None) == (mode == "error_429")
    assert taken(outside, permit) == 0


@pytest.mark.parametrize("channel", [Channel.SMS, Channel.CALL])
def test_a_reset_that_may_have_followed_the_request_is_unknown(
    outside: Outside, adapters: Adapters, channel: Channel
) -> None:
    outside.fault(channel=channel.value, mode="reset_before")  # before acceptance, which we cannot see from here
    assert isinstance(carry(adapters, channel), Unknown)


@pytest.mark.parametrize("channel", [Channel.SMS, Channel.CALL])
def test_a_wrong_token_ends_nobodys_touch(outside: Outside, channel: Channel) -> None:
    settings = outside.settings
    wrong = adapters_for(smtp_url=settings.smtp_url, api_base=settings.world_url, token="another")
    assert carry(wrong, channel) == NotSent(None, "401 20003")


def test_an_sms_is_found_in_the_providers_list_by_the_token_it_carries(outside: Outside, adapters: Adapters) -> None:
    ours, other = prepared_for(Channel.SMS), prepared_for(Channel.SMS)
    permit = permit_for(Channel.SMS)
    adapters.deliver(permit_for(Channel.SMS), other)
    answer = adapters.deliver(permit, ours)
    assert isinstance(answer, Accepted)

    def find(channel: Channel, text: str) -> Accepted | None:
        return adapters.find(
            channel, delivery_id=permit.delivery_id, to_value=ours.to_value, text=text, begun_at=permit.begun_at
        )

    assert find(Channel.SMS, ours.text) == answer
    assert find(Channel.SMS, prepared_for(Channel.SMS).text) is None
    assert find(Channel.EMAIL, ours.text) is None


def test_a_number_that_told_the_provider_to_stop_us_is_an_opt_out(outside: Outside, adapters: Adapters) -> None:
    outside.phone(prepared_for(Channel.SMS).to_value, opted_out=True)
    answer = carry(adapters, Channel.SMS)
    assert (getattr(answer, "code", None), getattr(answer, "opted_out", None)) == ("21610", True)


def test_a_dial_rings_the_operator_and_asks_us_whom_to_bridge_to(outside: Outside, adapters: Adapters) -> None:
    permit = permit_for(Channel.CALL)
    path = f"/hooks/twilio/voice/{permit.tenant_id}/{permit.call_id}"
    outside.modori.answers[path] = (200, "<Response><Hangup/></Response>")
    assert isinstance(carry(adapters, Channel.CALL, permit), Accepted)
    (asked,) = outside.modori.wait(path, count=1)
    assert asked.form["To"] == "+819087654321"
    reported = outside.modori.wait(f"{path}/status", count=4)
    assert {post.form["CallStatus"] for post in reported} >= {"ringing", "completed"}
