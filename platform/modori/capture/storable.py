"""Whether JSON from outside is of a size and of characters that may be stored, before anything reads what it means."""

import re
from collections.abc import Iterable
from typing import Any, Final

from modori.capture.wire import MAX_DEPTH, MAX_TEXT, MAX_WORDING

_SHORT: Final = MAX_TEXT // 4
"""Characters that are never more bytes than MAX_TEXT, whatever they are."""
_WORDING: Final = "text"
"""The key of a consent's wording; no other shape has it."""
_UNSTORABLE: Final = re.compile("[\x00\ud800-\udfff]")


class Unstorable(Exception):
    """What is wrong with it, by the code of the refusal."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def check_value(value: dict[str, Any] | list[Any], level: int, *, is_plain: bool) -> None:
    """Refuse what is nested too deep, too long, or what PostgreSQL cannot store as text, in a container of JSON.

    level  of nesting of the container itself; no deeper than needed
    """
    if level > MAX_DEPTH:
        raise Unstorable("too_deep")
    inside: Iterable[Any] = value
    if isinstance(value, dict):
        for key in value:
            if len(key) > _SHORT or not is_plain:
                _check_string(key)
        inside = value.values()
    for inner in inside:
        if isinstance(inner, str):
            if len(inner) > _SHORT or not is_plain:
                _check_string(inner, is_wording=isinstance(value, dict) and value.get(_WORDING) is inner)
        elif isinstance(inner, dict | list):
            check_value(inner, level + 1, is_plain=is_plain)


def _check_string(text: str, *, is_wording: bool = False) -> None:
    if is_wording:
        is_long = len(text) > MAX_WORDING
    else:
        is_long = len(text) > _SHORT and len(text.encode("utf-8", "surrogatepass")) > MAX_TEXT
    if is_long:
        raise Unstorable("too_long")
    if _UNSTORABLE.search(text) is not None:
        raise Unstorable("bad_text")


def is_storable(text: str) -> bool:
    """Neither NUL nor half of a character: jsonb and UTF-8 have no place for them."""
    return _UNSTORABLE.search(text) is None
