"""What a text costs to be read grows with its length, whatever somebody has made up: one event loop reads for all."""

from collections.abc import Callable
from time import process_time

import pytest

from modori.capture.pages import mask_contacts
from modori.capture.scrubbing import forbidden_kind, is_card_number, may_hold_card_number
from modori.kernel.names import without_links

SIGNS = 100_000
"""Of one text: fifty times what comes, so that what grows with the square takes minutes."""


@pytest.mark.parametrize(
    ("reads", "repeated"),
    [
        pytest.param(without_links, "a.", id="labels of a name"),
        pytest.param(without_links, "a.com-", id="labels that are nearly a domain"),
        pytest.param(without_links, "a-a:", id="schemes"),
        pytest.param(without_links, "a+", id="a scheme without its end"),
        pytest.param(mask_contacts, "%40", id="escaped at signs"),
        pytest.param(forbidden_kind, "csc-", id="security codes"),
        pytest.param(forbidden_kind, "passwd", id="passwords"),
        pytest.param(may_hold_card_number, "1", id="digits of which no row passes Luhn"),
        pytest.param(is_card_number, "4 ", id="groups of one digit"),
    ],
)
def test_a_text_costs_as_much_as_it_is_long(reads: Callable[[str], object], repeated: str) -> None:
    text = "x" + repeated * (SIGNS // len(repeated)) + "\n:"
    began = process_time()
    reads(text)
    assert process_time() - began < 1.0
