"""docs/problems.md and the code know the same codes, each with its status."""

import ast
import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator

import modori
from modori.api.admission import ForeignOrigin, OriginRequired, SecretInBrowser
from modori.capture import reading, storable
from modori.capture.rules import Clock
from modori.console.site_words import REFUSALS
from modori.entrypoints import front
from modori.kernel.errors import BadEmail, BadPhone, Limited, ModoriError
from modori.people.values import BadLineUser
from tests.architecture.lints import CHECKOUT

PAGE = CHECKOUT / "docs" / "problems.md"
_ROW = re.compile(r"^\| `([a-z_]+)` \| (\d{3}) \| [^|]+ \| [^|]+ \|$", re.MULTILINE)
NOT_ANSWERED = {"error"}
"""Of the tree's inner nodes, which are never raised themselves."""


def errors(base: type[ModoriError] = ModoriError) -> Iterator[type[ModoriError]]:
    for child in base.__subclasses__():
        yield child
        yield from errors(child)


def codes_of_errors() -> set[tuple[str, int]]:
    for module in pkgutil.walk_packages(modori.__path__, "modori."):
        if not module.name.startswith("modori.sandbox"):
            importlib.import_module(module.name)
    ours = [one for one in errors() if one.__module__.startswith("modori.")]
    return {(one.code, one.status) for one in ours if one.code not in NOT_ANSWERED}


def codes_of_events() -> set[tuple[str, int]]:
    """Whatever reading an event may be refused with; the answer around it is 202."""
    named = {
        part.value
        for module in (reading, storable)
        for call in ast.walk(ast.parse(inspect.getsource(module)))
        if isinstance(call, ast.Call) and getattr(call.func, "id", "") in ("_Refuse", "Unstorable")
        for part in ast.walk(call)
        if isinstance(part, ast.Constant) and isinstance(part.value, str)
    }
    named |= set(reading._FIELD_CODES.values()) | {reading.CAPTURE_REFUSED}
    named |= {Clock.TOO_OLD.value, Clock.FROM_THE_FUTURE.value, BadEmail.code, BadPhone.code, BadLineUser.code}
    return {(str(code), 202) for code in named}


def codes_of_the_front() -> set[tuple[str, int]]:
    """Refusals that no route has: written where they are answered."""
    tree = ast.parse(inspect.getsource(front))
    return {
        (code.value, status.value)
        for call in ast.walk(tree)
        if isinstance(call, ast.Call)
        for status, code in zip(call.args, call.args[1:], strict=False)
        if isinstance(status, ast.Constant) and isinstance(code, ast.Constant)
        if isinstance(status.value, int) and isinstance(code.value, str)
    }


def test_the_page_and_the_code_name_the_same_problems() -> None:
    rows = [(code, int(status)) for code, status in _ROW.findall(PAGE.read_text())]
    assert len(rows) == len(set(rows)), "a code stands twice with one status"
    known = codes_of_errors() | codes_of_events() | codes_of_the_front()
    assert len(known) > 70
    assert set(rows) - known == set(), "on the page, not in the code"
    assert known - set(rows) == set(), "in the code, not on the page"


def test_whatever_the_page_of_a_site_counts_as_refused_has_its_advice() -> None:
    counted = {code for code, _ in codes_of_events()}
    counted |= {one.code for one in (ForeignOrigin, OriginRequired, SecretInBrowser, Limited)}
    assert counted == set(REFUSALS)
    assert [code for code, advice in REFUSALS.items() if not (advice.what and advice.do)] == []


def test_every_row_of_the_page_is_whole() -> None:
    rows = [line for line in PAGE.read_text().splitlines() if line.startswith("| `")]
    assert [row for row in rows if not _ROW.fullmatch(row)] == []
