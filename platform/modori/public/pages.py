"""Render what consumers open, from operator_ui/public."""

from functools import cache

from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from modori.channels.ui import known_locale, ui_folder, words_of
from modori.channels.wire import OptOut

HEADERS = {
    "Cache-Control": "no-store",
    "X-Robots-Tag": "noindex",
    # The address holds a token: no other site needs to see it.
    "Referrer-Policy": "no-referrer",
}


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(ui_folder("public")),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def opt_out_page(page: OptOut, *, lang: str | None) -> HTMLResponse:
    """Ask whether to stop; where it has stopped already, say so."""
    return stopped_page(page, lang=lang) if page.stopped else _page("opt_out", "stop_title", lang, page.locale, page)


def stopped_page(page: OptOut, *, lang: str | None) -> HTMLResponse:
    return _page("stopped", "stopped_title", lang, page.locale, page)


def missing_page(*, lang: str | None, accepted: str | None) -> HTMLResponse:
    return _page("missing", "missing_title", lang, first_language(accepted), status=404)


def busy_page(*, lang: str | None, accepted: str | None, status: int = 503, retry_after_s: int = 5) -> HTMLResponse:
    """Say that nothing was done. A mail server that sent a one-click tries again later."""
    page = _page("busy", "busy_title", lang, first_language(accepted), status=status)
    page.headers["Retry-After"] = str(retry_after_s)
    return page


def first_language(accepted: str | None) -> str:
    """Read Accept-Language as far as a page of two languages needs it: the first that we speak."""
    return known_locale(*((accepted or "").split(",")[:10]))


def _page(
    template: str, title: str, lang: str | None, locale: str, page: OptOut | None = None, *, status: int = 200
) -> HTMLResponse:
    locale = known_locale(lang, locale)
    words = words_of("public")[locale]
    html = (
        _environment()
        .get_template(f"{template}.html")
        .render(words=words, locale=locale, title=words[title], **({} if page is None else {"page": page}))
    )
    return HTMLResponse(html, status_code=status, headers={**HEADERS, "Content-Language": locale})
