"""Read what a form posted, and say what is wrong with it beside the fields."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, Protocol

from fastapi import Depends, Request
from pydantic import ValidationError

from modori.console.words import say
from modori.kernel.errors import ModoriError

MOST_FIELDS: Final = 200
LONGEST: Final = 10_000

WRONG: Final[Mapping[str, str]] = {
    "missing": say("Fill this in."),
    "too_short": say("Fill this in."),
    "string_too_short": say("Fill this in."),
    "string_too_long": say("This is too long."),
    "greater_than_equal": say("This is too small."),
    "less_than_equal": say("This is too large."),
    "int_parsing": say("Enter a whole number."),
    "string_pattern_mismatch": say("This is not one of the possible values."),
    "bad_bands": say("Enter hours such as 09:00-12:00, 13:00-20:00, in order and without overlap."),
    "beyond_limit": say("This is looser than the agency allows."),
    "unknown_currency": say("There is no such currency."),
    "currency_not_priced": say(
        "No price of messages and calls is set in this currency, so that no limit could be kept."
        " Leave it empty, or have the prices set first."
    ),
    "currency_counted": say(
        "This month is counted in the present currency. Change it next month, before anything is sent."
    ),
    "bad_origin": say("Enter origins such as https://shop.example, one a line."),
    "bad_picture_origin": say("Enter hosts such as cdn.shop.example, one a line; they must answer by https."),
}
FIELD_OF: Final[Mapping[str, list[str]]] = {"bad_origin": ["origins"], "bad_picture_origin": ["picture_origins"]}
"""Fields of refusals that do not name them."""
OTHER: Final = say("This is not possible.")


class Wording(Protocol):
    """Whatever can say a marked message in the reader's language."""

    def word(self, message: str, **values: object) -> str: ...


@dataclass(frozen=True, slots=True)
class FormProblem:
    """What is wrong with a form: one sentence above it, and one beside each field that is concerned."""

    summary: str
    fields: Mapping[str, str]

    @classmethod
    def of(
        cls, error: ValidationError | ModoriError, visit: Wording, *, advice: Mapping[str, str] | None = None
    ) -> "FormProblem":
        """advice: what this form alone says of a code, in the reader's language."""
        advice = advice or {}
        summary = visit.word(say("Nothing was saved."))
        if isinstance(error, ModoriError):
            named = error.extra.get("fields") or FIELD_OF.get(error.code)
            said = advice.get(error.code) or visit.word(WRONG.get(error.code, WRONG["missing"]))
            return cls(summary, dict.fromkeys(map(str, named), said) if isinstance(named, list) else {})
        fields = {}
        for one in error.errors():
            cause = one.get("ctx", {}).get("error")
            code = cause.code if isinstance(cause, ModoriError) else one["type"]
            if one["loc"]:
                name = "_".join(part for part in one["loc"] if isinstance(part, str))
                fields[name] = advice.get(code) or visit.word(WRONG.get(code, OTHER))
        return cls(summary, fields)


async def posted_fields(request: Request) -> dict[str, str]:
    """Read a form's text fields, trimmed, with lines ended by "\\n" alone; of a repeated one the last."""
    form = await request.form(max_fields=MOST_FIELDS)
    return {name: _trimmed(value) for name, value in form.multi_items() if isinstance(value, str)}


def _trimmed(value: str) -> str:
    return value.replace("\r\n", "\n").strip()[:LONGEST]


Posted = Annotated[dict[str, str], Depends(posted_fields)]


def read_form(
    posted: Mapping[str, str], *, numbers: Mapping[str, tuple[str, int]], nullable: Sequence[str] = ()
) -> dict[str, Any]:
    """Read numbers that people type in larger units than we store.

    numbers   stored name → (field's name, how many stored units one typed unit is)
    nullable  stored names that an emptied field sets to None; other empty fields are left out
    """
    given: dict[str, Any] = {}
    for stored, (field, size) in numbers.items():
        typed = posted.get(field)
        if typed is None:
            continue
        if typed == "":
            if stored in nullable:
                given[stored] = None
            continue
        given[stored] = int(typed) * size if typed.isdecimal() and len(typed) < 12 else typed
    return given
