"""A round over rows: one that fails keeps nobody waiting, and is not forgotten."""

import pytest

from modori.background.each import for_each
from modori.background.work import describe


def test_every_row_has_its_turn_and_what_failed_is_said() -> None:
    done: list[int] = []

    def do(row: int) -> None:
        if row % 2:
            raise ValueError(row)
        done.append(row)

    with pytest.raises(ExceptionGroup) as caught:
        for_each(range(5), do, failing="odd ones")
    assert done == [0, 2, 4]
    assert [str(one) for one in caught.value.exceptions] == ["1", "3"]
    assert describe(caught.value).startswith("ValueError"), "the log names what failed, not the group"


def test_how_many_were_done_is_counted() -> None:
    assert for_each("abc", str.upper, failing="none") == 3
    assert for_each([], str.upper, failing="none") == 0
