"""What a page's address and title may say of whoever reads it: neither who it is, nor the way back of a message (G13).

Pure; texts in, texts out. What one text comes to is kept, since a visit says the same few again and again.
"""

import re
import unicodedata
from functools import lru_cache
from typing import Final, NamedTuple
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from modori.capture.scrubbing import is_card_number
from modori.kernel.masking import DOTS

URL_LIMIT: Final = 2000
TITLE_LIMIT: Final = 200
LINK_PARAMETER: Final = "modori_t"

_KEPT_PARAMETER: Final = re.compile(r"utm_\w{1,40}")
_LINK_TOKEN_FORM: Final = re.compile(r"[A-Za-z0-9_-]{16,64}")
_UNESCAPED: Final = "/-._~!$&'()*+,;=:@"
"""What stands in a path as it is. source: RFC 3986, section 3.3"""

_IN_ADDRESS: Final = r"[^\s@/?&=,;:()<>「」『』【】|]"
_ADDRESS: Final = re.compile(rf"(?<!{_IN_ADDRESS}){_IN_ADDRESS}++@{_IN_ADDRESS}{{1,100}}\.{_IN_ADDRESS}+")
"""It begins where its signs begin, so that a long text is not read again from each of them."""
_NUMBER: Final = re.compile(
    r"\+?[0-9]{7,}"  # in one piece it may be a telephone number, wherever it comes from
    r"|(?<![0-9])(?:\+[0-9]{1,3}|0)[-.() _ー−‐]{0,2}[0-9](?:[-.() _ー−‐]{0,2}[0-9]){7,12}(?![0-9])"
)
_MAY_BE_PERSONAL: Final = re.compile(r"@|[0-9](?:[-.() _ー−‐]{0,2}[0-9]){6}")

_HONOURED: Final = re.compile(
    r"[^「」『』【】()<>|/:、。,!?\[\]–—\-…»]{1,40}?(?=様|さ[まん]|サマ)"
    r"(?<!お客)(?<!皆)(?<!みな)(?<!仕)(?<!模)(?<!同)(?<!お子)(?<!たく)(?<!お父)(?<!お母)"
    r"(?:様(?![々子式相態似体])|(?:さま|さん|サマ)(?![ぁ-んァ-ヶー])|(?:さま|さん|サマ)(?=[のはがをへにと]))"
)
"""A name and what honours it, from the last mark of punctuation on; not words that only end like one: 模様, 仕様."""
_HONORIFIC: Final = re.compile(r"(?:様|さま|さん|サマ)\Z")
_MAY_BE_HONOURED: Final = re.compile("様|さ[まん]|サマ")


class PageAddress(NamedTuple):
    """A page's address as it may be stored, the token of our link that it carried, and whether it held a card number.

    In this order, so that the first is what nearly everybody wants.
    """

    kept: str
    token: str | None
    holds_card: bool


class PageTitle(NamedTuple):
    """A page's title as it may be stored, and whether it held a card number."""

    kept: str
    holds_card: bool


@lru_cache(maxsize=1000)
def read_address(url: str) -> PageAddress:
    """Read a page's address: fragment and query go but for utm_*, and what is left says nobody's address or number.

    The token of a tracked link is answered beside it, never kept in it: whoever reads what is stored must not be able
    to follow other people's links.
    """
    parts = urlsplit(url)
    sent = parse_qsl(parts.query) if parts.query else []
    bare = f"{parts.scheme}://{parts.netloc}{parts.path}"
    kept = [(name, value) for name, value in sent if _KEPT_PARAMETER.fullmatch(name)]
    holds_card = is_card_number(f"{bare}?{urlencode(kept)}" if kept else bare)
    path = _mask_path(parts.path)
    shown = f"{parts.scheme}://{parts.netloc}{path}"
    if kept:
        shown += "?" + _with_dots(urlencode([(name, mask_contacts(value)) for name, value in kept]))
    return PageAddress(shown[:URL_LIMIT], _token_of(sent), holds_card)


@lru_cache(maxsize=1000)
def read_title(title: str) -> PageTitle:
    """Read a page's title: addresses, numbers and the names before 様, さま or さん are masked in it."""
    told = title.strip()
    return PageTitle(mask_names(mask_contacts(told))[:TITLE_LIMIT], is_card_number(told))


def scrub_page_url(url: str) -> str:
    """Return a page's address as it may be stored (`read_address`)."""
    return read_address(url).kept


def scrub_link(url: str) -> str:
    """Return the address of a cart or of an item as it may be stored: it must still lead there.

    The token of a message's link goes, and so do parameters that hold an e-mail address. Numbers stay: carts have them.
    """
    if LINK_PARAMETER not in url and "@" not in url and "%40" not in url:
        return url
    parts = urlsplit(url)
    kept = [
        one
        for one in parts.query.split("&")
        if not one.startswith(f"{LINK_PARAMETER}=") and not _holds_address(one.partition("=")[2])
    ]
    fragment = "" if _holds_address(parts.fragment) else parts.fragment
    return parts._replace(query="&".join(kept), fragment=fragment).geturl()


def _holds_address(escaped: str) -> bool:
    return _ADDRESS.search(unquote(unquote(escaped))) is not None


def mask_contacts(text: str) -> str:
    """Mask what looks like an e-mail address or a telephone number in a text that somebody else has made."""
    plain = (text if text.isascii() else unicodedata.normalize("NFKC", text)).replace("%40", "@")
    if _MAY_BE_PERSONAL.search(plain) is None:  # nearly every text
        return text
    masked = _NUMBER.sub(DOTS, _ADDRESS.sub(DOTS, plain))
    return text if masked == plain else masked


def mask_names(text: str) -> str:
    """Mask whom a text honours: 山田太郎様のカート becomes •••様のカート."""
    if text.isascii() or _MAY_BE_HONOURED.search(text) is None:
        return text
    return _HONOURED.sub(_honoured, text)


def _honoured(found: re.Match[str]) -> str:
    whole = found[0]
    title = _HONORIFIC.search(whole)
    if title is None or not whole[: title.start()].strip():
        return whole
    return f"{whole[: len(whole) - len(whole.lstrip())]}{DOTS}{title[0]}"


def _mask_path(path: str) -> str:
    plain = path if "%" not in path else unquote(path)
    masked = mask_contacts(plain)
    if masked == plain:
        return path
    return _with_dots(quote(masked, safe=_UNESCAPED))


def _with_dots(escaped: str) -> str:
    return escaped.replace(quote(DOTS), DOTS)


def _token_of(sent: list[tuple[str, str]]) -> str | None:
    for name, value in sent:
        if name == LINK_PARAMETER and _LINK_TOKEN_FORM.fullmatch(value):
            return value
    return None
