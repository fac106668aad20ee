"""The console's two languages: gettext catalogues, read from their .po files and compiled in memory.

Message ids are the English sentences; the English catalogue only holds what English itself must inflect.
"""

from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Final

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import Translations

LOCALES: Final = ("ja", "en")
DEFAULT_LOCALE: Final = "ja"


def say(message: str) -> str:
    """Mark a message for extraction where it is not yet known in which language it will be said."""
    return message


@cache
def catalogue(ui: Path, locale: str) -> Translations:
    """Read and compile one language's catalogue. raises FileNotFoundError for a language that we do not speak."""
    path = ui / "locale" / locale / "LC_MESSAGES" / "console.po"
    with path.open("rb") as source:
        messages = read_po(source, locale=locale)
    compiled = BytesIO()
    write_mo(compiled, messages)
    compiled.seek(0)
    return Translations(compiled)


def pick_locale(asked: str | None, remembered: str | None, accepts: str) -> str:
    """Choose the language of a page: asked for in the address, remembered, or the browser's first that we speak."""
    for wanted in (asked, remembered):
        if wanted in LOCALES:
            return wanted
    for part in accepts.split(","):
        tag = part.split(";")[0].strip().lower().split("-")[0]
        if tag in LOCALES:
            return tag
    return DEFAULT_LOCALE
