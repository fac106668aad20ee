"""Which requests no person is behind: declared crawlers, and pages that nobody looks at yet. Pure."""

import re
from collections.abc import Mapping
from typing import Final

from modori.capture.rules import Mark

_DECLARED: Final = re.compile(
    r"(?<!cu)bot\b"  # Googlebot, bingbot, AhrefsBot, GPTBot, UptimeRobot …; CUBOT makes telephones
    r"|crawler|spider|slurp"  # Baiduspider, ICC-Crawler, Yahoo! Slurp
    r"|facebookexternalhit|meta-external|line-poker"  # link previews; LINE's own says both; Line/13.1 is a person's
    r"|mediapartners-google|apis-google|google-inspectiontool|google-read-aloud|googleother|feedfetcher"
    r"|bingpreview|yandex(?:images|metrika|accessibility)|\by!j-|hatena|whatsapp/|skypeuripreview|chatgpt-user"
    r"|perplexity-user|ia_archiver|embedly|bitlybot|w3c_validator|pingdom|statuscake",
    re.IGNORECASE,
)
"""What crawlers and link previews say of themselves. A headless browser is judged by its page (decision 0019)."""

_PURPOSE_HEADERS: Final = (b"sec-purpose", b"purpose", b"x-purpose", b"x-moz")
_EARLY: Final = re.compile(r"\b(?:prefetch|prerender|preview)\b", re.IGNORECASE)


def mark_of(headers: Mapping[bytes, bytes]) -> Mark | None:
    """Say why nobody's act is behind a request, or None for a person's.

    headers  by lower-case name, as ASGI has them
    source   HTML, section "prefetch" and Nav Speculation: `Sec-Purpose: prefetch;prerender`; older browsers say
             `Purpose` or `X-Moz`
    """
    if _DECLARED.search(_text(headers, b"user-agent")):
        return Mark.BOT
    if any(_EARLY.search(_text(headers, name)) for name in _PURPOSE_HEADERS):
        return Mark.PREFETCH
    return None


def _text(headers: Mapping[bytes, bytes], name: bytes) -> str:
    return headers.get(name, b"")[:1000].decode("latin-1")
