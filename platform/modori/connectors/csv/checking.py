"""The check's progress: what a part's rows would come to (`judging.py`) is kept, and nothing else."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlmodel import Session

from modori.background.live import announce
from modori.connectors.csv import queries
from modori.connectors.csv.judging import Judged
from modori.connectors.csv.model import Upload, UploadRow, UploadState
from modori.connectors.csv.tallies import add_up, tally_of, to_json
from modori.kernel.ids import TenantId
from modori.storage import crypto


def finish_checking_part(
    session: Session,
    *,
    tenant_id: TenantId,
    upload_id: UUID,
    part_number: int,
    judged: Sequence[Judged],
    now: datetime,
) -> UploadState:
    """Keep what a part's rows would come to. After the last one the file waits for a person. Again: no change."""
    upload = queries.lock_upload(session, tenant_id=tenant_id, upload_id=upload_id)
    if upload.state is not UploadState.CHECKING or upload.checked_parts != part_number:
        return upload.state
    rows = [
        UploadRow(
            tenant_id=tenant_id,
            upload_id=upload_id,
            row_number=one.row_number,
            outcome=one.outcome,
            reason=None if one.wrong is None else str(one.wrong.code),
            field=None if one.wrong is None else one.wrong.field,
            identity=one.identity,
            contents=one.contents,
            name=_sealed_name(session, upload, one),
        )
        for one in judged
    ]
    queries.insert_rows(session, rows)
    tally = add_up(tally_of(upload), [(one.outcome, one.measure) for one in judged])
    upload.sums, upload.first_at, upload.last_at = to_json(tally), tally.first_at, tally.last_at
    upload.checked_parts = part_number + 1
    if upload.checked_parts >= upload.parts_count:
        upload.state, upload.checked_at = UploadState.CHECKED, now
    session.add(upload)
    announce(session, tenant_id=tenant_id, topic="upload", subject=str(upload_id))
    return upload.state


def _sealed_name(session: Session, upload: Upload, judged: Judged) -> bytes | None:
    if not judged.name:
        return None
    field = queries.name_field(upload.upload_id, judged.row_number)
    return crypto.seal(session, TenantId(upload.tenant_id), field, judged.name)
