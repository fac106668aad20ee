"""The figures of a policy in the units that people type: a site's, the agency's, a client's."""

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from modori.connectors.csv.tables import CellFault, read_amount
from modori.console.speaker import Speaker
from modori.console.words import say
from modori.kernel.errors import BadAmount
from modori.kernel.money import Money, from_major, minor_digits
from modori.tenants.rules import LEAST, LIMITS, most_spend_minor

MINUTE, HOUR = 60, 3600


class Figure(NamedTuple):
    """field: its name in forms. size: how many stored units one typed unit is. title: what it is called there."""

    field: str
    size: int
    title: str


OF_SITE: Final[Mapping[str, Figure]] = {
    "abandon_after_s": Figure("abandon_after_min", MINUTE, say("Abandoned after, minutes")),
    "holdout_pct": Figure("holdout_pct", 1, say("Holdout, %%")),
    "messages_per_lead": Figure("messages_per_lead", 1, say("Messages a lead")),
    "message_gap_s": Figure("message_gap_h", HOUR, say("Hours between messages")),
    "first_messages_per_contact_day": Figure(
        "first_messages_per_contact_day", 1, say("First messages a contact and day")
    ),
    "messages_per_contact_week": Figure("messages_per_contact_week", 1, say("Messages a contact in 7 days")),
    "dial_gap_s": Figure("dial_gap_min", MINUTE, say("Minutes between dials")),
    "dials_per_day": Figure("dials_per_day", 1, say("Dials a day")),
    "dials_per_lead": Figure("dials_per_lead", 1, say("Dials a lead")),
    "touch_max_age_s": Figure("touch_max_age_h", HOUR, say("Hours until a step is too late")),
    "quarantine_daily_cap": Figure("quarantine_daily_cap", 1, say("Messages a day while in quarantine")),
}
OF_AGENCY: Final[Mapping[str, Figure]] = {name: figure for name, figure in OF_SITE.items() if name in LIMITS}
OF_CLIENT: Final[Mapping[str, Figure]] = {
    "order_feed_max_age_s": Figure(
        "order_feed_max_age_min", MINUTE, say("Hold sends when the order feed is silent for, minutes")
    ),
    "tax_rate_bp": Figure("tax_rate_pct", 100, say("Tax on fees, %%")),
}

LIMIT: Final = "monthly_spend_limit_minor"
LIMIT_FIELD: Final = "spend_limit"
LIMIT_TITLE: Final = say("Most to spend on messages and calls a month")

Word = Callable[..., str]
SayMoney = Callable[[int | None, str], str]


def numbers(figures: Mapping[str, Figure]) -> dict[str, tuple[str, int]]:
    """What `forms.read_form` must know of figures."""
    return {stored: (figure.field, figure.size) for stored, figure in figures.items()}


def typed(figures: Mapping[str, Figure], stored: object) -> dict[str, str]:
    """Write the figures of a row as somebody would type them; one that is not set is empty."""
    given = {figure: getattr(stored, name) for name, figure in figures.items()}
    return {figure.field: "" if value is None else _in_units(value, figure) for figure, value in given.items()}


def typed_limit(minor: int | None, currency: str) -> str:
    """Write a month's limit as somebody would type it, in the currency's own units: 50000, 500.00; none is empty."""
    return "" if minor is None else f"{Money(minor, currency).major():f}"


def read_limit(typed: str, currency: str) -> int | str | None:
    """Read a month's limit that somebody typed in a currency's own units, as in an uploaded file: 50000, ¥50,000.

    returns  minor units; None for an empty field; what is no amount in that currency as it was typed, to be refused
    """
    if not typed:
        return None
    amount = read_amount(typed, currency=currency)
    try:
        return typed if isinstance(amount, CellFault) else from_major(amount, currency).minor
    except BadAmount:
        return typed


def limit_advice(currency: str, speaker: Speaker) -> str:
    """Say what a month's limit may be in a currency."""
    example = (500 if minor_digits(currency) else 50_000) * 10 ** minor_digits(currency)
    return speaker.word(
        say("Enter an amount in %(currency)s, such as %(example)s, of at most %(most)s."),
        currency=currency,
        example=speaker.money(example, currency),
        most=speaker.money(most_spend_minor(currency), currency),
    )


def titled(figures: Mapping[str, Figure], word: Word) -> list[tuple[str, str, str]]:
    """Say what figures are called: (stored name, field, title)."""
    return [(stored, figure.field, _title(figure, word)) for stored, figure in figures.items()]


def _title(figure: Figure, word: Word) -> str:
    return word(figure.title).replace("%%", "%")


def _in_units(stored: int | None, figure: Figure) -> str:
    return "—" if stored is None else f"{round(stored / figure.size, 4):.12g}"


def limit_words(limits: Mapping[str, int], word: Word) -> dict[str, str]:
    """Say beside each figure that the agency limits what it allows."""
    said = {}
    for name, limit in limits.items():
        value = _in_units(limit, OF_SITE[name])
        if name in LEAST:
            said[name] = word(say("The agency wants at least %(least)s."), least=value)
        else:
            said[name] = word(say("The agency allows at most %(most)s."), most=value)
    return said


def changed_numbers(detail: Mapping[str, Any], word: Word, money: SayMoney) -> list[tuple[str, str, str]]:
    """Read from an audit entry which numbers were changed: (title, old, new), in typed units; a limit as money.

    An entry from before currencies were told shows a limit's bare minor units.
    """
    known = {**OF_SITE, **OF_CLIENT, LIMIT: Figure(LIMIT_FIELD, 1, LIMIT_TITLE)}
    read = []
    for name, (old, new) in (detail.get("numbers") or {}).items():
        if name == LIMIT and "currencies" in detail:
            was_in, is_in = detail["currencies"]
            read.append((word(LIMIT_TITLE), money(old, was_in), money(new, is_in)))
            continue
        figure = known.get(name, Figure(name, 1, name))
        read.append((_title(figure, word), _in_units(old, figure), _in_units(new, figure)))
    return read
