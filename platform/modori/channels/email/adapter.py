"""Mail by SMTP. Which command failed decides what is certain (DESIGN section 5)."""

import re
import smtplib
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import dkim

from modori.channels.email.mime import mail_bytes, message_id
from modori.channels.email.smtp_address import SmtpServer, parse_smtp_url
from modori.channels.ports import assert_may_call, is_too_late
from modori.channels.tls import client_context
from modori.channels.wire import Prepared
from modori.kernel import clock
from modori.people.model import Channel
from modori.sending.ports import Accepted, Answer, NotSent, Permit, Rejected, Unknown

_ENHANCED = re.compile(rb"([245])\.(\d{1,3})\.(\d{1,3})")
_NO_SUCH_ADDRESS = (550, 551, 553)


@dataclass(frozen=True)
class SmtpAdapter:
    """Hands one mail over in one conversation, and never tries twice. raises ValueError for a URL that is none

    smtp_url   see parse_smtp_url; empty: no mail goes out
    timeout_s  for the whole conversation, from connecting to the server's last word
    """

    smtp_url: str = field(repr=False)
    timeout_s: float = 15.0

    def __post_init__(self) -> None:
        if self.smtp_url:
            parse_smtp_url(self.smtp_url)

    def deliver(self, permit: Permit, prepared: Prepared) -> Answer:
        """Send one mail. raises ForgedPermit, NetworkInTransaction"""
        assert_may_call(permit, Channel.EMAIL)
        now = clock.now()
        if is_too_late(permit, now):
            return NotSent(None, "deadline_passed")
        if not self.smtp_url:
            return NotSent(None, "not_configured")
        if not prepared.to_value.isascii():
            # It would need SMTPUTF8, which few relays carry through to the mailbox.
            return Rejected("unwritable_address", address_is_dead=True)
        try:
            raw = mail_bytes(prepared, delivery_id=permit.delivery_id, at=now)
        except ValueError:
            return Rejected("unwritable_mail", address_is_dead=False)
        except dkim.DKIMException as error:
            return NotSent(None, f"dkim: {type(error).__name__}")
        talk = _Conversation(parse_smtp_url(self.smtp_url), self.timeout_s)
        try:
            return talk.hand_over(
                prepared.sender.address, prepared.to_value, raw, message_id(prepared, permit.delivery_id)
            )
        finally:
            talk.close()


