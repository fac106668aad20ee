"""What somebody changed in a form: a field that comes back as it was shown is not written.

Figures are shown in larger units than are stored, and somebody else may save between the showing and the saving. The
form carries a mark of each value that it showed, so that neither a rounded figure nor a colleague's change is
overwritten by what nobody touched.
"""

import hashlib
from collections.abc import Mapping
from typing import Final

MARKS: Final = "shown"
"""The hidden field that carries the marks."""
_DIGITS: Final = 12


def marked(values: Mapping[str, str]) -> dict[str, str]:
    """Return the values of a form that is shown, with the mark of each."""
    marks = " ".join(f"{name}:{_mark(value)}" for name, value in values.items() if name != MARKS)
    return {**values, MARKS: marks}


def changed(posted: Mapping[str, str], stored: Mapping[str, str]) -> dict[str, str]:
    """Return the posted fields that differ from what was shown; without marks, from what is stored now."""
    shown = {name: _mark(value) for name, value in stored.items()}
    shown |= dict(one.split(":", 1) for one in posted.get(MARKS, "").split() if ":" in one)
    return {name: value for name, value in posted.items() if name != MARKS and shown.get(name) != _mark(value)}


def _mark(value: str) -> str:
    """Digest a value as a form posts it: trimmed, with its lines broken alike."""
    text = "\n".join(value.strip().splitlines())
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]
