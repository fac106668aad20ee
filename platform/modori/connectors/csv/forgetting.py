"""An erasure reaches the sealed rows of files that wait for approval, or are being recorded (RULES 18)."""

from collections.abc import Sequence
from uuid import UUID

from sqlmodel import Session

from modori.connectors.csv import queries
from modori.connectors.csv.model import UploadKind
from modori.connectors.csv.parts import Cells, open_part, sealed_part
from modori.kernel.errors import BadInput
from modori.kernel.ids import TenantId
from modori.people.model import ContactKind
from modori.people.values import read_value, value_index

NAMING = ("email", "tel", "contact", "member_id")
"""Fields that say who a row is about. What a browser was called, and the cart, name nobody."""
_FIELDS_OF = {
    ContactKind.EMAIL: ("email", "contact"),
    ContactKind.PHONE: ("tel", "contact"),
    ContactKind.LINE: ("contact",),
}


def list_rows_about(
    rows: Sequence[Cells],
    *,
    tenant_id: TenantId,
    kind: ContactKind,
    index: bytes,
    country: str,
) -> list[int]:
    """Name the rows of a part that have a contact point's value, by the blind index that is left of it."""
    return [
        number
        for number, cells in rows
        if any(_index_of(cells.get(field, ""), tenant_id, kind, country) == index for field in _FIELDS_OF[kind])
    ]


def empty_rows(
    session: Session, *, tenant_id: TenantId, upload_id: UUID, part_number: int, numbers: Sequence[int]
) -> int:
    """Take out of some rows of a part whatever says who they are about. Returns how many held anything of it.

    An order stays an order, of nobody: it is recorded without address, and stops and bills by its cart and browser
    alone. A consent has nothing left to be evidence of: it is refused. A second call changes nothing.
    """
    upload = queries.lock_upload(session, tenant_id=tenant_id, upload_id=upload_id)
    rows = open_part(session, tenant_id=tenant_id, upload_id=upload_id, part_number=part_number)
    if rows is None:
        return 0
    wanted, emptied = frozenset(numbers), 0
    left: list[Cells] = []
    for number, cells in rows:
        if number in wanted and any(cells.get(field) for field in NAMING):
            emptied += 1
            left.append((number, {name: "" if name in NAMING else cell for name, cell in cells.items()}))
        else:
            left.append((number, cells))
    if emptied == 0:
        return 0
    part = sealed_part(session, tenant_id=tenant_id, upload_id=upload_id, part_number=part_number, rows=left)
    queries.replace_part(session, part)
    if upload.kind is UploadKind.CONSENTS:
        queries.refuse_erased(session, tenant_id=tenant_id, upload_id=upload_id, row_numbers=numbers)
        queries.forget_names(session, tenant_id=tenant_id, upload_id=upload_id, row_numbers=numbers)
    return emptied


def _index_of(cell: str, tenant_id: TenantId, kind: ContactKind, country: str) -> bytes | None:
    text = cell.strip()
    if not text or (kind is ContactKind.EMAIL) is not ("@" in text or "＠" in text):
        return None
    try:
        return value_index(tenant_id, kind, read_value(kind, text, country=country).text)
    except BadInput:
        return None
