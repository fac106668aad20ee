"""The figures of a policy in the units that people type: a site's, the agency's, a client's."""

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from modori.console.words import say
from modori.tenants.rules import LEAST, LIMITS

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
    "monthly_spend_limit_minor": Figure("spend_limit", 1, say("Most to spend on messages and calls a month")),
    "tax_rate_bp": Figure("tax_rate_pct", 100, say("Tax on fees, %%")),
}

Word = Callable[..., str]


def numbers(figures: Mapping[str, Figure]) -> dict[str, tuple[str, int]]:
    """What `forms.read_form` must know of figures."""
    return {stored: (figure.field, figure.size) for stored, figure in figures.items()}


def typed(figures: Mapping[str, Figure], stored: object) -> dict[str, str]:
    """Write the figures of a row as somebody would type them; one that is not set is empty."""
    given = {figure: getattr(stored, name) for name, figure in figures.items()}
    return {figure.field: "" if value is None else _in_units(value, figure) for figure, value in given.items()}


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


def changed_numbers(detail: Mapping[str, Any], word: Word) -> list[tuple[str, str, str]]:
    """Read from an audit entry which numbers were changed: (title, old, new), in typed units."""
    known = {**OF_SITE, **OF_CLIENT}
    read = []
    for name, (old, new) in (detail.get("numbers") or {}).items():
        figure = known.get(name, Figure(name, 1, name))
        read.append((_title(figure, word), _in_units(old, figure), _in_units(new, figure)))
    return read
