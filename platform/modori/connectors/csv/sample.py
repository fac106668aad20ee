"""One row of a checked file, for whoever is to approve it: what would be recorded, as it was understood."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from modori.connectors.csv import queries
from modori.connectors.csv.context import context_of
from modori.connectors.csv.parts import ROWS_PER_PART, open_part
from modori.connectors.csv.reading import ReadRow, read_row
from modori.connectors.csv.tables import Wrong
from modori.kernel.ids import TenantId
from modori.storage.db import ReadSession


@dataclass(frozen=True, slots=True)
class Sample:
    """One row of a file that still has its rows, as it was understood. It is personal: whoever shows it masks it."""

    row_number: int
    read: ReadRow
    cells: Mapping[str, str]
    country: str


def find_sample(session: ReadSession, *, tenant_id: TenantId, upload_id: UUID, now: datetime) -> Sample | None:
    """Find the first row that approving would record, new ones before those that are only kept; None without one."""
    place = queries.find_row_to_record(session, tenant_id=tenant_id, upload_id=upload_id)
    if place is None:
        return None
    part = open_part(session, tenant_id=tenant_id, upload_id=upload_id, part_number=place.rows_before // ROWS_PER_PART)
    cells = dict(part or ()).get(place.row_number)
    if cells is None:
        return None
    upload = queries.get_upload(session, tenant_id=tenant_id, upload_id=upload_id)
    context = context_of(session, upload, now=now)
    read = read_row(upload.kind, cells, context)
    return None if isinstance(read, Wrong) else Sample(place.row_number, read, cells, context.country)
