"""Amounts of the wire become minor units once (G10); a refusal says which rule was broken, and never what was sent."""

from decimal import Decimal

import pytest

from modori.kernel.errors import BadAmount, UnknownCurrency
from modori.kernel.money import MAX_MINOR, Money, from_major, minor_digits

Amount = int | float | str | Decimal


@pytest.mark.parametrize(
    ("amount", "currency", "minor"),
    [
        (0, "JPY", 0),
        (4980, "JPY", 4980),
        (4980.0, "JPY", 4980),
        (49.8, "USD", 4980),
        ("49.80", "USD", 4980),
        (Decimal("1.234"), "KWD", 1234),
        (MAX_MINOR, "JPY", MAX_MINOR),
        (Decimal(MAX_MINOR) / 100, "USD", MAX_MINOR),
        (Decimal("4980." + "0" * 40), "JPY", 4980),
        (Decimal("1.2345"), "UYW", 12345),  # no currency has more decimals
        (Decimal("-0"), "JPY", 0),
    ],
)
def test_g10_an_amount_is_an_integer_of_the_minor_unit(amount: Amount, currency: str, minor: int) -> None:
    assert from_major(amount, currency) == Money(minor, currency)


@pytest.mark.parametrize(
    ("amount", "currency", "rule"),
    [
        (True, "JPY", "a finite number"),
        (float("nan"), "JPY", "a finite number"),
        (float("inf"), "JPY", "a finite number"),
        ("東京都千代田区", "JPY", "a finite number"),  # an address in the wrong column
        pytest.param("x" * 40_000, "JPY", "a finite number", id="forty thousand letters"),
        (-1, "JPY", "zero or more"),
        (-0.5, "JPY", "zero or more"),
        (49.8, "JPY", "JPY has no decimals"),
        (49.801, "USD", "USD has at most 2 decimals"),
        (Decimal("4980." + "0" * 40 + "1"), "JPY", "JPY has no decimals"),  # more digits than arithmetic has
        (Decimal("49.80" + "0" * 40 + "1"), "USD", "USD has at most 2 decimals"),
        (Decimal("1E-999999"), "JPY", "JPY has no decimals"),
        (MAX_MINOR + 1, "JPY", "less than ten trillion"),
        pytest.param(10**5000, "JPY", "less than ten trillion", id="more digits than Python writes out"),
        (Decimal(MAX_MINOR + 1) / 100, "USD", "less than ten trillion"),
        (Decimal("1E+999999"), "USD", "less than ten trillion"),  # no room for a larger exponent
    ],
)
def test_a_refused_amount_names_its_rule_and_its_place(amount: Amount, currency: str, rule: str) -> None:
    with pytest.raises(BadAmount) as caught:
        from_major(amount, currency, field="items.3.price")
    assert rule in caught.value.detail
    assert caught.value.extra == {"field": "items.3.price"}
    assert len(caught.value.detail) < 100


@pytest.mark.parametrize("sent", ["jpy", "hanako@example.jp", ""])
def test_a_refused_currency_is_not_repeated(sent: str) -> None:
    with pytest.raises(UnknownCurrency) as caught:
        minor_digits(sent)
    assert caught.value.detail == UnknownCurrency.title
    assert caught.value.extra == {"field": "currency"}
