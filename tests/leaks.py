"""What to look for a secret in: an id, a token, a port or a duration may hold any four digits in a row."""

import re

_ID = re.compile(r"[0-9a-f]{8}(?:-?[0-9a-f]{4}){3}-?[0-9a-f]{12}")
_TOKEN = re.compile(r"[0-9A-Za-z_-]{40,}")
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[.\d]*")
_PORT = re.compile(r"(?<=localhost:|127.0.0.1:)\d+")
_DURATION = re.compile(r'(?<="ms":)\d+')


def without_ids(said: str) -> str:
    """Return what was said without its UUIDs, with hyphens or without, tokens, instants, ports and durations."""
    for chance in (_ID, _INSTANT, _TOKEN, _PORT, _DURATION):
        said = chance.sub("", said)
    return said
