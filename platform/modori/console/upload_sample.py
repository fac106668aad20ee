"""One row of a file as it was understood, for whoever approves it: personal values are masked (G13)."""

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from modori.capture.scrubbing import scrub_input_name
from modori.connectors.csv.naming import mask_contact, shown_number
from modori.connectors.csv.reading import ConsentRow, FurtherLine, OrderRow, ReturnRow
from modori.connectors.csv.report.queries import UploadListed
from modori.connectors.csv.sample import Sample
from modori.console import formats
from modori.console.labels import label
from modori.console.words import say
from modori.kernel.masking import mask_name

PLAIN: Final = frozenset({"value", "at", "time", "currency", "reason", "channel", "granted", "given_at"})
"""Fields whose cells were understood as an amount, an instant or a known word, so that they can be nobody's name."""

ALL_THAT_IS_LEFT: Final = say("what is left of the order")
DAY_ONLY: Final = say("%(day)s, the time is not known")
ANSWERS: Final = {True: say("Yes"), False: say("No")}


class Line(NamedTuple):
    """A field of the row: its column's header, its cell where that is nobody's, and what it was understood as."""

    field: str
    header: str
    cell: str
    understood: str


def sample_lines(sample: Sample, upload: UploadListed, *, locale: str, word: Callable[..., str]) -> list[Line]:
    """Say field by field what a row was understood as, in the columns' order; times in the zone of the file."""
    said = _understood(sample, upload, locale=locale, word=word)
    return [
        Line(field, upload.headers.get(field, ""), sample.cells.get(field, "") if field in PLAIN else "", text)
        for field, text in said.items()
        if text
    ]


def _understood(sample: Sample, upload: UploadListed, *, locale: str, word: Callable[..., str]) -> Mapping[str, str]:
    zone, country = upload.timezone, sample.country
    match sample.read:
        case OrderRow(order=order, is_exact=is_exact):
            assert order.at is not None
            day = order.at.astimezone(ZoneInfo(zone)).date()
            without_time = word(DAY_ONLY, day=formats.calendar_day(day, locale=locale))
            return {
                "id": shown_number(order.id, country=country),
                "value": formats.major_money(order.value, order.currency, locale=locale),
                "at": formats.exact(order.at, zone=zone, locale=locale) if is_exact else without_time,
                "email": mask_contact(order.email or "", country=country),
                "tel": mask_contact(order.tel or "", country=country),
                "visitor": shown_number(order.visitor or "", country=country),
                "cart": shown_number(order.cart or "", country=country),
                "member_id": mask_name(order.member_id or ""),
            }
        case FurtherLine(order_external_id=order_id):
            return {"id": shown_number(order_id, country=country)}
        case ReturnRow(order_external_id=order_id, reversal=reversal):
            assert reversal.at is not None
            value = reversal.value
            return {
                "order": shown_number(order_id, country=country),
                "id": shown_number(reversal.id, country=country),
                "value": word(ALL_THAT_IS_LEFT) if value is None else formats.number(value, locale=locale),
                "reason": word(label(reversal.reason)),
                "at": formats.exact(reversal.at, zone=zone, locale=locale),
            }
        case ConsentRow() as row:
            return {
                "channel": word(label(row.channel)),
                "contact": row.contact.masked,
                "granted": word(ANSWERS[row.granted]),
                "text": scrub_input_name(row.text),
                "given_at": formats.exact(row.given_at, zone=zone, locale=locale),
                "screen": scrub_input_name(row.screen or ""),
            }
