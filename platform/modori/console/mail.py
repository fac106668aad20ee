"""Mail to console users: the port beside the gate. It takes a user id, so it can reach nobody else (G4)."""

import smtplib
import ssl
from dataclasses import dataclass, field
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import make_msgid
from pathlib import Path
from typing import Final

from modori.channels.email.smtp_address import SmtpServer, parse_smtp_url
from modori.console.pages import Pages
from modori.console.words import catalogue, say
from modori.kernel import clock
from modori.kernel.ids import UserId
from modori.storage import db
from modori.storage.db import agency_transaction
from modori.tenants.logins import actions as logins
from modori.tenants.model import TokenKind
from modori.tenants.queries import get_agency
from modori.tenants.users.queries import get_user
from modori.tenants.users.values import user_email

SUBJECTS: Final = {
    TokenKind.INVITATION: say("Your invitation to Modori"),
    TokenKind.RESET: say("A new password for Modori"),
}


class NoMailer(Exception):
    """No mail server has been configured: the work waits for one."""


@dataclass(frozen=True)
class UserMailer:
    """Mails a user the link that sets a password. raises ValueError for an SMTP URL that is none

    smtp_url   see parse_smtp_url; empty: nothing goes out
    sender     MODORI_USER_MAIL_FROM
    ui         the folder operator_ui
    """

    smtp_url: str = field(repr=False)
    sender: str
    public_url: str
    ui: Path
    timeout_s: float = 15.0

    def mail_link(self, user_id: UserId, kind: TokenKind, *, now: datetime) -> bool:
        """Make a new link, which ends the earlier ones, and mail it. False: the user is disabled, or needs none.

        raises  NoMailer; OSError, smtplib.SMTPException where the server did not take it: try again
        """
        if not self.smtp_url:
            raise NoMailer()
        with agency_transaction() as session:
            user = get_user(session, user_id=user_id)
            is_wanted = user.disabled_at is None and (kind is TokenKind.RESET or user.password_hash is None)
            if not is_wanted:
                return False
            token = logins.issue_password_token(session, user_id=user_id, kind=kind, now=now)
            agency = get_agency(session).name
            address, name, locale, zone = user_email(session, user), user.name, user.locale, user.timezone
        text = Pages(self.ui, clock.now).text(
            f"console/mail/{kind.value}.txt",
            locale=locale,
            zone=zone,
            name=name,
            agency=agency,
            link=f"{self.public_url}/console/password/{token}",
        )
        subject = catalogue(self.ui, locale).gettext(SUBJECTS[kind])
        self._hand_over(_message(self.sender, address, name, subject, text, now), address)
        return True

    def _hand_over(self, message: EmailMessage, address: str) -> None:
        assert not db.in_transaction()
        server = parse_smtp_url(self.smtp_url)
        with _connect(server, self.timeout_s) as smtp:
            smtp.send_message(message, from_addr=self.sender, to_addrs=[address])


def _message(sender: str, address: str, name: str, subject: str, text: str, now: datetime) -> EmailMessage:
    message = EmailMessage(policy=SMTP)
    message["From"] = Address("Modori", addr_spec=sender)
    message["To"] = Address(" ".join(name.split()), addr_spec=address)
    message["Subject"] = subject
    message["Date"] = now
    message["Message-ID"] = make_msgid(domain=sender.partition("@")[2])
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(text)
    return message


def _connect(server: SmtpServer, timeout_s: float) -> smtplib.SMTP:
    tls = ssl.create_default_context()
    if server.implicit_tls:
        smtp: smtplib.SMTP = smtplib.SMTP_SSL(server.host, server.port, timeout=timeout_s, context=tls)
    else:
        smtp = smtplib.SMTP(server.host, server.port, timeout=timeout_s)
        smtp.ehlo()
        if server.needs_tls or smtp.has_extn("starttls"):
            smtp.starttls(context=tls)
    if server.user is not None:
        smtp.login(server.user, server.password or "")
    return smtp


_mailer: UserMailer | None = None


def configure(mailer: UserMailer | None) -> None:
    """Set the process's mailer."""
    global _mailer
    _mailer = mailer


def mailer() -> UserMailer:
    """Return the process's mailer. raises NoMailer"""
    if _mailer is None:
        raise NoMailer()
    return _mailer
