"""STYLE's own lints over the package, and proof that each of them can fail."""

import ast
import subprocess
import sys

import pytest

from tests.architecture import lints
from tests.architecture.lints import CHECKOUT, LINTS, PACKAGE, Lint, Source


@pytest.mark.parametrize("lint", LINTS, ids=lambda lint: lint.__name__)
def test_the_package_keeps(lint: Lint) -> None:
    found = [f"platform/modori/{source.path}:{wrong}" for source in lints.sources() for wrong in lint(source)]
    assert not found, "\n" + "\n".join([lint.__doc__ or "", *found])


@pytest.mark.parametrize(
    ("lint", "path", "text"),
    [
        (lints.commits_outside_storage, "leads/actions.py", "session.commit()"),
        (lints.queries_outside_queries, "leads/actions.py", "select(Lead)"),
        (lints.queries_outside_queries, "console/leads.py", "session.execute(text('x'))"),
        (lints.queries_outside_queries, "console/leads.py", "session.exec(query)"),
        (lints.messages_outside_background, "leads/jobs.py", "settle.send('1')"),
        (lints.messages_outside_background, "entrypoints/wiring.py", "broker.enqueue(message)"),
        (lints.actors_at_import, "leads/jobs.py", "@dramatiq.actor(max_retries=0)\ndef f(): ..."),
        (lints.actors_at_import, "leads/jobs.py", "@actor\ndef f(): ..."),
        (lints.html_in_strings, "console/leads.py", "x = f'<b>{name}</b>'"),
        (lints.html_in_strings, "console/leads.py", "x = '<a href=\"/\">'"),
        (lints.impure_rules, "leads/rules.py", "from sqlmodel import Session"),
        (lints.impure_rules, "leads/rules.py", "from modori.leads import queries"),
        (lints.impure_rules, "leads/rules.py", "from modori.kernel.clock import now"),
        (lints.impure_rules, "leads/rules.py", "from modori.kernel import clock"),
        (lints.impure_rules, "leads/rules.py", "import random"),
        (lints.impure_rules, "leads/rules.py", "datetime.now(UTC)"),
        (lints.vague_names, "leads/utils.py", ""),
        (lints.vague_names, "leads/scoring_v2.py", ""),
        (lints.vague_names, "leads/actions.py", "class LeadManager: ..."),
        (lints.promises_to_do, "leads/actions.py", "x = 1  # TODO later"),
    ],
)
def test_a_lint_sees(lint: Lint, path: str, text: str) -> None:
    assert list(lint(Source.parse(path, text)))


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("storage/db.py", "session.commit()"),
        ("leads/queries.py", "session.exec(select(Lead))"),
        ("background/relay.py", "actor.send('1')"),
        ("console/leads.py", '"""Answers a `<b>` of rows."""\nx = 1 < b > 2'),
        ("leads/rules.py", "from datetime import datetime\nfrom modori.kernel.money import Money"),
        ("leads/actions.py", "class Database: ..."),
    ],
)
def test_no_lint_minds(path: str, text: str) -> None:
    source = Source.parse(path, text)
    assert [wrong for lint in LINTS for wrong in lint(source)] == []


def test_platform_is_a_shelf_and_no_package() -> None:
    assert not (CHECKOUT / "platform" / "__init__.py").exists()
    where = subprocess.run(
        [sys.executable, "-c", "import platform, uuid; print(platform.__file__)"],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert str(CHECKOUT) not in where


def test_every_room_says_what_it_is_for() -> None:
    rooms = [path for path in PACKAGE.iterdir() if path.is_dir() and path.name not in {"__pycache__", "_assets"}]
    silent = [
        room.name
        for room in rooms
        if not (room / "__init__.py").exists() or not ast.get_docstring(ast.parse((room / "__init__.py").read_text()))
    ]
    assert silent == []
