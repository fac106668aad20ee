"""Origins of URLs: whether an address that a browser reported lies on its site (G8)."""

import re
from collections.abc import Sequence
from functools import lru_cache
from urllib.parse import urlsplit

_PORTS = {"http": 80, "https": 443}
_FORBIDDEN = re.compile(r"[\x00-\x20\\\x7f]")


def origin_of(url: str) -> str | None:
    """Return `scheme://host[:port]` in lower case without the scheme's own port; None for what is no web address.

    A user name, a backslash, a control character or a space makes it none: browsers and parsers read those differently.
    source  RFC 6454, section 6.2; WHATWG URL, "special" schemes
    """
    if _FORBIDDEN.search(url) is not None:
        return None
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    scheme, host = parts.scheme.lower(), parts.hostname
    if scheme not in _PORTS or not host or "@" in parts.netloc:
        return None
    shown = f"[{host}]" if ":" in host else host
    return f"{scheme}://{shown}" if port in (None, _PORTS[scheme]) else f"{scheme}://{shown}:{port}"


def is_on(url: str, origins: Sequence[str]) -> bool:
    """Say whether `url` lies on one of the site's registered origins."""
    if _FORBIDDEN.search(url) is not None:
        return False
    end = url.find("/", len("https://"))  # a host ends there at the latest, whatever stands before it
    origin = _origin_of_start(url if end < 0 else url[:end])
    return origin is not None and origin in _written(tuple(origins))


@lru_cache(maxsize=4096)
def _origin_of_start(start: str) -> str | None:
    """Return the origin of an address without its path. Kept: a visit names the same few again and again."""
    return origin_of(start)


@lru_cache(maxsize=4096)
def _written(origins: tuple[str, ...]) -> frozenset[str | None]:
    """Write a site's origins the one way. Kept: each event names several URLs, and sites change seldom."""
    return frozenset(origin_of(one) for one in origins)
