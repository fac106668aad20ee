"""What people and the calendar do with an uploaded file: keep it, approve it, stop it, drop it, remove its rows."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlmodel import Session

from modori.background.live import announce
from modori.connectors.csv import queries
from modori.connectors.csv.errors import UploadNotReady
from modori.connectors.csv.model import Upload, UploadKind, UploadState
from modori.connectors.csv.parts import forget_parts, in_parts, sealed_part
from modori.connectors.csv.tables import Table
from modori.kernel.ids import SiteId, TenantId, UserId, new_id
from modori.storage import outbox
from modori.tenants.audit import record_audit
from modori.tenants.sites import queries as sites

LONGEST_FILE_NAME: Final = 200


@dataclass(frozen=True, slots=True)
class File:
    """A file as it came: its name on somebody's disk, its bytes, and the table that they hold."""

    name: str
    raw: bytes
    table: Table


def keep_upload(
    session: Session,
    *,
    tenant_id: TenantId,
    site_id: SiteId,
    kind: UploadKind,
    file: File,
    user_id: UserId,
    now: datetime,
) -> Upload:
    """Keep a file's rows, sealed, and promise that they are checked. Nothing in it has an effect yet.

    raises  NotFound for a site that is not the tenant's
    """
    site = sites.get_site(session, tenant_id=tenant_id, site_id=site_id)
    upload_id, rows = new_id(), file.table.rows
    parts = in_parts(rows)
    upload = Upload(
        tenant_id=tenant_id,
        upload_id=upload_id,
        site_id=site_id,
        kind=kind,
        file_name=file.name[-LONGEST_FILE_NAME:],
        file_sha256=hashlib.sha256(file.raw).digest(),
        bytes_count=len(file.raw),
        encoding=file.table.encoding,
        delimiter=file.table.delimiter,
        headers=dict(file.table.headers),
        layout=file.table.layout,
        passed_over="\n".join(file.table.passed_over) or None,
        timezone=site.timezone,
        rows_count=len(rows),
        parts_count=len(parts),
        made_at=now,
        made_by=user_id,
    )
    sealed = [
        sealed_part(session, tenant_id=tenant_id, upload_id=upload_id, part_number=number, rows=part)
        for number, part in enumerate(parts)
    ]
    queries.insert_upload(session, upload, sealed)
    _audit(session, upload, user_id, "upload.made", now)
    _promise(session, upload, "upload.made", now=now)
    return upload


def approve_upload(session: Session, *, tenant_id: TenantId, upload_id: UUID, user_id: UserId, now: datetime) -> Upload:
    """Approve a checked file: its rows are recorded now, and its orders bill (G11). Said twice, it is once.

    raises  UploadNotReady, NotFound
    """
    upload = queries.lock_upload(session, tenant_id=tenant_id, upload_id=upload_id)
    if upload.state in (UploadState.APPLYING, UploadState.APPLIED):
        return upload
    if upload.state is not UploadState.CHECKED:
        raise UploadNotReady()
    upload.state, upload.approved_at, upload.approved_by = UploadState.APPLYING, now, user_id
    session.add(upload)
    session.flush()
    _audit(session, upload, user_id, "upload.approved", now)
    _promise(session, upload, "upload.approved", now=now)
    announce(session, tenant_id=tenant_id, topic="upload", subject=str(upload_id))
    return upload


def stop_upload(session: Session, *, tenant_id: TenantId, upload_id: UUID, user_id: UserId, now: datetime) -> Upload:
    """Stop a file that is being recorded: no row follows this commit. What is on record stays. Twice, it is once.

    raises  UploadNotReady for one that is not being recorded, or whose last row is on record; NotFound
    """
    upload = queries.lock_upload(session, tenant_id=tenant_id, upload_id=upload_id)
    if upload.state is UploadState.STOPPED:
        return upload
    if upload.state is not UploadState.APPLYING:
        raise UploadNotReady()
    left = queries.leave_unapplied(session, tenant_id=tenant_id, upload_id=upload_id)
    if not left:
        raise UploadNotReady()
    upload.state, upload.stopped_at, upload.stopped_by = UploadState.STOPPED, now, user_id
    forget_parts(session, upload, now=now)
    _audit(session, upload, user_id, "upload.stopped", now, unapplied=left)
    announce(session, tenant_id=tenant_id, topic="upload", subject=str(upload_id))
    return upload


def drop_upload(session: Session, *, tenant_id: TenantId, upload_id: UUID, user_id: UserId, now: datetime) -> Upload:
    """Drop a file that nobody has approved: its rows go at once. raises UploadNotReady, NotFound"""
    upload = queries.lock_upload(session, tenant_id=tenant_id, upload_id=upload_id)
    if upload.state is UploadState.DROPPED:
        return upload
    if upload.state not in (UploadState.CHECKING, UploadState.CHECKED):
        raise UploadNotReady()
    upload.state = UploadState.DROPPED
    forget_parts(session, upload, now=now)
    _audit(session, upload, user_id, "upload.dropped", now)
    announce(session, tenant_id=tenant_id, topic="upload", subject=str(upload_id))
    return upload


def continue_later(session: Session, *, tenant_id: TenantId, upload_id: UUID, now: datetime) -> None:
    """Promise that the rest is looked at next: one job does not hold a worker for as long as a whole file takes."""
    upload = queries.get_upload(session, tenant_id=tenant_id, upload_id=upload_id)
    match upload.state:
        case UploadState.CHECKING:
            _promise(session, upload, "upload.made", now=now)
        case UploadState.APPLYING:
            _promise(session, upload, "upload.approved", now=now)
        case _:
            pass


def remove_rows(session: Session, *, tenant_id: TenantId, upload_id: UUID, now: datetime) -> bool:
    """Remove the sealed rows of a file that has grown too old. What nobody approved is dropped with them."""
    upload = queries.lock_upload(session, tenant_id=tenant_id, upload_id=upload_id)
    if upload.rows_removed_at is not None:
        return False
    if upload.state is not UploadState.APPLIED:
        upload.state = UploadState.DROPPED
    forget_parts(session, upload, now=now)
    return True


def _promise(session: Session, upload: Upload, topic: str, *, now: datetime) -> None:
    """Promise work on a file; the key is another for each part that it begins with."""
    done = upload.checked_parts if topic == "upload.made" else upload.applied_parts
    outbox.promise(
        session,
        topic,
        key=f"{topic}:{upload.upload_id}:{done}",
        at=now,
        tenant_id=TenantId(upload.tenant_id),
        upload_id=str(upload.upload_id),
    )


def _audit(session: Session, upload: Upload, user_id: UserId, action: str, now: datetime, **further: int) -> None:
    record_audit(
        session,
        tenant_id=TenantId(upload.tenant_id),
        user_id=user_id,
        action=action,
        subject_kind="upload",
        subject_id=str(upload.upload_id),
        detail={
            "kind": upload.kind.value,
            "rows": upload.rows_count,
            "sha256": upload.file_sha256.hex(),
            "sums": upload.sums or [],
            **further,
        },
        now=now,
    )
