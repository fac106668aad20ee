"""Where messages' layouts and words lie: operator_ui, beside the source or in the built wheel."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import modori

LOCALES = ("ja", "en")


@cache
def ui_folder(name: str) -> Path:
    """Return operator_ui/<name>. raises FileNotFoundError where neither a checkout nor the wheel has it"""
    package = Path(modori.__file__).parent
    for folder in (package / "_assets" / "operator_ui", package.parents[1] / "operator_ui"):
        if (folder / name).is_dir():
            return folder / name
    raise FileNotFoundError(f"operator_ui/{name} is neither in the package nor beside it")


@cache
def words_of(name: str) -> dict[str, dict[str, Any]]:
    """Read operator_ui/<name>/words.json: a table of words for each language, with the same names in all."""
    words: dict[str, dict[str, Any]] = json.loads((ui_folder(name) / "words.json").read_text())
    return words


def known_locale(*wanted: str | None) -> str:
    """Choose the first of the wanted languages that we speak (en-GB is en), else Japanese."""
    for one in wanted:
        language = (one or "").replace("_", "-").partition("-")[0].lower()
        if language in LOCALES:
            return language
    return "ja"
