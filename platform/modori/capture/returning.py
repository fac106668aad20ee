"""What a person who comes back by a link is shown of what was typed: masked, until the contact point is proven."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from modori.kernel.masking import DOTS, mask_email, mask_name, mask_phone

IMPERSONAL: Final = frozenset({"address-level1"})
"""Tokens whose values say of nobody who it is: a prefecture."""
_NAMES: Final = frozenset(
    {"name", "family-name", "given-name", "family-name-kana", "given-name-kana", "name-kana", "organization"}
)
_POSTCODE_SHOWN: Final = 2


@dataclass(frozen=True, slots=True)
class Returned:
    """A form's values by autocomplete token: `fields` may be written back, `masked` only be shown."""

    fields: dict[str, str]
    masked: dict[str, str]


def returned(fields: Mapping[str, str], *, is_proven: bool) -> Returned:
    """Divide what was typed. On another device only what says of nobody who it is comes back (RULES 16).

    is_proven  whoever asks has named the contact point that the link was sent to
    """
    if is_proven:
        return Returned(dict(fields), {})
    return Returned(
        {token: value for token, value in fields.items() if token in IMPERSONAL},
        {token: _mask(token, value) for token, value in fields.items() if token not in IMPERSONAL},
    )


def _mask(token: str, value: str) -> str:
    if token == "email":  # noqa: S105  # an autocomplete token
        return mask_email(value)
    if token == "tel":  # noqa: S105  # an autocomplete token
        digits = value if value.startswith("+") else "+81" + value.replace("-", "").removeprefix("0")
        return mask_phone(digits)
    if token == "postal-code":  # noqa: S105  # an autocomplete token
        return value[:_POSTCODE_SHOWN] + DOTS
    return mask_name(value) if token in _NAMES else DOTS
