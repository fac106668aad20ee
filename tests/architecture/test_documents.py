"""The documents say what the code does: whatever they name by name exists, and what must be named is."""

import ast
import importlib
import re
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path

import pytest

from modori.entrypoints import tables
from modori.entrypoints.queries import Backlog
from modori.entrypoints.settings import PREFIX, Settings
from modori.entrypoints.wiring import FOLLOWERS, jobs, scans
from tests.architecture.lints import CHECKOUT, PACKAGE

DOCUMENTS = ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/security.md", "docs/runbook.md")
GUARANTEES = [f"G{number}" for number in range(1, 15)]
FOLDERS = ("platform", "operator_ui", "client_sdk", "tests", "docker", "docs", ".ci")
MADE_BY_HAND_OR_BUILD = (
    "client_sdk/dist/modori.js",
    "docker/modori.env",
    "docker/modori.owner.env",
    "docker/postgres_password",
)
"""Files that documents name and a clone does not hold."""

ROOMS = sorted(one.name for one in PACKAGE.iterdir() if (one / "__init__.py").is_file())


def read(name: str) -> str:
    return (CHECKOUT / name).read_text()


def in_code(text: str) -> Iterator[str]:
    """Find what a document sets in backticks, and the lines of its fenced blocks."""
    for block in re.findall(r"^```\w*\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        yield from block.splitlines()
    yield from re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL))


def section(text: str, heading: str) -> str:
    """Return what stands under a heading, up to the next of its own or a higher rank."""
    level = heading.split(" ")[0]
    found = re.search(rf"^{re.escape(heading)}\n(.*?)(?=^#{{1,{len(level)}}} |\Z)", text, re.MULTILINE | re.DOTALL)
    assert found, f"no heading {heading!r}"
    return found[1]


def first_cells(table: str) -> list[str]:
    return re.findall(r"^\| `?([^`|]+?)`? \|", table, re.MULTILINE)


def states_of_the_code() -> dict[str, set[str]]:
    """Name every state machine of the tables' modules, with its states."""
    return {
        name: {str(one) for one in found}
        for module in tables.ROOMS
        for name, found in vars(module).items()
        if isinstance(found, type)
        and issubclass(found, StrEnum)
        and found.__module__ == module.__name__
        and name.endswith(("State", "ReportStatus"))
    }


def known_tests() -> dict[str, str]:
    """Name every test function, with its file."""
    return {
        node.name: str(path.relative_to(CHECKOUT))
        for path in sorted((CHECKOUT / "tests").rglob("test_*.py"))
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }


def test_the_map_of_rooms_is_the_package() -> None:
    assert sorted(first_cells(section(read("ARCHITECTURE.md"), "## Rooms"))[1:]) == ROOMS


def test_every_state_machine_is_drawn() -> None:
    drawn = re.findall(r"^### `(\w+)`", section(read("ARCHITECTURE.md"), "## State machines"), re.MULTILINE)
    assert sorted(drawn) == sorted(states_of_the_code())


@pytest.mark.parametrize("name", sorted(states_of_the_code()))
def test_a_diagram_has_the_states_of_its_enum(name: str) -> None:
    text = section(read("ARCHITECTURE.md"), "## State machines")
    start = text.index(f"### `{name}`")
    diagram = re.search(r"```mermaid\n(.*?)```", text[start:], re.DOTALL)
    assert diagram
    edges = re.findall(r"^\s*(\S+) --> (\w+|\[\*\])", diagram[1], re.MULTILINE)
    drawn = {state for edge in edges for state in edge} - {"[*]"}
    assert drawn == states_of_the_code()[name]


def test_every_guarantee_has_its_row_and_a_test_with_its_number() -> None:
    rows = first_cells(section(read("ARCHITECTURE.md"), "## Guarantees"))[1:]
    assert rows == GUARANTEES
    known = list(known_tests())
    missing = [one for one in GUARANTEES if not any(f"_{one.lower()}_" in name for name in known)]
    assert missing == []


@pytest.mark.parametrize("guarantee", GUARANTEES)
def test_a_guarantees_row_names_a_test_of_that_guarantee(guarantee: str) -> None:
    row = re.search(rf"^\| {guarantee} \|.*$", read("ARCHITECTURE.md"), re.MULTILINE)
    assert row
    assert re.search(rf"`test_\w*{guarantee.lower()}_\w+`", row[0])


