"""Pure decisions about links and replies: whether a click is a person's, where a link leads, what a reply means."""

import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

TOO_SOON = timedelta(seconds=2)
"""A click within this of the delivery is a machine's (RULES 30)."""

CLOCK_TOLERANCE = timedelta(minutes=2)
"""How far an event's own clock may lag behind ours and still follow the click."""

_SCANNERS = re.compile(
    r"""bot\b|crawl|spider|preview|scanner|safelinks|proofpoint|mimecast|barracuda|symantec|fireeye|trellix|trendmicro
      | messagelabs|urldefense|ironport|forcepoint|zscaler|bitdefender|kaspersky|virustotal|googleimageproxy
      | facebookexternalhit|whatsapp|slack|discord|skype|telegram|applebot|bingpreview|curl|wget|python|java/|okhttp
      | go-http|libwww|phantomjs|axios|node-fetch|httpclient""",
    re.IGNORECASE | re.VERBOSE,
)

STOP_WORDS = frozenset(
    (
        *("STOP", "UNSUBSCRIBE", "END", "QUIT", "STOPALL", "REVOKE", "OPTOUT", "CANCEL"),
        *("停止", "配信停止", "解除", "不要", "やめて"),
    )
)
_POLITE = (
    "してください",
    "して下さい",
    "でお願いします",
    "お願いします",
    "です",
    "を希望します",
    "希望",
    "ください",
    "下さい",
)
"""What people put after a stop word, the last first."""
START_WORDS = frozenset(("START", "UNSTOP", "再開"))


class Suspect(StrEnum):
    """Why a click is left out."""

    SCANNER = "scanner"
    TOO_SOON = "too_soon"


class ReplyEffect(StrEnum):
    """What a reply does beyond being kept."""

    STOP = "stop"
    REOPEN = "reopen"


@dataclass(frozen=True, slots=True)
class LinkFacts:
    """What decides where a restore link leads."""

    target_url: str | None
    target_is_on_site: bool
    site_top: str | None
    made_at: datetime
    lives_s: int
    ordered: bool
    erased: bool
    expired: bool
    contact_replaced: bool
    """The person has corrected the address since: whoever reads the old one must not get their cart."""


def judge_click(*, user_agent: str, is_prefetch: bool, delivered_at: datetime, now: datetime) -> Suspect | None:
    """Say why a click is not a person's, or None. source: RULES 30"""
    if is_prefetch or not user_agent.strip() or _SCANNERS.search(user_agent):
        return Suspect.SCANNER
    if now < delivered_at + TOO_SOON:
        return Suspect.TOO_SOON
    return None


def leads_to_cart(facts: LinkFacts, *, now: datetime) -> bool:
    """Say whether a link still leads to what was left: not after an order, erasure, correction or its time (G8)."""
    ended = facts.ordered or facts.erased or facts.expired or facts.contact_replaced
    gone = ended or now >= facts.made_at + timedelta(seconds=facts.lives_s)
    return not gone and facts.target_url is not None and facts.target_is_on_site


def read_reply(text: str) -> ReplyEffect | None:
    """Read a stop word or START in a reply (RULES 24).

    A word alone counts, in any width and case, with what people put around it: quotation marks, stops, "ください".
    """
    folded = unicodedata.normalize("NFKC", text).strip()
    bare = "".join(one for one in folded if unicodedata.category(one)[0] not in "PSZC").upper()
    for polite in _POLITE:
        bare = bare.removesuffix(polite)
    if bare in STOP_WORDS:
        return ReplyEffect.STOP
    return ReplyEffect.REOPEN if bare in START_WORDS else None
