"""Read a received mail as a mail program would."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from html.parser import HTMLParser

_LINK = re.compile(r"https?://[!#-&(-;=?-~]*[A-Za-z0-9/_=&%#~-]")
"""ASCII only, so that a Japanese sentence may go on right behind it; closing punctuation is not part of it."""


@dataclass(frozen=True)
class Mail:
    """One mail in one inbox. `headers` keeps order and repeats; `text` and `html` are empty where missing."""

    id: str
    to: str
    mail_from: str
    at: datetime
    subject: str
    sender: str
    text: str
    html: str
    headers: tuple[tuple[str, str], ...]
    delivery_id: str | None

    @property
    def links(self) -> list[str]:
        """Where the mail can be clicked: every href of the HTML part, then what only the text has."""
        return _once(links_in_html(self.html) + links_in_text(self.text))


def read_mail(raw: bytes, *, mail_id: str, to: str, mail_from: str, at: datetime) -> Mail:
    message = BytesParser(policy=policy.default).parsebytes(raw)
    assert isinstance(message, EmailMessage)
    headers = tuple((name, str(value)) for name, value in message.items())
    return Mail(
        id=mail_id,
        to=to,
        mail_from=mail_from,
        at=at,
        subject=str(message.get("Subject", "")),
        sender=str(message.get("From", mail_from)),
        text=_body(message, "plain"),
        html=_body(message, "html"),
        headers=headers,
        delivery_id=next((value for name, value in headers if name.lower() == "x-modori-delivery"), None),
    )


def links_in_text(text: str) -> list[str]:
    return _once(_LINK.findall(text))


def pieces(text: str) -> list[tuple[str, bool]]:
    """Cut a text into what is a link and what is not, in order."""
    found: list[tuple[str, bool]] = []
    end = 0
    for match in _LINK.finditer(text):
        found += [(text[end : match.start()], False), (match.group(), True)]
        end = match.end()
    return [*found, (text[end:], False)]


def links_in_html(html: str) -> list[str]:
    finder = _Hrefs()
    finder.feed(html)
    finder.close()
    return _once(finder.found)


class _Hrefs(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            self.found += [value for name, value in attrs if name == "href" and value]


def _body(message: EmailMessage, kind: str) -> str:
    part = message.get_body(preferencelist=(kind,))
    if part is None:
        return ""
    try:
        content = part.get_content()
    except (LookupError, UnicodeError):
        payload = part.get_payload(decode=True)
        content = payload.decode("utf-8", "replace") if isinstance(payload, bytes) else ""
    return str(content)


def _once(links: list[str]) -> list[str]:
    return list(dict.fromkeys(links))
