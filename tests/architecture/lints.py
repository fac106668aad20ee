"""What STYLE asks of every Python file and ruff cannot see. Each lint takes a file and answers what is wrong in it."""

import ast
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

CHECKOUT = Path(__file__).resolve().parents[2]
PACKAGE = CHECKOUT / "platform" / "modori"


@dataclass(frozen=True)
class Source:
    """One file of the package: its path inside the package, its text and its tree."""

    path: PurePosixPath
    text: str
    tree: ast.Module

    @classmethod
    def parse(cls, path: str, text: str) -> "Source":
        return cls(PurePosixPath(path), text, ast.parse(text))

    @property
    def room(self) -> str:
        return self.path.parts[0]


Lint = Callable[[Source], Iterator[str]]


def sources() -> list[Source]:
    return [
        Source.parse(path.relative_to(PACKAGE).as_posix(), path.read_text()) for path in sorted(PACKAGE.rglob("*.py"))
    ]


def commits_outside_storage(source: Source) -> Iterator[str]:
    """STYLE 2: the edge that opened a transaction closes it, and only storage knows how."""
    if source.room == "storage" or source.path == PurePosixPath("entrypoints/migrate.py"):  # Alembic's own transaction
        return
    for call in _method_calls(source, {"commit"}):
        yield f"{call.lineno}: .commit( outside storage/"


def queries_outside_queries(source: Source) -> Iterator[str]:
    """STYLE 4: what is asked of the database stands in queries.py."""
    if source.path.name == "queries.py" or source.room in {"storage", "entrypoints", "sandbox"}:
        return
    for call in _method_calls(source, {"execute", "exec", "executemany"}):
        yield f"{call.lineno}: .{_method(call)}( outside queries.py and storage/"
    for call in _calls(source):
        if isinstance(call.func, ast.Name) and call.func.id == "select":
            yield f"{call.lineno}: select( outside queries.py and storage/"


def messages_outside_background(source: Source) -> Iterator[str]:
    """STYLE 3: only background/ hands a message to Dramatiq. An adapter's `.send(` goes to a provider."""
    if source.room in {"background", "sandbox"}:
        return
    names = {"send_with_options", "enqueue"} | (set() if source.room == "channels" else {"send"})
    for call in _method_calls(source, names):
        yield f"{call.lineno}: .{_method(call)}( outside background/"


def actors_at_import(source: Source) -> Iterator[str]:
    """DESIGN 4: a decorator at import binds silently to a default broker; wiring makes the actors."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            for decorator in node.decorator_list:
                if "actor" in ast.unparse(decorator).split("(")[0].split("."):
                    yield f"{decorator.lineno}: an actor made by decorator"


_TAGS = (
    "a|article|aside|b|body|br|button|div|em|fieldset|footer|form|h[1-6]|head|header|hr|html|i|iframe|img|input|label"
)
_TAGS += "|legend|li|link|main|meta|nav|ol|option|p|pre|script|section|select|small|span|strong|style|svg|table|tbody"
_TAGS += "|td|textarea|th|thead|title|tr|ul"
_HTML = re.compile(rf"</?(?:{_TAGS})(?:\s[^<>]*)?/?>", re.IGNORECASE)


def html_in_strings(source: Source) -> Iterator[str]:
    """STYLE, smells: markup lives in templates."""
    prose = {id(node) for node in _docstrings(source.tree)}
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose:
            found = _HTML.search(node.value)
            if found:
                yield f"{node.lineno}: HTML in a string: {found[0]}"


def impure_rules(source: Source) -> Iterator[str]:
    """STYLE 1: rules.py imports the kernel (not its clock) and the standard library, and reads no clock."""
    if source.path.name != "rules.py":
        return
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import):
            names = [each.name for each in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            names = [f"{base}.{each.name}" for each in node.names]
        else:
            continue
        for name in names:
            top = name.split(".")[0]
            is_kernel = name.startswith("modori.kernel") and not name.startswith("modori.kernel.clock")
            if name.startswith("urllib.parse"):  # splits strings, reaches nothing
                continue
            if not is_kernel and (top not in sys.stdlib_module_names or top in _OUTSIDE_WORLD):
                yield f"{node.lineno}: rules import {name}"
    for call in _method_calls(source, {"now", "utcnow", "today"}):
        yield f"{call.lineno}: rules read a clock"


_OUTSIDE_WORLD = {"os", "random", "secrets", "socket", "subprocess", "threading", "time", "urllib", "http", "smtplib"}


_VAGUE = {"utils", "util", "helper", "helpers", "manager", "service", "services", "data", "info", "misc", "common"}


def vague_names(source: Source) -> Iterator[str]:
    """STYLE 5: no utils, helper, manager, service, data, info, v2."""
    for part in (*source.path.parts[:-1], source.path.stem):
        if _VAGUE & set(part.split("_")) or re.search(r"_?v\d+$", part):
            yield f"1: {part} says nothing"
    for node in ast.walk(source.tree):
        if isinstance(node, ast.ClassDef):
            words = {word.lower() for word in re.findall(r"[A-Z][a-z0-9]*", node.name)}
            if words & (_VAGUE - {"data"}):
                yield f"{node.lineno}: {node.name} says nothing"


def promises_to_do(source: Source) -> Iterator[str]:
    """Unfinished work belongs in an issue."""
    for number, line in enumerate(source.text.splitlines(), 1):
        if re.search(r"#.*\b(TODO|FIXME|XXX|HACK)\b", line):
            yield f"{number}: {line.strip()}"


LINTS: tuple[Lint, ...] = (
    commits_outside_storage,
    queries_outside_queries,
    messages_outside_background,
    actors_at_import,
    html_in_strings,
    impure_rules,
    vague_names,
    promises_to_do,
)


def _calls(source: Source) -> Iterator[ast.Call]:
    return (node for node in ast.walk(source.tree) if isinstance(node, ast.Call))


def _method_calls(source: Source, names: set[str]) -> Iterator[ast.Call]:
    return (call for call in _calls(source) if isinstance(call.func, ast.Attribute) and call.func.attr in names)


def _method(call: ast.Call) -> str:
    assert isinstance(call.func, ast.Attribute)
    return call.func.attr


def _docstrings(tree: ast.Module) -> Iterator[ast.Constant]:
    """Strings that stand alone: docstrings, and the notes under constants."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            yield node.value
