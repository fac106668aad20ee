"""The notice of a site: what the SDK sends, to whom, why, how to refuse, how long it is kept (RULES 15, 19). Pure.

Two laws ask for it. 個人情報保護法 wants the purpose published before what people type is captured;
電気通信事業法 27条の12 wants the information, its recipient and its purpose for each external transmission.
The list is made from what the site sends; its sentences stand in `notice_words/`.
"""

import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Final

LOCALES: Final = ("ja", "en")
_FOLDER: Final = Path(__file__).parent / "notice_words"
COOKIE: Final = "modori_v"
COOKIE_DAYS: Final = 400
"""The longest that browsers keep a cookie; the SDK asks for it at every visit. Its copy in storage has no end."""
BROWSER_DAYS: Final = 7
"""After which the SDK's next visit removes a cart or a form from its own storage. What could not be sent has no age."""
CHANNELS: Final = ("email", "sms", "call", "line")
"""In the order in which a notice names them."""
CONSENT_YEARS: Final = 3
"""RULES 9."""


class Sent(StrEnum):
    """What may leave the browser, in the order in which a notice lists it."""

    VISITOR = "visitor"
    PAGES = "pages"
    CART = "cart"
    EMAIL = "email"
    PHONE = "phone"
    NAME = "name"
    ADDRESS = "address"
    ORGANISATION = "organisation"
    IDENTITY = "identity"
    FORM = "form"
    ORDER = "order"
    CONSENT = "consent"


ALWAYS: Final = frozenset({Sent.VISITOR, Sent.PAGES, Sent.FORM, Sent.CONSENT})
"""What the tag reports of every site that has a form; a notice's own button reports a refusal."""

SENT_BY_TOKEN: Final[Mapping[str, Sent]] = {
    "email": Sent.EMAIL,
    "tel": Sent.PHONE,
    "organization": Sent.ORGANISATION,
    **dict.fromkeys(
        ("name", "family-name", "given-name", "name-kana", "family-name-kana", "given-name-kana"), Sent.NAME
    ),
    **dict.fromkeys(
        ("postal-code", "address-level1", "address-level2", "address-line1", "address-line2", "street-address"),
        Sent.ADDRESS,
    ),
}
"""What a field's token belongs to in a notice."""

IDENTITIES: Final = ("member_index", "email", "tel", "name", "line")
"""What a site may itself tell of somebody whom it knows, by the keys of a stored `identify`, in a notice's order."""


