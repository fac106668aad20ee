"""The wordings that a new scenario starts with, as files beside this module: `wording/<step>.<locale>.liquid`.

They follow the practice of reminder, help, last notice without pressure, and claim nothing that could be untrue when
they are sent (RULES 14). A mail's file begins with its subject.
"""

from functools import cache
from pathlib import Path

from modori.channels.wire import Wording
from modori.outreach.model import Purpose
from modori.people.model import Channel

_FOLDER = Path(__file__).parent / "wording"
_SUBJECT = "Subject: "


@cache
def default_wording(channel: Channel, purpose: Purpose, locale: str) -> Wording:
    """Read the wording of one step. Calls have one script for every purpose. raises FileNotFoundError"""
    name = "call_script" if channel is Channel.CALL else f"{channel.value}_{purpose.value}"
    text = (_FOLDER / f"{name}.{locale}.liquid").read_text()
    if channel is not Channel.EMAIL:
        return Wording(None, text.strip(), locale)
    first, _, body = text.partition("\n")
    if not first.startswith(_SUBJECT):
        raise ValueError(f"{name}.{locale} does not begin with its subject")
    return Wording(first.removeprefix(_SUBJECT), body.strip(), locale)
