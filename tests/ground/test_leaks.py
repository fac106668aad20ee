"""A test that looks for a few digits looks beside ids: one in some dozens of runs would find them there."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

SHORT = re.compile(r"(?=.*\d)[0-9a-f]{2,6}")
TESTS = Path(__file__).parents[1]


def short(looked_for: ast.expr) -> bool:
    return any(
        isinstance(one, ast.Constant) and isinstance(one.value, str) and SHORT.fullmatch(one.value) is not None
        for one in ast.walk(looked_for)
    )


def refusals(node: ast.AST) -> Iterator[ast.Compare]:
    for inner in ast.walk(node):
        if isinstance(inner, ast.Compare) and isinstance(inner.ops[0], ast.NotIn):
            yield inner


def searches(tree: ast.AST) -> Iterator[tuple[ast.expr, ast.Compare]]:
    """Yield what is looked for with each "not in": itself, and what the loops around it go through."""
    for compare in refusals(tree):
        yield compare.left, compare
    for loop in ast.walk(tree):
        if isinstance(loop, ast.For):
            for compare in refusals(loop):
                if ast.unparse(compare.left) == ast.unparse(loop.target):
                    yield loop.iter, compare


def test_a_few_digits_are_looked_for_beside_ids() -> None:
    careless = [
        f"{path.relative_to(TESTS)}:{compare.lineno}"
        for path in sorted(TESTS.rglob("*.py"))
        for looked_for, compare in searches(ast.parse(path.read_text(encoding="utf-8")))
        if short(looked_for) and "without_ids" not in ast.unparse(compare.comparators[0])
    ]
    assert careless == []
