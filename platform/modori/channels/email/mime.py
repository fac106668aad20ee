"""The bytes of a mail: headers, two parts, DKIM over exactly what is sent (RULES 28)."""

from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, EmailPolicy
from email.utils import format_datetime

import dkim

from modori.channels.wire import DkimKey, Prepared
from modori.kernel.ids import DeliveryId

SIGNED_HEADERS = (
    b"from",
    b"to",
    b"subject",
    b"date",
    b"message-id",
    b"mime-version",
    b"content-type",
    b"list-unsubscribe",
    b"list-unsubscribe-post",
)
"""dkimpy's own list leaves List-Unsubscribe-Post out, and without it one-click is not trusted (RFC 8058, section 4)."""

_UNFOLDED = SMTP.clone(max_line_length=998)


class _OneLineUrls(EmailPolicy):
    """Fold so that encoded words have at most 75 characters, but never the URL of List-Unsubscribe.

    source  RFC 2047, section 2 (76 characters a line with encoded words); RFC 5322, section 2.1.1 (998 any line)
    """

    def fold(self, name: str, value: str) -> str:
        folded: str = _UNFOLDED.fold(name, value) if name.lower() == "list-unsubscribe" else super().fold(name, value)
        return folded

    def fold_binary(self, name: str, value: str) -> bytes:
        if name.lower() == "list-unsubscribe":
            return _UNFOLDED.fold_binary(name, value)
        return super().fold_binary(name, value)


_POLICY = _OneLineUrls(linesep="\r\n", max_line_length=76)


def message_id(prepared: Prepared, delivery_id: DeliveryId) -> str:
    """Name the mail by its delivery, under the client's own mail domain."""
    return f"<{delivery_id}@{prepared.sender.address.rpartition('@')[2]}>"


def mail_bytes(prepared: Prepared, *, delivery_id: DeliveryId, at: datetime) -> bytes:
    """Serialise one mail as it goes over the wire: CRLF, 7-bit, signed where the client has a key.

    raises  ValueError for an address that no header can carry
    """
    message = EmailMessage(policy=_POLICY)
    message["From"] = Address(prepared.sender.name, addr_spec=prepared.sender.address)
    message["To"] = prepared.to_value
    message["Subject"] = prepared.subject
    message["Date"] = format_datetime(at)
    message["Message-ID"] = message_id(prepared, delivery_id)
    message["List-Unsubscribe"] = f"<{prepared.unsubscribe_url}>"
    message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    message["Auto-Submitted"] = "auto-generated"
    message["X-Modori-Delivery"] = str(delivery_id)
    message["Content-Language"] = prepared.locale
    # base64 survives relays that re-encode 8-bit text, which would break the signature.
    message.set_content(prepared.text, charset="utf-8", cte="base64")
    message.add_alternative(prepared.html or "", subtype="html", charset="utf-8", cte="base64")
    raw = message.as_bytes()
    return raw if prepared.dkim is None else _signature(raw, prepared.dkim) + raw


def _signature(raw: bytes, key: DkimKey) -> bytes:
    header: bytes = dkim.sign(
        raw,
        key.selector.encode(),
        key.domain.encode(),
        key.private_key,
        canonicalize=(b"relaxed", b"relaxed"),
        include_headers=list(SIGNED_HEADERS),
    )
    return header
