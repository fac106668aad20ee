"""Render operator_ui's templates: one Jinja environment per language, strict about names it was not given."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cache, partial
from pathlib import Path
from typing import Any

from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context, select_autoescape
from jinja2.runtime import Context

from modori.console import figures, formats, labels, site_words
from modori.console.words import LOCALES, catalogue
from modori.people.model import Channel


@dataclass(frozen=True)
class Pages:
    """Renders templates of one operator_ui folder."""

    ui: Path
    now: Callable[[], datetime]

    def html(self, template: str, *, locale: str, zone: str, status: int = 200, **given: Any) -> HTMLResponse:
        """Render a page or a fragment. `locale` and `zone` are the reader's."""
        text = self.text(template, locale=locale, zone=zone, **given)
        return HTMLResponse(text, status_code=status, headers={"Cache-Control": "no-store"})

    def text(self, template: str, *, locale: str, zone: str, **given: Any) -> str:
        page = environment(self.ui, locale).get_template(template)
        return page.render(locale=locale, zone=zone, now=self.now(), marked=[], **given)


@cache
def environment(ui: Path, locale: str) -> Environment:
    """Make the environment of one language; its templates are cached for the life of the process."""
    if locale not in LOCALES:
        raise LookupError(locale)
    made = Environment(
        loader=FileSystemLoader(ui),
        autoescape=select_autoescape(disabled_extensions=("txt",), default=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    translations = catalogue(ui, locale)
    made.install_gettext_translations(translations, newstyle=True)  # type: ignore[attr-defined]  # added by the extension
    made.globals["assets"] = asset_address(ui)

    def label(value: StrEnum) -> str:
        return str(translations.gettext(labels.label(value)))

    def channel_name(value: str) -> str:
        return label(Channel(value))

    def field_word(token: str) -> str:
        return str(translations.gettext(site_words.TOKENS[token])) if token in site_words.TOKENS else token

    def audit_word(action: str) -> str:
        return str(translations.gettext(labels.AUDIT[action])) if action in labels.AUDIT else action

    def changed_numbers(detail: Mapping[str, Any]) -> list[tuple[str, str, str]]:
        def amount(minor: int | None, currency: str) -> str:
            return "—" if minor is None else formats.money(minor, currency, locale=locale)

        return figures.changed_numbers(detail, lambda message: str(translations.gettext(message)), amount)

    @pass_context
    def moment(context: Context, instant: datetime) -> str:
        return formats.moment(instant, zone=context["zone"], locale=locale, now=context["now"])

    @pass_context
    def exact(context: Context, instant: datetime) -> str:
        return formats.exact(instant, zone=context["zone"], locale=locale)

    for name in (label, channel_name, field_word, audit_word, changed_numbers, moment, exact):
        made.filters[name.__name__] = name
    for written in (
        formats.money,
        formats.calendar_day,
        formats.calendar_month,
        formats.lasting,
        formats.number,
        formats.percent,
    ):
        made.filters[written.__name__] = partial(written, locale=locale)
    made.filters["tone"] = labels.tone
    made.filters["hex"] = lambda raw: raw.hex()
    return made


def asset_address(ui: Path) -> Callable[[str], str]:
    """Address an asset by its content, so that it may be cached for ever."""

    @cache
    def address(name: str) -> str:
        digest = hashlib.sha256((ui / "assets" / name).read_bytes()).hexdigest()[:12]
        return f"/assets/{name}?v={digest}"

    return address
