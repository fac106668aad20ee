"""Make a message of its facts and its wording. Reads nothing but its arguments and the layouts."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from babel.numbers import format_currency

from modori.channels import links
from modori.channels.email.layout import MailContent, render_html, render_text
from modori.channels.liquid import BrokenWording, render_wording
from modori.channels.model import LinkKind
from modori.channels.ui import known_locale, words_of
from modori.channels.wire import LinkDraft, MessageFacts, Prepared, Unpreparable, UnpreparableReason, Wording
from modori.kernel.digest import content_digest
from modori.kernel.money import Money
from modori.kernel.names import holds_link, without_links
from modori.kernel.origins import is_on, origin_of
from modori.kernel.sms import measure_sms
from modori.people.model import Channel

SHOWN_ITEMS = 8
"""Most items that a mail lists; the rest are counted."""


def compose(
    facts: MessageFacts,
    wording: Wording,
    *,
    public_url: str,
    tokens: tuple[str, str] | None = None,
) -> Prepared | Unpreparable:
    """Render one mail or SMS, with everything in it that the law wants (RULES 4, 24, 25, 28).

    tokens  of the restore link and the unsubscribe link, for previews; drawn at random otherwise
    """
    target = landing_url(facts)
    if target is None:
        return Unpreparable(UnpreparableReason.NOWHERE_TO_LEAD, "the site has no registered origin")
    restore, unsubscribe = tokens or (links.draw_token(), links.draw_token())
    cart_url = links.link_url(public_url, LinkKind.RESTORE, restore)
    unsubscribe_url = links.link_url(public_url, LinkKind.UNSUBSCRIBE, unsubscribe)
    shown = shown_facts(facts, wording.locale) | {"cart_url": cart_url, "unsubscribe_url": unsubscribe_url}
    drafts = (LinkDraft(LinkKind.RESTORE, restore, target), LinkDraft(LinkKind.UNSUBSCRIBE, unsubscribe))
    try:
        body = _tidied(render_wording(wording.body, shown))
        if facts.channel is Channel.SMS:
            return _sms(facts, wording, body, drafts, unsubscribe_url)
        subject = " ".join(render_wording(wording.subject or "", shown).split())
    except BrokenWording as error:
        return Unpreparable(UnpreparableReason.WORDING_BROKEN, str(error))
    if not subject:
        return Unpreparable(UnpreparableReason.WORDING_BROKEN, "a mail needs a subject")
    return _mail(facts, wording, subject, body, drafts, cart_url, unsubscribe_url)


def shown_facts(facts: MessageFacts, locale: str) -> dict[str, Any]:
    """Spell the facts as a wording may show them: names without anything that could become a link, money as text."""
    language = known_locale(locale)
    # A person whose name holds a link has no name: what is left of it would still be somebody's message.
    name = None if holds_link(facts.person_name or "") else without_links(facts.person_name or "") or None
    addressed = words_of("mail")[language]
    return {
        "person": {
            "name": name,
            "address": addressed["dear_named"].format(name=name) if name else addressed["dear"],
        },
        "items": [_shown_item(item, facts, language) for item in facts.items],
        "total": _money(facts.cart_minor, facts.currency, language),
        "sender": {
            "name": facts.sender.name,
            "postal_address": facts.sender.postal_address,
            "complaint_contact": facts.sender.complaint_contact,
        },
        "site": {"name": facts.site_name},
    }


def landing_url(facts: MessageFacts) -> str | None:
    """Choose where the restore link leads: the cart as the browser gave it, the site's own, the site's top (G8)."""
    for url in (facts.cart_url, facts.site_cart_url):
        if url and is_on(url, facts.site_origins):
            return url
    return site_top(facts.site_origins)


def site_top(origins: Sequence[str]) -> str | None:
    """Return the address of the site's first page; None for a site without origins."""
    return next((f"{origin}/" for origin in map(origin_of, origins) if origin), None)


def _sms(
    facts: MessageFacts,
    wording: Wording,
    body: str,
    drafts: tuple[LinkDraft, LinkDraft],
    unsubscribe_url: str,
) -> Prepared | Unpreparable:
    words = words_of("mail")[known_locale(wording.locale)]
    text = body
    if facts.sender.name not in text:
        text = words["sms_sender"].format(sender=facts.sender.name) + text
    if unsubscribe_url not in text:
        text = f"{text}\n{words['sms_stop'].format(url=unsubscribe_url)}"
    size = measure_sms(text)
    if not size.fits:
        return Unpreparable(UnpreparableReason.TOO_LONG, f"{size.units} units; carriers take 660")
    restore, unsubscribe = drafts
    return Prepared(
        channel=Channel.SMS,
        locale=wording.locale,
        to_value=facts.to_value,
        sender=facts.sender,
        subject=None,
        text=text,
        html=None,
        links=drafts if links.tokens_in(text) >= {restore.token} else (unsubscribe,),
        unsubscribe_url=unsubscribe_url,
        parts=size.parts,
        digest=content_digest(facts.items, facts.cart_minor, facts.currency),
    )


def _mail(
    facts: MessageFacts,
    wording: Wording,
    subject: str,
    body: str,
    drafts: tuple[LinkDraft, LinkDraft],
    cart_url: str,
    unsubscribe_url: str,
) -> Prepared:
    language = known_locale(wording.locale)
    items = [_shown_item(item, facts, language) for item in facts.items]
    content = MailContent(
        locale=language,
        subject=subject,
        paragraphs=[[line.strip() for line in block.split("\n")] for block in body.split("\n\n") if block.strip()],
        items=items[:SHOWN_ITEMS],
        more_items=max(0, len(items) - SHOWN_ITEMS),
        total=_money(facts.cart_minor, facts.currency, language),
        cart_url=cart_url,
        unsubscribe_url=unsubscribe_url,
        site_name=facts.site_name,
        sender=facts.sender,
    )
    return Prepared(
        channel=Channel.EMAIL,
        locale=wording.locale,
        to_value=facts.to_value,
        sender=facts.sender,
        subject=subject,
        text=render_text(content),
        html=render_html(content),
        links=drafts,
        unsubscribe_url=unsubscribe_url,
        parts=None,
        digest=content_digest(facts.items, facts.cart_minor, facts.currency),
        dkim=facts.dkim,
    )


def _shown_item(item: Mapping[str, Any], facts: MessageFacts, language: str) -> dict[str, Any]:
    image = item.get("image")
    places = (*facts.site_origins, *facts.picture_origins)
    return {
        "name": without_links(str(item.get("name") or "")) or words_of("mail")[language]["unnamed_item"],
        "price": _money(item.get("price_minor"), facts.currency, language),
        "quantity": item.get("quantity") or 1,
        "image": image if isinstance(image, str) and is_on(image, places) and _is_picture(image) else None,
    }


def _is_picture(url: str) -> bool:
    """Mail clients show raster pictures only."""
    return not urlsplit(url).path.lower().endswith((".svg", ".svgz"))


def _money(minor: int | None, currency: str | None, language: str) -> str | None:
    if minor is None or currency is None:
        return None
    text = format_currency(Money(minor, currency).major(), currency, locale={"ja": "ja_JP", "en": "en_US"}[language])
    return text.replace("￥", "¥")


def _tidied(text: str) -> str:
    """Drop spaces at line ends, and all but one of several empty lines, which conditions in Liquid leave behind."""
    lines = [line.rstrip() for line in text.replace("\r\n", "\n").split("\n")]
    kept = [line for at, line in enumerate(lines) if line or (at and lines[at - 1])]
    return "\n".join(kept).strip()
