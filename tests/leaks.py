"""What to look for a secret in: an id or a token made by chance may hold any four digits in a row."""

import re

_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_TOKEN = re.compile(r"[0-9A-Za-z_-]{40,}")
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[.\d]*")


def without_ids(said: str) -> str:
    """Return what was said without its UUIDs, tokens and instants."""
    for chance in (_ID, _INSTANT, _TOKEN):
        said = chance.sub("", said)
    return said