def test_the_topics_of_the_map_are_those_of_the_wiring() -> None:
    table = section(read("ARCHITECTURE.md"), "## Promises and scans")
    assert [one for one in first_cells(table) if re.fullmatch(r"[a-z]+\.[a-z]+", one)] == list(FOLLOWERS)


def test_every_scan_is_listed() -> None:
    table = section(read("ARCHITECTURE.md"), "## Promises and scans")
    assert [one.name for one in scans(Settings()) if f"| {one.name} |" not in table] == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_tests_that_a_document_names_exist(document: str) -> None:
    named = {one for one in in_code(read(document)) if re.fullmatch(r"test_\w+", one)}
    assert named - set(known_tests()) == set()


@pytest.mark.parametrize("document", DOCUMENTS)
def test_files_that_a_document_names_exist(document: str) -> None:
    missing = []
    for word in (word for line in in_code(read(document)) for word in re.split(r"[\s,;()]+", line)):
        if word.rstrip("/") in MADE_BY_HAND_OR_BUILD or set(word) & set("*{}<>$…"):
            continue
        is_ours = word.startswith(tuple(f"{one}/" for one in FOLDERS))
        is_in_room = "/" in word and word.split("/")[0] in ROOMS and word.endswith((".py", "/"))
        if is_ours and not (CHECKOUT / word).exists():
            missing.append(word)
        if is_in_room and not (PACKAGE / word).exists():
            missing.append(word)
    links = re.findall(r"\]\(([\w./-]+)\)", read(document))
    missing += [one for one in links if not (CHECKOUT / Path(document).parent / one).exists()]
    assert missing == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_functions_that_a_document_names_exist(document: str) -> None:
    """`leads.actions.make_lead`, `leads.actions`, or a job as work rows call it: a room first."""
    missing = []
    for word in in_code(read(document)):
        name = word.removesuffix("()")
        if re.fullmatch(r"\w+(\.\w+)+", name) and name.split(".")[0] in ROOMS and not (name in jobs() or _exists(name)):
            missing.append(word)
    assert missing == []


def _exists(name: str) -> bool:
    parts = name.split(".")
    for depth in range(len(parts), 0, -1):
        try:
            found: object = importlib.import_module(".".join(["modori", *parts[:depth]]))
        except ModuleNotFoundError:
            continue
        for part in parts[depth:]:
            found = getattr(found, part, None)
        return found is not None
    return False


@pytest.mark.parametrize("document", DOCUMENTS)
def test_commands_that_a_document_names_exist(document: str) -> None:
    targets = set(re.findall(r"^([a-z]+):.*##", read("Makefile"), re.MULTILINE))
    commands = set(re.findall(r'add\("(\w+)"', (PACKAGE / "entrypoints" / "cli.py").read_text()))
    for line in in_code(read(document)):
        assert set(re.findall(r"^\s*make ([a-z]+)", line)) <= targets, line
        assert set(re.findall(r"^\s*(?:\.venv/bin/)?modori ([a-z]+)", line)) <= commands, line


@pytest.mark.parametrize("document", DOCUMENTS)
def test_settings_that_a_document_names_exist(document: str) -> None:
    named = set(re.findall(rf"{PREFIX}[A-Z_]+", read(document))) - {"MODORI_CHAOS_LEADS"}
    assert named - {f"{PREFIX}{name.upper()}" for name in Settings.model_fields} == set()


def test_the_runbook_explains_every_metric() -> None:
    counted = {
        name
        for path in PACKAGE.rglob("*.py")
        if "sandbox" not in path.parts
        for name in re.findall(r'(?:Counter|Histogram|GaugeMetricFamily)\(\s*"(modori_\w+)"', path.read_text())
    }
    waiting = {f"modori_waiting_{name}" for name in Backlog._fields}
    explained = set(re.findall(r"`(modori_[a-z_]+)`", read("docs/runbook.md")))
    assert explained - {"modori_owner", "modori_app", "modori_scan"} == counted | waiting


def test_the_runbook_explains_every_log_event() -> None:
    logged = {
        name
        for path in PACKAGE.rglob("*.py")
        for name in re.findall(r'\b(?:log\.(?:info|warning|error)|say)\(\s*"([a-z]+\.[a-z_]+)"', path.read_text())
    }
    assert logged  # the pattern still finds them
    assert [one for one in sorted(logged) if f"`{one}`" not in read("docs/runbook.md")] == []