@dataclass(frozen=True, slots=True)
class NoticeFacts:
    """What a notice must say of one site.

    mode      off, notice or after-consent
    sent      what leaves the browser; from `what_is_sent`
    identity  what the site itself tells of members, of IDENTITIES; listed where `sent` has IDENTITY
    host      where it goes to
    channels  email, sms, line, call: those of the site's scenarios
    """

    client: str
    agency: str
    contact: str
    host: str
    mode: str
    sent: frozenset[Sent]
    channels: Sequence[str]
    identity: Sequence[str] = IDENTITIES
    event_days: int = 400


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and its lines."""

    title: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Notice:
    """A notice in one language. `refuse` is what the button beside it says."""

    locale: str
    title: str
    lead: str
    sections: tuple[Section, ...]
    refuse: str
    refused: str

    def text(self) -> str:
        """Return it as plain text, a line a statement."""
        parts = [self.title, self.lead]
        for section in self.sections:
            parts += [
                "",
                section.title,
                *(f"・{line}" if self.locale == "ja" else f"- {line}" for line in section.lines),
            ]
        return "\n".join(parts)


def what_is_sent(
    tokens_taken: Sequence[str], *, types: Collection[str] = (), identity: Collection[str] = ()
) -> frozenset[Sent]:
    """Say what a site sends, by the fields that its forms gave and the types of the events that it reported.

    Where no form has given a field yet, everything that could be taken is listed: a notice comes before the first
    visitor. A site whose carts are reported will report orders, too.
    """
    fields = {SENT_BY_TOKEN[token] for token in tokens_taken if token in SENT_BY_TOKEN}
    if not fields:
        return frozenset(Sent)
    told = {Sent.CART: "cart" in types, Sent.ORDER: "cart" in types or "order" in types, Sent.IDENTITY: bool(identity)}
    return ALWAYS | fields | {one for one, is_told in told.items() if is_told}


def write_notice(facts: NoticeFacts, locale: str) -> Notice:
    """Write the notice of a site in one language. raises FileNotFoundError for one that we do not write"""
    words = _words(locale)
    values = {
        "client": facts.client,
        "agency": facts.agency,
        "contact": facts.contact,
        "host": facts.host,
        "cookie": COOKIE,
        "cookie_days": COOKIE_DAYS,
        "browser_days": BROWSER_DAYS,
        "event_days": facts.event_days,
        "consent_years": CONSENT_YEARS,
        "identity": words["and"].join(words[f"identity_{one}"] for one in IDENTITIES if one in facts.identity),
    }

    def say(name: str) -> str:
        return words[name].format(**values)

    who = [say("to_agency")] + [say(f"to_{channel}") for channel in CHANNELS if channel in facts.channels]
    refusing = [say("refuse_button"), *(say(f"refuse_{one}") for one in CHANNELS if one in facts.channels)]
    refusing.append(say("refuse_contact"))
    if facts.mode == "after-consent":
        refusing.insert(0, say("refuse_by_silence"))
    calls_unasked = "call" in facts.channels and facts.mode == "notice"
    remind = "why_remind_call" if calls_unasked else "why_remind"
    return Notice(
        locale=locale,
        title=say("title"),
        lead=say("lead_after_consent" if facts.mode == "after-consent" else "lead"),
        sections=(
            Section(say("sent_title"), tuple(say(f"sent_{one.value}") for one in Sent if one in facts.sent)),
            Section(say("never_title"), (say("never"),)),
            Section(say("to_title"), tuple(who)),
            Section(say("why_title"), (say(remind), say("why_prove"))),
            Section(say("refuse_title"), tuple(refusing)),
            Section(
                say("kept_title"),
                tuple(say(f"kept_{what}") for what in ("cookie", "browser", "events", "contacts", "consent")),
            ),
            Section(say("contact_title"), (say("contact_line"),)),
        ),
        refuse=say("refuse_label"),
        refused=say("refused_label"),
    )


class Unsaid(StrEnum):
    """What a notice must say besides the list of what is sent."""

    RECIPIENT = "recipient"
    PURPOSE = "purpose"
    REFUSAL = "refusal"


_SAYS_SENT: Final[Mapping[Sent, str]] = {
    Sent.VISITOR: r"cookie|クッキー|識別子|閲覧者ID|visitor id|identifier",
    Sent.PAGES: r"閲覧|ページ|URL|アドレス.*ページ|pages?\b|visited|browsing",
    Sent.CART: r"カート|買い物かご|商品|cart|basket|items?\b",
    Sent.EMAIL: r"メール|e-?mail",
    Sent.PHONE: r"電話|携帯|(?:tele)?phone|mobile number",
    Sent.NAME: r"氏名|お名前|名前|姓名|\bnames?\b",
    Sent.ADDRESS: r"住所|郵便番号|postal|address(?!.*page)|postcode|zip",
    Sent.ORGANISATION: r"会社|法人|団体|勤務先|compan|organi[sz]ation|employer",
    Sent.IDENTITY: r"会員|ログイン|member|log(?:ged)?[- ]?in\b|account",
    Sent.FORM: r"入力|フォーム|\bforms?\b|typed|enter(?:ed)?\b",
    Sent.ORDER: r"注文|購入|申込|申し込み|orders?\b|purchase|application",
    Sent.CONSENT: r"同意|consent|opt[- ]?in\b|agree",
}
_SAYS_ELSE: Final[Mapping[Unsaid, str]] = {
    Unsaid.PURPOSE: r"ため|目的|利用し|purpose|in order to|so that|to (?:remind|help|write|call|contact)",
    Unsaid.REFUSAL: r"拒否|停止|希望しない|希望されない|オプトアウト|opt[- ]?out|refuse|no thanks|decline|stop",
}


def what_is_unsaid(text: str, facts: NoticeFacts) -> tuple[tuple[Sent, ...], tuple[Unsaid, ...]]:
    """Say what a stored notice does not name of what the site sends, and of what the law wants beside it.

    By words of either language. A careful reader of the page, not of the law: it finds what was forgotten.
    """
    not_listed = tuple(one for one in Sent if one in facts.sent and not re.search(_SAYS_SENT[one], text, re.IGNORECASE))
    beside = [one for one in (Unsaid.PURPOSE, Unsaid.REFUSAL) if not re.search(_SAYS_ELSE[one], text, re.IGNORECASE)]
    if facts.agency.casefold() not in text.casefold():
        beside.insert(0, Unsaid.RECIPIENT)
    return not_listed, tuple(beside)


@cache
def _words(locale: str) -> Mapping[str, str]:
    read: dict[str, str] = json.loads((_FOLDER / f"{locale}.json").read_text())
    return read
