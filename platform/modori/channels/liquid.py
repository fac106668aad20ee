"""Render tenants' wordings: Liquid with strict names and hard limits (RULES 38).

A wording gets: `person.name` (nil where unknown) · `person.address`, how to address them · `items`, each with `name`,
`price`, `quantity` · `total` (nil without a cart) · `cart_url` and `unsubscribe_url`, tracked · `sender.name`,
`sender.postal_address`, `sender.complaint_contact` · `site.name` · in call scripts `operator.name` and `goods_kind`.

The tags and filters are those that a message needs. None can make much from little (`replace`, `join` over a range), so
that the limits hold before memory is spent.
"""

import time
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from liquid import BoundTemplate, Environment, Mode, RenderContext, StrictUndefined
from liquid.exceptions import LiquidError, ResourceLimitError

MAX_SOURCE = 8_000
"""Longest wording, in characters."""
MAX_OUTPUT_BYTES = 16_000
MAX_LOOP = 500
RENDER_S = 0.5

TAGS = ("#", "assign", "break", "case", "comment", "content", "continue", "for", "if", "illegal", "output", "unless")
FILTERS = (
    *("abs", "append", "at_least", "at_most", "capitalize", "ceil", "default", "divided_by", "downcase", "escape"),
    *("first", "floor", "last", "lstrip", "minus", "modulo", "plus", "prepend", "round", "rstrip", "size", "slice"),
    *("strip", "times", "truncate", "upcase"),
)


class BrokenWording(Exception):
    """The wording cannot be rendered: its syntax, a name that does not exist, or a limit. The message says where."""


class OutOfTime(ResourceLimitError):
    """The wording took longer than RENDER_S."""


class _TimedContext(RenderContext):
    """Looks at the clock whenever a name is read, a filter is found or a loop begins."""

    __slots__ = ("_until_s",)

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self._until_s = time.monotonic() + RENDER_S

    def get(self, path: list[object], **more: Any) -> object:
        self._look()
        return super().get(path, **more)

    def filter(self, name: str, token: Any) -> Any:
        self._look()
        return super().filter(name, token)

    def loop(self, namespace: Mapping[str, object], forloop: Any) -> Any:
        self._look()
        return super().loop(namespace, forloop)

    def _look(self) -> None:
        if time.monotonic() > self._until_s:
            raise OutOfTime(f"takes longer than {RENDER_S} s", token=None)


class _Template(BoundTemplate):
    context_class = _TimedContext


class _Environment(Environment):
    template_class = _Template
    loop_iteration_limit = MAX_LOOP
    output_stream_limit = MAX_OUTPUT_BYTES
    local_namespace_limit = MAX_OUTPUT_BYTES
    block_nesting_limit = 10

    def setup_tags_and_filters(self, *, extra: bool = False) -> None:
        super().setup_tags_and_filters(extra=extra)
        self.tags = {name: tag for name, tag in self.tags.items() if name in TAGS}
        self.filters = {name: filter_ for name, filter_ in self.filters.items() if name in FILTERS}


# Text, not HTML: what comes out is escaped when the mail's layout takes it in.
_environment = _Environment(undefined=StrictUndefined, tolerance=Mode.STRICT, strict_filters=True, autoescape=False)


@lru_cache(maxsize=512)
def _compile(source: str) -> BoundTemplate:
    return _environment.from_string(source)


def render_wording(source: str, facts: Mapping[str, Any]) -> str:
    """Render one wording to plain text. raises BrokenWording"""
    if len(source) > MAX_SOURCE:
        raise BrokenWording(f"a wording has at most {MAX_SOURCE} characters, this one {len(source)}")
    try:
        return _compile(source).render(**facts)
    except LiquidError as error:
        raise BrokenWording(str(error.args[0]) if error.args else type(error).__name__) from error
    except (ArithmeticError, RecursionError, ValueError) as error:
        raise BrokenWording(type(error).__name__) from error
