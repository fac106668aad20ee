"""What never gets past the server (G8, RULES 34)."""

import pytest

from modori.capture.scrubbing import (
    forbidden_kind,
    is_card_number,
    is_card_number_alone,
    may_hold_card_number,
    scrub_field,
    scrub_input_name,
)


@pytest.mark.parametrize(
    ("text", "typed", "anywhere"),
    [
        ("4111111111111111", True, True),
        ("4111 1111 1111 1111", True, True),
        ("4111-1111-1111-1111", True, True),
        ("４１１１ー１１１１ー１１１１ー１１１１", True, True),  # full width
        ("カード 4111_1111.1111/1111 です", True, True),
        ("4111 - 1111 - 1111 - 1111", True, False),  # more between its groups than any form prints
        ("4111\u200b\u200b\u200b1111\u200b11111111", True, False),
        ("4111一1111一1111一1111", True, False),  # the numeral one for a dash
        ("٤١١١١١١١١١١١١١١١", True, True),  # digits of other scripts
        ("४१११ ११११ ११११ ११११", True, True),
        ("378282246310005", True, True),  # 15 digits
        ("30569309025904", True, True),  # 14 digits
        ("3530111333300000", True, True),  # JCB
        ("4222222222222", True, False),  # 13 digits: no longer issued, and a JAN code's length
        ("4111111111111112", True, False),  # no card, but 13 of its digits might be: careful where people type
        ("4111111111112", False, False),  # 13 digits, and Luhn does not hold
        ("99941111111111111111", True, False),  # hidden in a longer run: careful where people type
        ("2026112100001234", True, False),  # an order number
        ("2026-11-21 4111 1111 1111 1111", True, True),  # other groups before it do not hide it
        ("会員 12 4111111111111111", True, True),
        ("4111111111111111 12/29 123", True, True),
        ("https://s.example/thanks/%204111111111111111", True, True),
        ("https://s.example/%34111111111111111", True, True),  # its first digit escaped
        ("1234 5678 9012 3456 7890 1234", True, False),
        ("411111111111", False, False),  # 12 digits
        ("090-1234-5678", False, False),
        ("〒150-0001 東京都渋谷区1-2-3", False, False),
        ("", False, False),
    ],
)
def test_g8_card_numbers(text: str, typed: bool, anywhere: bool) -> None:
    assert may_hold_card_number(text) is typed
    assert is_card_number(text) is anywhere


@pytest.mark.parametrize(
    ("visitor", "is_card"),
    [
        ("4111111111111111", True),
        ("4111-1111_1111-1111", True),
        ("a4111111111111111", False),  # random ids hold such digits by chance
        ("4111111111111112", False),
    ],
)
def test_g8_a_visitor_id_that_is_a_card_number(visitor: str, is_card: bool) -> None:
    assert is_card_number_alone(visitor) is is_card


@pytest.mark.parametrize("name", ["cc-number", "cc-csc", "CC-EXP", "new-password", "current-password", "one-time-code"])
def test_g8_forbidden_fields(name: str) -> None:
    assert forbidden_kind(name) is not None


@pytest.mark.parametrize("name", ["email", "tel", "postal-code", "accent"])
def test_other_fields_are_not_forbidden(name: str) -> None:
    assert forbidden_kind(name) is None


def test_g8_links_typed_into_names_are_dropped() -> None:
    assert scrub_field("name", "山田 https://evil.example/x 花子") == "山田 花子"
    assert scrub_field("given-name", "www.evil.example") == ""
    assert scrub_field("email", " hanako@example.jp ") == "hanako@example.jp"


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("your-name", "your-name"),
        ("order[zip01]", "order[zip01]"),
        ("input_123456", "input_123456"),  # six digits are an index
        ("input_1234567", "input_•••"),  # seven may be a telephone number
        ("tel_０９０１２３４５６７８", "tel_•••"),
        ("order[hanako@example.jp]", "•••"),
        ("card-4111-1111-1111-1111", "•••"),
        ("", ""),
    ],
)
def test_names_of_inputs_lose_what_could_be_somebodys(name: str, kept: str) -> None:
    assert scrub_input_name(name) == kept
