"""Lay a mail out: a plain part from a Jinja template, an HTML part through MJML.

The MJML is compiled once; what comes out is itself a Jinja template, filled with escaping on. So no word of a person, a
client or a shop is ever markup.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from mjml import mjml2html

from modori.channels.ui import ui_folder, words_of
from modori.channels.wire import Sender


@dataclass(frozen=True, slots=True)
class MailContent:
    """What the layout shows. paragraphs are lists of lines; items have name, price, quantity, image (or None)."""

    locale: str
    subject: str
    paragraphs: Sequence[Sequence[str]]
    items: Sequence[Mapping[str, Any]]
    more_items: int
    total: str | None
    cart_url: str
    unsubscribe_url: str
    site_name: str
    sender: Sender


def render_html(content: MailContent) -> str:
    return _html_skeleton().render(_context(content))


def render_text(content: MailContent) -> str:
    return _text_template().render(_context(content)).strip() + "\n"


def _context(content: MailContent) -> dict[str, Any]:
    return {name: getattr(content, name) for name in MailContent.__slots__} | {
        "sender": asdict(content.sender),
        "words": words_of("mail")[content.locale],
    }


@cache
def _html_skeleton() -> Template:
    layout = (ui_folder("mail") / "layout.mjml.j2").read_text()
    # fonts={}: no mail of ours fetches a font, which would tell a third party that it was opened.
    compiled = mjml2html(layout, disable_comments=True, fonts={})
    return Environment(autoescape=True, undefined=StrictUndefined).from_string(compiled)


@cache
def _text_template() -> Template:
    # No HTML here, so nothing to escape: the part is text/plain.
    environment = Environment(
        loader=FileSystemLoader(ui_folder("mail")),
        autoescape=False,  # noqa: S701  # text/plain
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("layout.txt.j2")
