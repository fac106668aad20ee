"""The console's words: nothing unsaid in either language, no state without a name, no template with a loose end."""

import re

import pytest
from jinja2 import meta

from modori.calls import desk, errors
from modori.calls.errors import NotYours
from modori.connectors.csv.columns import COLUMNS, plain
from modori.connectors.csv.model import UploadKind
from modori.console import explain
from modori.console.labels import LABELS, TONES
from modori.console.pages import environment
from modori.console.speaker import Speaker
from modori.console.upload_words import Words
from modori.console.views.calls import PROBLEMS
from modori.entrypoints import resources
from modori.kernel.errors import ModoriError
from modori.outreach.model import Purpose
from modori.sending.rules import HOLDS, Reason, Subject
from tests.catalogue import CHECKOUT, read_catalogue, used_messages
from tests.world import NOW

UI = resources.operator_ui()
TEMPLATES = sorted(
    path.relative_to(UI).as_posix() for path in (UI / "console").rglob("*") if path.suffix in (".html", ".txt")
)
NAMES_IN_VALUES = re.compile(r"%\((\w+)\)s")
SAME_IN_BOTH = {"SMS", "LINE"}


def test_everything_that_is_said_is_said_in_japanese() -> None:
    catalogue = read_catalogue("ja")
    said = {message.id for message in catalogue if message.string}
    unsaid = {message: place for message, place in used_messages().items() if message not in said}
    assert unsaid == {}, "run python -m tests.catalogue, then say these in Japanese"


def test_no_catalogue_holds_what_nobody_says() -> None:
    used = used_messages()
    for locale in ("ja", "en"):
        held = {message.id for message in read_catalogue(locale) if message.id}
        assert held == set(used), f"run python -m tests.catalogue ({locale})"


def test_translations_keep_the_values_of_their_messages() -> None:
    for message in read_catalogue("ja"):
        if message.id:
            said, meant = str(message.string), str(message.id)
            assert set(NAMES_IN_VALUES.findall(said)) == set(NAMES_IN_VALUES.findall(meant)), meant
            assert said != meant or meant in SAME_IN_BOTH, f"not translated: {meant}"


@pytest.mark.parametrize(
    "message",
    [
        "Kept, with a reservation",
        "Kept, without effect on bills yet",
        "Kept: it stops messages, and does not bill until it is sent right.",
        "The order is not known yet. The return is kept and applied when the order comes.",
    ],
)
def test_a_kept_row_of_a_file_is_called_alike_wherever_it_is_named(message: str) -> None:
    assert "暫定登録" in str(read_catalogue("ja")[message].string)


def test_a_dry_run_does_not_say_that_a_row_was_kept() -> None:
    said = str(read_catalogue("ja")["Kept: it stops messages, and does not bill until it is sent right."].string)
    assert "しました" not in said


def test_no_template_ends_a_translated_sentence_by_itself() -> None:
    ended = {
        path.name: found
        for path in (CHECKOUT / "operator_ui" / "console").rglob("*.html")
        if (found := re.findall(r"\{\{ _\([^{}]*\) \}\}[.,]\s", path.read_text()))
    }
    assert ended == {}


def test_every_state_has_a_name() -> None:
    for states, names in LABELS.items():
        assert {one.value for one in states} == set(names), states
    for states, tones in TONES.items():
        assert set(tones) <= {one.value for one in states}, states
        assert set(tones.values()) <= {"good", "warn", "bad", "live"}
    assert set(explain.REASONS) == set(Reason)
    assert set(explain.SUBJECTS) == set(Subject)
    assert Purpose in LABELS


@pytest.mark.parametrize("subject", Subject)
@pytest.mark.parametrize("reason", Reason)
def test_only_what_names_its_instant_is_said_to_wait_for_one(subject: Subject, reason: Reason) -> None:
    english = Speaker("en", "UTC", NOW, lambda message, **values: message % values if values else message)
    receipt = {"verdict": "defer", "subject": subject, "reason": reason, "channel": "sms", "until_at": NOW}
    said = explain.verdict_line(receipt, english)
    is_hold = subject == Subject.TOUCH and reason in HOLDS
    assert ("looked at again every 5 minutes" in said) is is_hold
    assert ("not before" in said) is not is_hold


def test_every_refusal_of_the_desk_is_explained() -> None:
    named = [one for room in (errors, desk) for one in vars(room).values() if isinstance(one, type)]
    codes = {one.code for one in named if issubclass(one, ModoriError) and one.__module__.startswith("modori.calls")}
    assert NotYours.code in codes
    assert codes <= set(PROBLEMS)


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_template_says_what_it_needs(name: str) -> None:
    source = (UI / name).read_text()
    assert source.startswith("{# " + name.removeprefix("console/")), "its first comment names it and what it needs"
    assert len(source.splitlines()) <= 150
    header = source.split("#}")[0]
    tree = environment(UI, "ja").parse(source)
    given = _given_by_every_page() | _words(header)
    assert meta.find_undeclared_variables(tree) - given - _known_globals() == set()


def test_no_template_lies_about_unused() -> None:
    """Each is a page that a view renders, or a part of another."""
    python = "\n".join(path.read_text() for path in (CHECKOUT / "platform/modori/console").rglob("*.py"))
    html = "\n".join((UI / name).read_text() for name in TEMPLATES)
    for name in TEMPLATES:
        short = name.removeprefix("console/")
        used = f'"{short}"' in python or f'"{name}"' in python or f'"{name}"' in html or short.startswith("mail/")
        assert used, f"nobody uses {name}"


@pytest.mark.parametrize("name", TEMPLATES)
def test_markup_runs_nothing_and_styles_nothing_inline(name: str) -> None:
    source = (UI / name).read_text()
    assert not re.search(r"\son\w+\s*=", source), "an inline handler would be refused by the browser"
    assert not re.search(r"\sstyle\s*=", source)
    assert "hx-on" not in source
    assert "| safe" not in source
    assert not re.search(r"<script(?![^>]*\ssrc=)", source.replace("&lt;script", ""))


def test_a_swapped_part_has_one_root_with_its_id() -> None:
    for name in TEMPLATES:
        if re.search(r"/_row\.html$", name):
            body = (UI / name).read_text().split("#}", 1)[1]
            body = re.sub(r"\{% import .*? %\}\n?", "", body).strip()
            assert re.match(r'<tr id="[a-z]+-\{\{', body), name
            assert body.endswith("</tr>"), name


def _given_by_every_page() -> set[str]:
    return {"ui", "viewer", "may", "csrf_token", "locale", "zone", "now", "here_path"}


def _words(header: str) -> set[str]:
    return set(re.findall(r"\w+", header))


def _known_globals() -> set[str]:
    return set(environment(UI, "ja").globals) | {"caller"}


@pytest.mark.parametrize("kind", [kind.value for kind in UploadKind])
def test_a_files_column_may_be_headed_by_what_japanese_pages_call_it(kind: str) -> None:
    said = {str(message.id): str(message.string) for message in read_catalogue("ja")}
    words = Words(lambda text: said[text], UploadKind(kind))
    for column in COLUMNS[kind]:
        assert not column.required or plain(words.field(column.field)) in column.names, column.field
