"""A file's rows as they are kept: sealed, a hundred to a part, until nobody needs them."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlmodel import Session

from modori.connectors.csv import queries
from modori.connectors.csv.model import Upload, UploadKind, UploadPart
from modori.kernel.ids import TenantId
from modori.storage import crypto

ROWS_PER_PART: Final = 100

Cells = tuple[int, Mapping[str, str]]
"""A row's number, and its cells by field."""


def in_parts(rows: Sequence[Cells]) -> list[Sequence[Cells]]:
    """Divide a file's rows into parts."""
    return [rows[start : start + ROWS_PER_PART] for start in range(0, len(rows), ROWS_PER_PART)]


def sealed_part(
    session: Session, *, tenant_id: TenantId, upload_id: UUID, part_number: int, rows: Sequence[Cells]
) -> UploadPart:
    """Seal a part's rows; nothing is stored."""
    plain = json.dumps(rows, ensure_ascii=False)
    sealed = crypto.seal(session, tenant_id, _field(upload_id, part_number), plain)
    return UploadPart(tenant_id=tenant_id, upload_id=upload_id, part_number=part_number, rows=sealed)


def open_part(session: Session, *, tenant_id: TenantId, upload_id: UUID, part_number: int) -> list[Cells] | None:
    """Unseal a part's rows; None where they have been removed."""
    part = queries.find_part(session, tenant_id=tenant_id, upload_id=upload_id, part_number=part_number)
    if part is None:
        return None
    plain = crypto.unseal(session, tenant_id, _field(upload_id, part_number), part.rows)
    return [(number, cells) for number, cells in json.loads(plain)]


def forget_parts(session: Session, upload: Upload, *, now: datetime) -> None:
    """Forget what the rows said. Whose consent was recorded is known from the record, which an erasure reaches."""
    tenant_id = TenantId(upload.tenant_id)
    queries.delete_parts(session, tenant_id=tenant_id, upload_id=upload.upload_id)
    if upload.kind is UploadKind.CONSENTS:
        queries.forget_names(session, tenant_id=tenant_id, upload_id=upload.upload_id, row_numbers=None)
    upload.file_name, upload.rows_removed_at = "", now
    session.add(upload)
    session.flush()


def _field(upload_id: UUID, part_number: int) -> crypto.Field:
    return crypto.Field("upload_part", "rows", f"{upload_id}:{part_number}")
