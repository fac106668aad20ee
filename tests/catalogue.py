"""The console's messages: what templates and code say, and what the catalogues know.

`python -m tests.catalogue` adds what is missing to both .po files, with nothing said yet, and drops what nobody says.
"""

from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

from modori.console.words import LOCALES

CHECKOUT: Final = Path(__file__).resolve().parents[1]
EPOCH: Final = datetime(2026, 11, 21, tzinfo=UTC)
"""The same in every run, so that a catalogue changes only where its messages do."""
KEYWORDS: Final = {"_": None, "gettext": None, "say": None}


def used_messages() -> dict[str, str]:
    """Return every message id with the first place that says it."""
    found: dict[str, str] = {}
    for folder, method, pattern, options in (
        ("operator_ui/console", "jinja2", "**.html", {"jinja2": {"silent": "false", "trimmed": "true"}}),
        ("operator_ui/console", "jinja2", "**.txt", {"jinja2": {"silent": "false", "trimmed": "true"}}),
        ("platform/modori/console", "python", "**.py", {}),
    ):
        root = CHECKOUT / folder
        for name, line, message, _comments, _context in extract_from_dir(
            root, [(pattern, "jinja2.ext:babel_extract" if method == "jinja2" else method)],
            {pattern: options.get(method, {})}, keywords=KEYWORDS,
        ):  # fmt: skip
            assert isinstance(message, str), f"{name}:{line} says more than one message at once"
            found.setdefault(message, f"{folder}/{name}:{line}")
    return found


def po_path(locale: str) -> Path:
    return CHECKOUT / "operator_ui" / "locale" / locale / "LC_MESSAGES" / "console.po"


def read_catalogue(locale: str) -> Catalog:
    with po_path(locale).open("rb") as source:
        return read_po(source, locale=locale)


def main() -> None:
    used = used_messages()
    for locale in LOCALES:
        known = read_catalogue(locale)
        made = Catalog(
            locale=locale,
            header_comment="# The console's words. Message ids are the English sentences.",
            project="Modori",
            version="0.1",
            copyright_holder="the Modori authors",
            msgid_bugs_address="-",
            last_translator="-",
            language_team="-",
            creation_date=EPOCH,
            revision_date=EPOCH,
            charset="utf-8",
            fuzzy=False,
        )
        for message, place in sorted(used.items(), key=lambda item: item[1].split(":")[0]):
            old = known.get(message)
            made.add(message, old.string if old else "", locations=[(place.split(":")[0], 0)])
        with po_path(locale).open("wb") as target:
            write_po(target, made, width=100, include_lineno=False, omit_header=False)
        missing = sum(1 for message in made if message.id and not message.string)
        print(f"{locale}: {len(used)} messages, {missing} not said yet")


if __name__ == "__main__":
    main()
