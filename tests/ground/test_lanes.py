"""The order in which several workers are given the tests."""

import pytest

from tests.lanes import lay_out

BROWSER = ["tests/browser/test_console.py"] * 3 + ["tests/browser/test_story.py"] * 2
PROCESSES = ["tests/chaos/test_chaos.py"] * 2 + ["tests/ground/test_demo.py"] * 2
SMALL = ["tests/rules/test_gate.py"] * 40
FILES = [*BROWSER, *PROCESSES, *SMALL]


@pytest.mark.parametrize("workers", [1, 2, 3, 4, 50])
@pytest.mark.parametrize("files", [FILES, SMALL, BROWSER, PROCESSES, []])
def test_every_test_is_listed_once(files: list[str], workers: int) -> None:
    assert sorted(lay_out(files, workers)) == list(range(len(files)))


def test_one_worker_keeps_the_order() -> None:
    assert lay_out(FILES, 1) == list(range(len(FILES)))


@pytest.mark.parametrize("workers", [2, 3])
def test_each_part_begins_with_what_takes_long(workers: int) -> None:
    listed = [FILES[place] for place in lay_out(FILES, workers)]
    second = len(FILES) // workers
    assert listed[:6] == [*BROWSER[3:], *BROWSER[:3], SMALL[0]]
    assert listed[second : second + 5] == [*PROCESSES[2:], *PROCESSES[:2], SMALL[0]]


def test_a_file_stays_together() -> None:
    files = [f"tests/browser/test_{name}.py" for name in ("story", "console", "forms") for _ in range(4)]
    listed = [files[place] for place in lay_out(files, 2)]
    assert [file for number, file in enumerate(listed) if number == 0 or listed[number - 1] != file] == [
        "tests/browser/test_story.py",
        "tests/browser/test_forms.py",
        "tests/browser/test_console.py",
    ]
