"""What to look for a secret in: an id made by chance may hold any three digits in a row."""

import re

_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[.\d]*")


def without_ids(said: str) -> str:
    """Return what was said without its UUIDs and instants."""
    return _INSTANT.sub("", _ID.sub("", said))
