"""Templates and static files of the demo world, found beside the source or in the built wheel."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from starlette.responses import HTMLResponse

import modori
from modori.sandbox.mail import pieces

LANGUAGES = ("ja", "en")


def sandbox_folder() -> Path:
    """`operator_ui/sandbox`, in the wheel or in a checkout. Raises FileNotFoundError where there is neither."""
    package = Path(modori.__file__).parent
    for folder in (package / "_assets" / "operator_ui", package.parents[1] / "operator_ui"):
        if (folder / "sandbox").is_dir():
            return folder / "sandbox"
    raise FileNotFoundError("operator_ui/sandbox is neither in the package nor beside it")


class Pages:
    """Renders the templates of one folder below operator_ui/sandbox."""

    def __init__(self, folder: str) -> None:
        self._environment = Environment(
            loader=FileSystemLoader(sandbox_folder() / folder),
            autoescape=select_autoescape(["html", "svg"]),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.filters["yen"] = yen
        self._environment.filters["pieces"] = pieces

    def render(self, template: str, *, policy: str, status_code: int = 200, **context: Any) -> HTMLResponse:
        """`policy` is the Content-Security-Policy of the page."""
        page = self._environment.get_template(template).render(**context)
        headers = {
            "Content-Security-Policy": policy,
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "strict-origin-when-cross-origin",
        }
        return HTMLResponse(page, status_code=status_code, headers=headers)


def yen(amount: int) -> str:
    """¥4,980"""
    return f"¥{amount:,}"


def chosen_language(wanted: str | None, remembered: str | None) -> str:
    """The language asked for, else the one of the cookie, else Japanese."""
    return next((tongue for tongue in (wanted, remembered) if tongue in LANGUAGES), "ja") or "ja"
