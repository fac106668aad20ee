"""People of the past week who left the demo's checkout without a trace that leads to them: data for `seed_history`."""

from dataclasses import dataclass
from typing import Any, Final

INPUTS: Final = (
    ("email", "email", "taken"),
    ("tel", "tel", "taken"),
    ("family-name", "family-name", "taken"),
    ("given-name", "given-name", "taken"),
    ("postal-code", "postal-code", "taken"),
    ("prefecture", "address-level1", "taken"),
    ("address", "address-line1", "taken"),
    ("card-number", None, "card"),
    ("password", None, "password"),
    ("optin-email", None, "type"),
    ("optin-sms", None, "type"),
    ("optin-call", None, "type"),
)
"""The checkout's inputs, as the tag surveys them: name, token, why."""
ORDER: Final = tuple(token for _, token, why in INPUTS if token and why == "taken")
TYPED: Final = {
    "family-name": "佐藤",
    "given-name": "花",
    "postal-code": "231-0023",
    "address-level1": "神奈川県",
    "address-line1": "山下町1-1",
}
"""What passers-by type. No address and no number: nobody could write to them."""


@dataclass(frozen=True)
class Passer:
    """One person who left at a field, after so many milliseconds and corrections in it."""

    days_ago: int
    minute: int
    last_field: str
    ms: int
    edits: int = 0


PASSERS: Final = tuple(
    Passer(days_ago=number % 7, minute=3 + 2 * number, last_field=field, ms=ms, edits=edits)
    for number, (field, ms, edits) in enumerate(
        (
            ("tel", 21_400, 2),
            ("tel", 17_900, 1),
            ("postal-code", 12_300, 1),
            ("tel", 26_100, 3),
            ("address-line1", 31_000, 0),
            ("tel", 14_800, 0),
            ("family-name", 4_100, 0),
            ("address-line1", 28_700, 2),
            ("tel", 19_200, 1),
            ("postal-code", 9_800, 0),
            ("tel", 22_500, 1),
            ("address-level1", 6_400, 0),
            ("address-line1", 35_600, 1),
            ("tel", 16_300, 0),
            ("given-name", 3_900, 0),
            ("postal-code", 14_100, 2),
            ("tel", 24_000, 2),
            ("address-line1", 27_200, 0),
        )
    )
)


def survey() -> list[dict[str, Any]]:
    """Say which inputs the checkout has, as the tag does with a form's first event."""
    return [{"field": field, "token": token, "why": why} for field, token, why in INPUTS]


def times(last_field: str, *, ms: int, edits: int) -> dict[str, dict[str, int]]:
    """Say how long each field up to the last one had the focus."""
    reached = ORDER[: ORDER.index(last_field) + 1]
    spent = {token: {"ms": 2500 + 700 * place, "edits": 0} for place, token in enumerate(reached)}
    return spent | {last_field: {"ms": ms, "edits": edits}}


def form_of(passer: Passer) -> dict[str, Any]:
    """Return the newest form event of somebody who left."""
    reached = ORDER[: ORDER.index(passer.last_field) + 1]
    return {
        "form": "checkout",
        "fields": {token: TYPED[token] for token in reached if token in TYPED},
        "last_field": passer.last_field,
        "progress": round(len(reached) / len(ORDER), 2),
        "survey": survey(),
        "times": times(passer.last_field, ms=passer.ms, edits=passer.edits),
    }
