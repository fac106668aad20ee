"""Which requests no person is behind: declared crawlers, and pages that nobody looks at yet. Pure."""

import re
from collections.abc import Mapping
from functools import lru_cache
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
_LONGEST: Final = 1000
_EARLY: Final = re.compile(r"\b(?:prefetch|prerender|preview)\b", re.IGNORECASE)


def mark_of(headers: Mapping[bytes, bytes]) -> Mark | None:
    """Say why nobody's act is behind a request, or None for a person's.

    headers  by lower-case name, as ASGI has them
    source   HTML, section "prefetch" and Nav Speculation: `Sec-Purpose: prefetch;prerender`; older browsers say
             `Purpose` or `X-Moz`
    """
    if _is_declared(headers.get(b"user-agent", b"")[:_LONGEST]):
        return Mark.BOT
    for name in _PURPOSE_HEADERS:
        if name in headers and _EARLY.search(headers[name][:_LONGEST].decode("latin-1")):
            return Mark.PREFETCH
    return None


@lru_cache(maxsize=2000)
def _is_declared(user_agent: bytes) -> bool:
    return _DECLARED.search(user_agent.decode("latin-1")) is not None
