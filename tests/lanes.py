"""Which tests run beside which, where several workers share one run (pytest-xdist, `--dist worksteal`).

A worker is given an equal part of the list, front to back, and takes from the end of another's when it has none left.
So the list is laid out in as many parts as there are workers. Tests in a browser stand at the front of the first: they
mostly wait, no two of them wait at once for one processor, and nobody waits for the longest at the end. Tests of whole
processes stand at the front of the second. The many small ones fill up, and are what is taken from a part's end.
"""

from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Final

FRONTS: Final = (
    ("tests/browser/test_story.py", "tests/browser/test_forms.py", "tests/browser/test_sdk_visits.py", "tests/browser"),
    ("tests/ground", "tests/background", "tests/contracts", "tests/chaos"),
)
"""For each part what stands at its front: files or folders, in this order."""


def lay_out(files: Sequence[str], workers: int) -> list[int]:
    """Return the tests' places in the order in which they are to be listed.

    files    each test's file, in the order of collection
    workers  how many parts there are
    """
    fronts = FRONTS[:workers] if workers > 1 else ()
    held: list[list[int]] = [
        [place for wanted in front for place, file in enumerate(files) if _first(file, front) == wanted]
        for front in fronts
    ]
    in_front = {place for part in held for place in part}
    rest = iter([place for place in range(len(files)) if place not in in_front])
    listed: list[int] = []
    for number in range(workers):
        part = list(held[number]) if number < len(held) else []
        size = (len(files) - len(listed)) // (workers - number)  # as worksteal divides them
        while len(part) < size and (place := next(rest, None)) is not None:
            part.append(place)
        listed += part
    return [*listed, *rest]


def _first(file: str, front: Sequence[str]) -> str | None:
    """Return the first word of `front` that names the file or a folder that it is in."""
    path = PurePosixPath(file)
    return next((word for word in front if path.is_relative_to(word)), None)
