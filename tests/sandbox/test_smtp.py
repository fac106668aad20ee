"""smtplib delivers to the sandbox's mail server, well and badly."""

import smtplib
from email.message import EmailMessage
from email.policy import SMTP

import pytest

from tests.sandbox.conftest import Outside
from tests.sandbox.receiver import wait_until

TO = "hanako@example.jp"
DELIVERY = "0198c0de-0000-7000-8000-000000000002"


def letter() -> EmailMessage:
    mail = EmailMessage()
    mail["From"] = "台所道具 ひより <shop@hiyori.example>"
    mail["To"] = TO
    mail["Subject"] = "カートに商品が残っています"
    mail["Message-ID"] = "<1@hiyori.example>"
    mail["X-Modori-Delivery"] = DELIVERY
    mail["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    mail.set_content("続きはこちら http://127.0.0.1:8000/t/text\n停止 http://127.0.0.1:8000/u/text\n")
    mail.add_alternative(
        '<p lang="ja"><a href="http://127.0.0.1:8000/t/html?a=1&amp;b=2">カートへ</a></p>', subtype="html"
    )
    return mail


def deliver(outside: Outside, *, to: list[str] | None = None, timeout_s: float = 30.0) -> None:
    with smtplib.SMTP("127.0.0.1", outside.settings.smtp_port, timeout=timeout_s) as smtp:
        smtp.send_message(letter(), to_addrs=to or [TO])


def test_a_mail_is_kept_as_it_came_and_read_as_a_mail_program_does(outside: Outside) -> None:
    deliver(outside)
    (row,) = outside.messages(to=TO, channel="email")
    assert row["subject"] == "カートに商品が残っています"
    assert row["text"].startswith("続きはこちら")
    assert ["List-Unsubscribe-Post", "List-Unsubscribe=One-Click"] in row["headers"]
    assert row["links"] == [
        "http://127.0.0.1:8000/t/html?a=1&b=2",
        "http://127.0.0.1:8000/t/text",
        "http://127.0.0.1:8000/u/text",
    ]
    raw = outside.http.get(f"/mails/{row['id']}/raw").text
    assert "X-Modori-Delivery: " + DELIVERY in raw
    (line,) = outside.ledger("accepted")
    assert (line["channel"], line["to"], line["delivery_id"]) == ("email", TO, DELIVERY)
    assert (line["sid"], line["message_id"]) == (row["id"], "<1@hiyori.example>")


def test_each_receiver_gets_a_copy(outside: Outside) -> None:
    deliver(outside, to=[TO, "taro@example.jp"])
    assert [line["to"] for line in outside.ledger("accepted")] == [TO, "taro@example.jp"]
    assert len(outside.messages(to="taro@example.jp")) == 1


def test_logging_in_is_possible(outside: Outside) -> None:
    with smtplib.SMTP("127.0.0.1", outside.settings.smtp_port, timeout=30) as smtp:
        assert smtp.login("anybody", "anything")[0] == 235


def test_a_4xx_at_rcpt_accepts_nothing(outside: Outside) -> None:
    outside.fault(channel="email", mode="smtp_4xx_rcpt")
    with pytest.raises(smtplib.SMTPRecipientsRefused) as refused:
        deliver(outside)
    assert refused.value.recipients[TO][0] == 451
    assert outside.ledger("accepted") == []


def test_a_4xx_at_data_accepts_nothing(outside: Outside) -> None:
    outside.fault(channel="email", mode="smtp_4xx_data")
    with pytest.raises(smtplib.SMTPDataError) as refused:
        deliver(outside)
    assert refused.value.smtp_code == 451
    assert outside.ledger("accepted") == []


def test_a_connection_that_drops_after_data_has_accepted(outside: Outside) -> None:
    outside.fault(channel="email", mode="smtp_drop_after_data")
    with pytest.raises(smtplib.SMTPServerDisconnected):
        deliver(outside)
    assert len(outside.ledger("accepted")) == 1


def test_a_timeout_after_data_has_accepted(outside: Outside) -> None:
    outside.fault(channel="email", mode="smtp_timeout_after_data")
    with smtplib.SMTP("127.0.0.1", outside.settings.smtp_port, timeout=30) as smtp:
        smtp.ehlo()
        smtp.mail("shop@hiyori.example")
        smtp.rcpt(TO)
        assert smtp.docmd("DATA")[0] == 354
        smtp.send(letter().as_bytes(policy=SMTP) + b".\r\n")
        assert smtp.sock is not None
        smtp.sock.settimeout(0.5)
        with pytest.raises((TimeoutError, smtplib.SMTPServerDisconnected)):
            smtp.getreply()
    wait_until(lambda: len(outside.ledger("accepted")) == 1)


def test_a_connection_that_drops_before_the_mail_accepts_nothing(outside: Outside) -> None:
    outside.fault(channel="email", mode="reset_before")
    with pytest.raises((smtplib.SMTPServerDisconnected, ConnectionError)):
        deliver(outside)
    assert outside.ledger("accepted") == []


def test_a_fault_may_strike_once_and_the_next_mail_goes_through(outside: Outside) -> None:
    outside.fault(channel="email", mode="smtp_4xx_data", times=1)
    with smtplib.SMTP("127.0.0.1", outside.settings.smtp_port, timeout=30) as smtp:
        with pytest.raises(smtplib.SMTPDataError):
            smtp.send_message(letter())
        smtp.send_message(letter())
    assert len(outside.ledger("accepted")) == 1
