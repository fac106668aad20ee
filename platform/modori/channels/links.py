"""Tokens and addresses of tracked links: 128 random bits in the message, their SHA-256 on record."""

import hashlib
import re
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from modori.channels.model import LinkKind
from modori.kernel.ids import new_token

RESTORE_PARAMETER = "modori_t"
"""Carries the token into the site, so that an event there confirms the click (RULES 30)."""

_PATHS = {LinkKind.RESTORE: "t", LinkKind.UNSUBSCRIBE: "u"}
_TOKEN = re.compile(r"[A-Za-z0-9_-]{22}")
_IN_TEXT = re.compile(r"/[tu]/([A-Za-z0-9_-]{22})(?![A-Za-z0-9_-])")
_IN_QUERY = re.compile(rf"{RESTORE_PARAMETER}=[A-Za-z0-9_-]+")


def draw_token() -> str:
    return new_token(16)


def is_token(text: str) -> bool:
    return _TOKEN.fullmatch(text) is not None


def token_hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def link_url(public_url: str, kind: LinkKind, token: str) -> str:
    return f"{public_url.rstrip('/')}/{_PATHS[kind]}/{token}"


def tokens_in(text: str) -> set[str]:
    """Find the tokens of our links in a text: no two messages share one, so one is proof of which message it is."""
    return set(_IN_TEXT.findall(text))


def without_tokens(text: str) -> str:
    """Blot out the tokens of our links, for who may read a message and must not click for its receiver (RULES 30)."""
    return _IN_QUERY.sub(rf"{RESTORE_PARAMETER}=…", _IN_TEXT.sub(lambda found: f"{found[0][:3]}…", text))


def with_token(url: str, token: str) -> str:
    """Append our token to a page of the site; whatever else is in its query stays, and so does the fragment."""
    parts = urlsplit(url)
    kept = [(key, value) for key, value in parse_qsl(parts.query, keep_blank_values=True) if key != RESTORE_PARAMETER]
    query = urlencode([*kept, (RESTORE_PARAMETER, token)], safe=":,;@/!$'()*~")
    return urlunsplit((parts.scheme, parts.netloc, parts.path or "/", query, parts.fragment))