class _Conversation:
    """One SMTP session, command by command, so that every failure has its place."""

    def __init__(self, server: SmtpServer, timeout_s: float) -> None:
        self._server = server
        self._until_s = time.monotonic() + timeout_s
        self._smtp: smtplib.SMTP | None = None

    def hand_over(self, sender: str, receiver: str, raw: bytes, ref: str) -> Answer:
        """Everything before the final dot is certain not to be accepted; after it only the server's word counts.

        source  RFC 5321, sections 3.3, 4.1.1.4 and 4.2.5: the server takes responsibility with its reply to the end of
                data, and a client that loses that reply cannot know
        """
        try:
            smtp = self._open()
        except (OSError, smtplib.SMTPException, UnicodeError) as error:
            return NotSent(None, f"connect: {_kind(error)}")
        try:
            commands: list[tuple[str, Callable[[], tuple[int, bytes]]]] = [
                ("MAIL", lambda: smtp.mail(sender)),
                ("RCPT", lambda: smtp.rcpt(receiver)),
                ("DATA", lambda: smtp.docmd("DATA")),
            ]
            for step, command in commands:
                self._keep_time()
                code, words = command()
                if (refused := _refusal(step, code, words)) is not None:
                    return refused
            self._keep_time()
            self._socket().sendall(_stuffed(raw))
            self._keep_time()
        except (OSError, smtplib.SMTPException) as error:
            return NotSent(None, f"before the end of data: {_kind(error)}")
        try:
            self._socket().sendall(b".\r\n")
            code, words = smtp.getreply()
        except (OSError, smtplib.SMTPException) as error:
            return Unknown(f"after the end of data: {_kind(error)}")
        if code == 250:
            return Accepted(ref)
        return _refusal("end of data", code, words) or Unknown(f"after the end of data: {code}")

    def close(self) -> None:
        """Leave politely where the server still listens; the mail's fate is settled by now."""
        if self._smtp is None:
            return
        try:
            if self._smtp.sock is not None:
                self._smtp.sock.settimeout(1.0)
                self._smtp.quit()
        except (OSError, smtplib.SMTPException):
            pass
        finally:
            self._smtp.close()

    def _open(self) -> smtplib.SMTP:
        server, tls = self._server, client_context()
        if server.implicit_tls:
            smtp: smtplib.SMTP = smtplib.SMTP_SSL(timeout=self._left_s(), context=tls)
        else:
            smtp = smtplib.SMTP(timeout=self._left_s())
        self._smtp = smtp
        # smtplib takes the name for TLS from here only when it connects in its constructor, which we keep out of it.
        smtp._host = server.host  # type: ignore[attr-defined]  # smtplib has no other way
        code, _ = smtp.connect(server.host, server.port)
        if code != 220:
            raise smtplib.SMTPConnectError(code, b"")
        self._keep_time()
        smtp.ehlo_or_helo_if_needed()
        if not server.implicit_tls and smtp.has_extn("starttls"):
            self._keep_time()
            smtp.starttls(context=tls)
            smtp.ehlo()
        elif server.needs_tls and not server.implicit_tls:
            raise smtplib.SMTPNotSupportedError("STARTTLS is not offered")
        if server.user is not None:
            self._keep_time()
            smtp.login(server.user, server.password or "")
        return smtp

    def _keep_time(self) -> None:
        """Let the next command have what is left of the time. raises TimeoutError when nothing is"""
        self._socket().settimeout(self._left_s())

    def _socket(self) -> socket.socket:
        """Return the open socket. raises SMTPServerDisconnected where smtplib has closed it"""
        if self._smtp is None or self._smtp.sock is None:
            raise smtplib.SMTPServerDisconnected("the connection is closed")
        return self._smtp.sock

    def _left_s(self) -> float:
        left_s = self._until_s - time.monotonic()
        if left_s <= 0:
            raise TimeoutError("the conversation took too long")
        return left_s


def _refusal(step: str, code: int, words: bytes) -> Answer | None:
    """Read a reply as a refusal; None where the server wants to go on."""
    if 200 <= code < 400:
        return None
    enhanced = _ENHANCED.search(words)
    shown = b".".join(enhanced.groups()).decode() if enhanced else ""
    if 400 <= code < 500:
        return NotSent(None, f"{step}: {code} {shown}".rstrip())
    if 500 <= code < 600:
        return Rejected(f"{code} {shown}".rstrip(), address_is_dead=step == "RCPT" and _says_dead(code, shown))
    # A reply outside the protocol: smtplib reports a line that it cannot read as -1.
    return Unknown(f"after the end of data: {code}") if step == "end of data" else NotSent(None, f"{step}: {code}")


def _says_dead(code: int, enhanced: str) -> bool:
    """Whether a refused receiver does not exist, as against one whose server dislikes us.

    source  RFC 5321, section 4.2.3 (550, 551, 553); RFC 3463, section 3.2 (X.1.x: the address; X.7.x: policy)
    """
    return code in _NO_SUCH_ADDRESS and (not enhanced or enhanced.startswith("5.1."))


def _stuffed(raw: bytes) -> bytes:
    """Prepare a mail for DATA: CRLF at every line's end, dots doubled, without the final dot (RFC 5321, 4.5.2)."""
    text = re.sub(rb"\r\n|\r|\n", b"\r\n", raw)
    if not text.endswith(b"\r\n"):
        text += b"\r\n"
    return re.sub(rb"(?m)^\.", b"..", text)


def _kind(error: Exception) -> str:
    """Name an error without its words, which may hold an address."""
    code = getattr(error, "smtp_code", None)
    return type(error).__name__ if code is None else f"{type(error).__name__} {code}"
