"""Each place at which an SMTP conversation can break, and what is certain then."""

import pytest

from modori.channels.email.adapter import SmtpAdapter
from modori.channels.email.smtp_address import parse_smtp_url
from modori.people.model import Channel
from modori.sending.ports import Accepted, Answer, NotSent, Rejected, Unknown
from tests.contracts.conftest import permit_for, prepared_for
from tests.contracts.scripted import reset, serving, smtp


def deliver(port: int, *, timeout_s: float = 20.0, query: str = "", user: str = "") -> Answer:
    adapter = SmtpAdapter(f"smtp://{user}127.0.0.1:{port}{query}", timeout_s)
    return adapter.deliver(permit_for(Channel.EMAIL), prepared_for(Channel.EMAIL))


@pytest.mark.parametrize(
    ("step", "reply", "answer"),
    [
        ("hello", "421 too busy", NotSent(None, "connect: SMTPConnectError 421")),
        ("hello", "554 go away", NotSent(None, "connect: SMTPConnectError 554")),
        ("MAIL", "451 4.3.0 later", NotSent(None, "MAIL: 451 4.3.0")),
        ("MAIL", "550 5.7.1 not you", Rejected("550 5.7.1", address_is_dead=False)),
        ("RCPT", "450 4.2.1 busy", NotSent(None, "RCPT: 450 4.2.1")),
        ("RCPT", "421 4.7.0 slow down", NotSent(None, "RCPT: 421 4.7.0")),
        ("RCPT", "550 5.1.1 no such user", Rejected("550 5.1.1", address_is_dead=True)),
        ("RCPT", "550 Unknown user", Rejected("550", address_is_dead=True)),
        ("RCPT", "550 5.7.1 we do not like you", Rejected("550 5.7.1", address_is_dead=False)),
        ("RCPT", "551 5.1.6 moved", Rejected("551 5.1.6", address_is_dead=True)),
        ("RCPT", "552 5.2.2 full", Rejected("552 5.2.2", address_is_dead=False)),
        ("RCPT", "553 5.1.3 bad address", Rejected("553 5.1.3", address_is_dead=True)),
        ("DATA", "451 4.3.0 later", NotSent(None, "DATA: 451 4.3.0")),
        ("DATA", "554 5.6.0 no", Rejected("554 5.6.0", address_is_dead=False)),
        (".", "452 4.3.1 full disk", NotSent(None, "end of data: 452 4.3.1")),
        (".", "550 5.7.1 spam", Rejected("550 5.7.1", address_is_dead=False)),  # the content, not the address
        (".", "550 5.1.1 odd", Rejected("550 5.1.1", address_is_dead=False)),
        (".", "nonsense", Unknown("after the end of data: -1")),
    ],
)
def test_each_refusal(step: str, reply: str, answer: Answer) -> None:
    with serving(smtp({step: reply})) as port:
        assert deliver(port) == answer


@pytest.mark.parametrize("place", ["hello", "EHLO", "MAIL", "RCPT", "DATA"])
def test_a_connection_lost_before_the_data_is_certain_not_to_have_sent(place: str) -> None:
    with serving(smtp({}, drop_at=place)) as port:
        assert isinstance(deliver(port), NotSent)


def test_a_connection_lost_after_the_final_dot_is_unknown() -> None:
    with serving(smtp({}, drop_at=".")) as port:
        assert isinstance(deliver(port), Unknown)


def test_silence_after_the_final_dot_is_unknown_within_the_time_out() -> None:
    with serving(smtp({}, silent_at=".")) as port:
        assert isinstance(deliver(port, timeout_s=2.0), Unknown)


def test_a_server_that_says_nothing_at_all_is_certain() -> None:
    with serving(smtp({}, silent_at="hello")) as port:
        assert isinstance(deliver(port, timeout_s=0.5), NotSent)


def test_a_reset_at_once_is_certain() -> None:
    with serving(reset) as port:
        assert isinstance(deliver(port), NotSent)


def test_where_tls_is_required_and_not_offered_nothing_is_sent() -> None:
    with serving(smtp({})) as port:
        answer = deliver(port, query="?tls=required")
    assert answer == NotSent(None, "connect: SMTPNotSupportedError")


def test_implicit_tls_to_a_plain_server_is_certain() -> None:
    with serving(smtp({})) as port:
        adapter = SmtpAdapter(f"smtps://127.0.0.1:{port}", 2.0)
        assert isinstance(adapter.deliver(permit_for(Channel.EMAIL), prepared_for(Channel.EMAIL)), NotSent)


def test_lines_that_begin_with_a_dot_arrive_as_they_were_written() -> None:
    seen: list[str] = []
    with serving(smtp({}, seen=seen)) as port:
        assert isinstance(deliver(port), Accepted)
    assert seen.count(".") == 1
    assert seen[-1] == "."


def test_an_address_that_ascii_cannot_write_is_refused_here() -> None:
    adapter = SmtpAdapter("smtp://127.0.0.1:1", 1.0)
    odd = prepared_for(Channel.EMAIL)
    object.__setattr__(odd, "to_value", "花子@person.example")
    assert adapter.deliver(permit_for(Channel.EMAIL), odd) == Rejected("unwritable_address", address_is_dead=True)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("smtp://127.0.0.1:8025", ("127.0.0.1", 8025, False, False)),
        ("smtp://relay.example", ("relay.example", 587, False, False)),
        ("smtp://u:p@relay.example", ("relay.example", 587, False, True)),  # a password is never sent in the clear
        ("smtp://u:p@localhost:25", ("localhost", 25, False, False)),
        ("smtps://relay.example", ("relay.example", 465, True, False)),
    ],
)
def test_smtp_urls(url: str, expected: tuple[str, int, bool, bool]) -> None:
    server = parse_smtp_url(url)
    assert (server.host, server.port, server.implicit_tls, server.needs_tls) == expected


@pytest.mark.parametrize("url", ["http://relay.example", "smtp://", "relay.example:25"])
def test_what_is_no_smtp_url_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="SMTP URL"):
        parse_smtp_url(url)
