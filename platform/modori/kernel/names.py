"""Captured names made harmless: nobody phishes through our messages with a URL typed into a name field (G8)."""

import re
import unicodedata

_LINK_LIKE = re.compile(
    r"""
      (?<![a-z0-9+.-])[0-9+.-]*+[a-z][a-z0-9+.-]*+://\S*  # any scheme
    | www\.\S+
    | (?<![^\s@])[^\s@]++@[^\s@]+                 # mail clients turn addresses into links, too
    | (?<![^\s./@:])(?<![^\s./@:]\.)             # shop.example without a scheme; Dr.Martens is a name
      [^\s./@:]++(?:\.[^\s./@:]++)*\.(?:
        (?:[a-z]{2,4}|xn--[a-z0-9-]+|example|online|store|website|click|space|tokyo|osaka|email|company|world
           |group|today|digital|support|center|services|agency|global|finance|market|download|review|stream)
        (?![a-z0-9-])(?:[/:?\#]\S*)?
        | [a-z]{2,}[/:?\#]\S+
      )
    | \d{1,3}(?:\.\d{1,3}){3}(?!\d)\S*
    """,
    re.VERBOSE | re.IGNORECASE,
)
"""Each begins where its signs begin and gives none back: its price grows with the text and not with its square."""
_IN_EVERY_LINK = re.compile(r"[.@:]")
_IDEOGRAPHIC_STOPS = str.maketrans("。｡", "..")


def without_links(text: str, *, most: int = 120) -> str:
    """Drop whatever a mail client or phone would turn into a link, and control characters; at most `most` characters.

    Compatibility forms are folded first, since ｅｖｉｌ．ｅｘａｍｐｌｅ is a link to some clients.
    """
    plain = _plain(text)
    if _holds_link(plain):
        plain = _LINK_LIKE.sub(" ", plain.translate(_IDEOGRAPHIC_STOPS))
    return " ".join(plain.split())[:most].strip()


def holds_link(text: str) -> bool:
    """Say whether there is anything in a name that could become a link."""
    return _holds_link(_plain(text))


def _holds_link(plain: str) -> bool:
    stopped = plain.translate(_IDEOGRAPHIC_STOPS)
    return _IN_EVERY_LINK.search(stopped) is not None and _LINK_LIKE.search(stopped) is not None


def _plain(text: str) -> str:
    folded = unicodedata.normalize("NFKC", text)
    if folded.isprintable():  # then it has none of these categories
        return folded
    return "".join(" " if unicodedata.category(one) in ("Cc", "Cf", "Zl", "Zp") else one for one in folded)
