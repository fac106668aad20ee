"""Money: an integer in the currency's minor unit (G10), and the conversion from the wire's major units."""

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Final

from babel.core import get_global

from modori.kernel.errors import BadAmount, UnknownCurrency

MAX_MINOR = 10**13 - 1
"""Refuse amounts above this: no cart is worth ¥10,000,000,000,000, bigint must never overflow in a sum, and no
amount may have as many digits as a card number (G8)."""


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in the minor unit of its currency: ¥4,980 is Money(4980, "JPY"), $49.80 is Money(4980, "USD")."""

    minor: int
    currency: str

    def __neg__(self) -> "Money":
        return Money(-self.minor, self.currency)

    def major(self) -> Decimal:
        """Return the amount in the major unit, exact."""
        return Decimal(self.minor).scaleb(-minor_digits(self.currency))


def is_currency(code: str) -> bool:
    """Say whether this is an ISO 4217 code, in capitals. source: Unicode CLDR"""
    return code in get_global("all_currencies")


@lru_cache(maxsize=500)
def minor_digits(currency: str) -> int:
    """Say how many decimals a currency has: 0 for JPY, 2 for USD.

    raises  UnknownCurrency unless `currency` is an ISO 4217 code in capitals
    source  Unicode CLDR, supplemental currency data
    """
    if not is_currency(currency):
        raise UnknownCurrency(field="currency")
    fractions = get_global("currency_fractions")
    digits: int = fractions.get(currency, fractions["DEFAULT"])[0]
    return digits


def from_major(amount: int | float | str | Decimal, currency: str, *, field: str = "value") -> Money:
    """Convert an amount of the wire (4980, 49.80) once, at the edge.

    A JSON number arrives as a float; its shortest text form is what the sender wrote.
    field   where the amount stood, for whoever has to mend it: a refusal names that and the rule, never what was sent
    raises  BadAmount for what is no finite number, is negative, is larger than MAX_MINOR
            or has more decimals than the currency; UnknownCurrency
    """
    if isinstance(amount, bool):
        raise BadAmount(_NUMBER, field=field)
    digits = minor_digits(currency)
    if isinstance(amount, int):
        minor_units = amount * 10**digits
        if not 0 <= minor_units <= MAX_MINOR:
            raise BadAmount(_NEGATIVE if amount < 0 else _LARGE, field=field)
        return Money(minor_units, currency)
    try:
        value = Decimal(str(amount))
    except InvalidOperation as error:
        raise BadAmount(_NUMBER, field=field) from error
    if not value.is_finite():
        raise BadAmount(_NUMBER, field=field)
    if value < 0:
        raise BadAmount(_NEGATIVE, field=field)
    if value > MAX_MINOR:
        raise BadAmount(_LARGE, field=field)
    whole = value.quantize(_UNITS[digits])
    if whole != value:  # exact, however many decimals were sent; arithmetic would round to 28 digits first
        most = f"at most {digits} decimals" if digits else "no decimals"
        raise BadAmount(f"An amount in {currency} has {most}.", field=field)
    minor = int(whole.scaleb(digits))
    if minor > MAX_MINOR:
        raise BadAmount(_LARGE, field=field)
    return Money(minor, currency)


_UNITS: Final = tuple(Decimal(1).scaleb(-digits) for digits in range(5))
"""The minor unit by how many decimals a currency has: 4 at most (ISO 4217)."""
_NUMBER: Final = "An amount is a finite number."
_NEGATIVE: Final = "An amount is zero or more."
_LARGE: Final = "An amount is less than ten trillion of its currency's minor unit."
