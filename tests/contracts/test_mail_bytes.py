"""The bytes that a mail server receives, parsed again (RULES 28)."""

import email
import email.policy
import re
from datetime import UTC, datetime
from email.message import EmailMessage
from uuid import UUID

import dkim
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from modori.channels.email.adapter import SmtpAdapter
from modori.channels.email.mime import mail_bytes
from modori.channels.wire import DkimKey, Prepared
from modori.kernel.ids import DeliveryId
from modori.people.model import Channel
from modori.sending.ports import Accepted
from tests.contracts.conftest import permit_for, prepared_for
from tests.contracts.scripted import serving, smtp

AT = datetime(2026, 11, 18, 2, 0, tzinfo=UTC)
DELIVERY = DeliveryId(UUID("0198c0de-0000-7000-8000-000000000001"))


@pytest.fixture(scope="module")
def key() -> tuple[DkimKey, bytes]:
    """A signing key, and the DNS record that publishes it."""
    made = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = made.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    public = made.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    published = b"".join(public.split(b"\n")[1:-2])
    return DkimKey("mail.shop.example", "modori", pem), b"v=DKIM1; k=rsa; p=" + published


def parsed(raw: bytes) -> EmailMessage:
    message = email.message_from_bytes(raw, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    return message


def received(prepared: Prepared) -> bytes:
    """Send it through the real adapter and return what the server was given, dots undone."""
    lines: list[str] = []
    permit = permit_for(Channel.EMAIL)
    with serving(smtp({}, seen=lines)) as port:
        assert isinstance(SmtpAdapter(f"smtp://127.0.0.1:{port}").deliver(permit, prepared), Accepted)
    return b"".join(line.removeprefix(".").encode() + b"\r\n" for line in lines[:-1])


def test_the_headers_name_sender_delivery_and_the_way_out() -> None:
    prepared = prepared_for(Channel.EMAIL)
    message = parsed(mail_bytes(prepared, delivery_id=DELIVERY, at=AT))
    assert message["From"] == "台所商店 <shop@mail.shop.example>"
    assert message["To"] == "hanako@person.example"
    assert message["Subject"] == "カートに商品が残っています"
    assert message["Message-ID"] == f"<{DELIVERY}@mail.shop.example>"
    assert message["X-Modori-Delivery"] == str(DELIVERY)
    assert message["List-Unsubscribe"] == f"<{prepared.unsubscribe_url}>"
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert message["Date"].datetime == AT


def test_text_and_html_say_the_same_and_both_lead_out() -> None:
    prepared = prepared_for(Channel.EMAIL)
    message = parsed(mail_bytes(prepared, delivery_id=DELIVERY, at=AT))
    plain, html = message.get_body(("plain",)), message.get_body(("html",))
    assert plain is not None
    assert html is not None
    for part in (plain.get_content(), html.get_content()):
        for shown in ("鉄のフライパン", "¥4,980", "東京都渋谷区1-2-3", "support@shop.example", "台所商店"):
            assert shown in part
        assert prepared.unsubscribe_url in part
        assert re.search(r"https://m\.example/t/[\w-]{22}", part)


def test_the_unsubscribe_address_stands_on_one_line_however_long() -> None:
    prepared = prepared_for(Channel.EMAIL)
    long_url = "https://" + "m" * 300 + ".example/u/" + "a" * 22
    object.__setattr__(prepared, "unsubscribe_url", long_url)
    raw = mail_bytes(prepared, delivery_id=DELIVERY, at=AT)
    assert f"List-Unsubscribe: <{long_url}>\r\n".encode() in raw


def test_every_line_fits_and_encoded_words_are_short() -> None:
    prepared = prepared_for(Channel.EMAIL, site_name="長い名前の店" * 20)
    object.__setattr__(prepared, "subject", "とても長い件名" * 30)
    raw = mail_bytes(prepared, delivery_id=DELIVERY, at=AT)
    assert raw.isascii()
    assert max(map(len, raw.split(b"\r\n"))) <= 998
    assert all(len(word) <= 75 for word in re.findall(rb"=\?utf-8\?[^?]*\?[^?]*\?=", raw))
    assert parsed(raw)["Subject"] == "とても長い件名" * 30


def test_no_header_can_be_smuggled_in() -> None:
    prepared = prepared_for(Channel.EMAIL)
    object.__setattr__(prepared, "subject", "a\r\nBcc: everybody@person.example")
    with pytest.raises(ValueError, match="line"):
        mail_bytes(prepared, delivery_id=DELIVERY, at=AT)


def test_what_the_server_receives_verifies_and_covers_the_way_out(key: tuple[DkimKey, bytes]) -> None:
    raw = received(prepared_for(Channel.EMAIL, dkim=key[0]))
    assert dkim.verify(raw, dnsfunc=lambda name, timeout=5: key[1])
    signed = re.search(r"h=([^;]+);", re.sub(r"\r\n\s+", "", raw.split(b"\r\n\r\n")[0].decode()))
    assert signed is not None
    names = [name.strip() for name in signed[1].split(":")]
    assert {"from", "subject", "list-unsubscribe", "list-unsubscribe-post", "message-id"} <= set(names)


@pytest.mark.parametrize(
    "change",
    [
        (b"List-Unsubscribe-Post: List-Unsubscribe=One-Click", b"List-Unsubscribe-Post: List-Unsubscribe=None"),
        (b"List-Unsubscribe: <https://m.example", b"List-Unsubscribe: <https://evil.example"),
        (b"From: ", b"From: x "),
    ],
)
def test_a_changed_header_no_longer_verifies(key: tuple[DkimKey, bytes], change: tuple[bytes, bytes]) -> None:
    raw = mail_bytes(prepared_for(Channel.EMAIL, dkim=key[0]), delivery_id=DELIVERY, at=AT)
    assert change[0] in raw
    assert not dkim.verify(raw.replace(*change), dnsfunc=lambda name, timeout=5: key[1])


def test_a_broken_key_is_a_certain_failure() -> None:
    prepared = prepared_for(Channel.EMAIL, dkim=DkimKey("mail.shop.example", "modori", b"no key"))
    answer = SmtpAdapter("smtp://127.0.0.1:1", 1.0).deliver(permit_for(Channel.EMAIL), prepared)
    assert type(answer).__name__ == "NotSent"
