"""What a row is called in its file's report, so that somebody finds it again: nothing personal in clear (G13)."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Final

from modori.connectors.csv.columns import CONTACT_FIELDS
from modori.connectors.csv.model import UploadKind
from modori.connectors.csv.reading import ConsentRow, ReadRow
from modori.connectors.csv.tables import OVERFLOW, Wrong, narrow
from modori.kernel.errors import BadInput
from modori.kernel.masking import DOTS
from modori.people.model import ContactKind
from modori.people.values import read_value

LONGEST_NAME: Final = 200
"""As long as an order's number may be (`outcomes.wire.OrderIn`); of a longer cell the beginning is shown."""


def name_row(kind: UploadKind, cells: Mapping[str, str], read: ReadRow | Wrong, *, country: str) -> str:
    """Say what a row is called: the order's number, or of a consent the mask of its contact point.

    returns  "" for a row that says neither, and for one with more cells than the header: they may have moved, and
             somebody's name may stand where the number should
    """
    if OVERFLOW in cells:
        return ""
    match kind:
        case UploadKind.ORDERS:
            return shown_number(cells.get("id", ""), country=country)
        case UploadKind.RETURNS:
            return shown_number(cells.get("order", ""), country=country)
        case UploadKind.CONSENTS:
            if isinstance(read, ConsentRow):
                return read.contact.masked
            said = (cells.get(field, "").strip() for field in CONTACT_FIELDS)
            return mask_contact(next(filter(None, said), ""), country=country)


def shown_number(cell: str, *, country: str) -> str:
    """Show a number that a shop gave, unless an address or a telephone number stands in its place."""
    text, plain = cell.strip(), narrow(cell)
    if "@" in plain:
        return mask_contact(text, country=country)
    if plain.startswith(("0", "+")):
        with suppress(BadInput):
            return read_value(ContactKind.PHONE, text, country=country).masked
    return text if len(text) <= LONGEST_NAME else f"{text[:LONGEST_NAME]}…"


def mask_contact(cell: str, *, country: str) -> str:
    """Mask what should be an address, a telephone number or a LINE user id; what is none of them is dots."""
    for kind in ContactKind:
        with suppress(BadInput):
            return read_value(kind, cell, country=country).masked
    return DOTS if cell.strip() else ""
