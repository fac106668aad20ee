"""What happens to an uploaded file: kept sealed, checked, approved by a person, applied row by row, forgotten."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlmodel import Session

from modori.background.live import announce
from modori.connectors.csv import queries
from modori.connectors.csv.errors import UploadNotReady
from modori.connectors.csv.judging import Judged, consent_key, sign_fault
from modori.connectors.csv.model import RowOutcome, Upload, UploadKind, UploadPart, UploadRow, UploadState
from modori.connectors.csv.reading import (
    ConsentRow,
    FurtherLine,
    OrderRow,
    ReadRow,
    ReturnRow,
    RowContext,
    read_row,
)
from modori.connectors.csv.tables import CellFault, Table, Wrong
from modori.connectors.csv.tallies import Tally, add_up, from_json, to_json
from modori.kernel.ids import SiteId, TenantId, UserId, new_id
from modori.kernel.money import from_major
from modori.outcomes import actions as outcomes
from modori.outcomes.errors import OrderDiffers, ReversalBeforeOrder
from modori.outcomes.model import OrderSource
from modori.people import actions as people
from modori.people import queries as people_queries
from modori.people.model import EvidenceSource
from modori.storage import crypto, outbox
from modori.storage.db import ReadSession
from modori.tenants import actions as tenants
from modori.tenants import queries as tenant_queries

ROWS_PER_PART: Final = 100
LONGEST_FILE_NAME: Final = 200

Cells = tuple[int, Mapping[str, str]]


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
    site = tenant_queries.get_site(session, tenant_id=tenant_id, site_id=site_id)
    upload_id, rows = new_id(), file.table.rows
    parts = [rows[start : start + ROWS_PER_PART] for start in range(0, len(rows), ROWS_PER_PART)]
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
        UploadPart(
            tenant_id=tenant_id,
            upload_id=upload_id,
            part_number=number,
            rows=sealed_part(
                session,
                tenant_id=tenant_id,
                upload_id=upload_id,
                part_number=number,
                plain=json.dumps(part, ensure_ascii=False),
            ),
        )
        for number, part in enumerate(parts)
    ]
    queries.insert_upload(session, upload, sealed)
    _audit(session, upload, user_id, "upload.made", now)
    _promise(session, upload, "upload.made", now=now)
    return upload


def sealed_part(session: Session, *, tenant_id: TenantId, upload_id: UUID, part_number: int, plain: str) -> bytes:
    """Seal a part's rows, JSON as `UploadPart` has them."""
    return crypto.seal(session, tenant_id, _field(upload_id, part_number), plain)


def open_part(session: Session, *, tenant_id: TenantId, upload_id: UUID, part_number: int) -> list[Cells] | None:
    """Unseal a part's rows; None where they have been removed."""
    part = queries.find_part(session, tenant_id=tenant_id, upload_id=upload_id, part_number=part_number)
    if part is None:
        return None
    plain = crypto.unseal(session, tenant_id, _field(upload_id, part_number), part.rows)
    return [(number, cells) for number, cells in json.loads(plain)]


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


def context_of(session: Session, upload: Upload, *, now: datetime) -> RowContext:
    """Say with what an upload's rows must be read."""
    tenant_id, site_id = TenantId(upload.tenant_id), SiteId(upload.site_id)
    site = tenant_queries.get_site(session, tenant_id=tenant_id, site_id=site_id)
    tenant = tenant_queries.get_tenant(session, tenant_id=tenant_id)
    return RowContext(tenant_id, site_id, upload.timezone, site.country, tenant.currency, now)


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


def tally_of(upload: Upload) -> Tally:
    """Read what the rows that have been looked at add up to."""
    return from_json(upload.sums, upload.first_at, upload.last_at)


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


def drop_upload(session: Session, *, tenant_id: TenantId, upload_id: UUID, user_id: UserId, now: datetime) -> Upload:
    """Drop a file that nobody has approved: its rows go at once. raises UploadNotReady, NotFound"""
    upload = queries.lock_upload(session, tenant_id=tenant_id, upload_id=upload_id)
    if upload.state is UploadState.DROPPED:
        return upload
    if upload.state not in (UploadState.CHECKING, UploadState.CHECKED):
        raise UploadNotReady()
    upload.state = UploadState.DROPPED
    _forget_rows(session, upload, now=now)
    _audit(session, upload, user_id, "upload.dropped", now)
    announce(session, tenant_id=tenant_id, topic="upload", subject=str(upload_id))
    return upload


def apply_row(
    session: Session, *, upload: Upload, row_number: int, cells: Mapping[str, str], context: RowContext
) -> RowOutcome:
    """Record one approved row by the same actions as the API's, and what it came to. Again: no change.

    raises  whatever those actions refuse; the caller rolls back and writes it down by `refuse_row`
    """
    tenant_id = TenantId(upload.tenant_id)
    row = queries.lock_row(session, tenant_id=tenant_id, upload_id=upload.upload_id, row_number=row_number)
    if row.applied_at is not None:
        return row.outcome
    read = read_row(upload.kind, cells, context)
    match read:
        case Wrong():
            came_to = _Came(RowOutcome.REFUSED, wrong=read)
        case FurtherLine():  # of an order that stands above, else the check has refused it
            came_to = _Came(RowOutcome.KNOWN, wrong=Wrong(CellFault.FURTHER_LINE, "value"))
        case OrderRow():
            came_to = _apply_order(session, read, context, vouched_by=_brought_by(upload))
        case ReturnRow():
            came_to = _apply_return(session, read, context)
        case ConsentRow():
            came_to = _apply_consent(session, read, context)
    row.outcome, row.applied_at, row.subject_id = came_to.outcome, context.now, came_to.subject_id
    row.reason = None if came_to.wrong is None else str(came_to.wrong.code)
    row.field = None if came_to.wrong is None else came_to.wrong.field
    session.add(row)
    return came_to.outcome


def refuse_row(session: Session, *, upload: Upload, row_number: int, wrong: Wrong, now: datetime) -> None:
    """Write down that a row was refused when it was applied."""
    row = queries.lock_row(
        session, tenant_id=TenantId(upload.tenant_id), upload_id=upload.upload_id, row_number=row_number
    )
    if row.applied_at is None:
        row.outcome, row.applied_at, row.reason, row.field = RowOutcome.REFUSED, now, wrong.code, wrong.field
        session.add(row)


def finish_applying_part(
    session: Session, *, tenant_id: TenantId, upload_id: UUID, part_number: int, numbers: Sequence[int], now: datetime
) -> UploadState:
    """Note that a part's rows are all on record. After the last one the sealed rows go: nobody needs them any more."""
    upload = queries.lock_upload(session, tenant_id=tenant_id, upload_id=upload_id)
    if upload.state is not UploadState.APPLYING or upload.applied_parts != part_number:
        return upload.state
    queries.settle_refused(session, tenant_id=tenant_id, upload_id=upload_id, row_numbers=numbers, now=now)
    upload.applied_parts = part_number + 1
    if upload.applied_parts >= upload.parts_count:
        upload.state, upload.applied_at = UploadState.APPLIED, now
        _forget_rows(session, upload, now=now)
    session.add(upload)
    announce(session, tenant_id=tenant_id, topic="upload", subject=str(upload_id))
    return upload.state


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
    _forget_rows(session, upload, now=now)
    return True


@dataclass(frozen=True, slots=True)
class _Came:
    """What applying a row came to."""

    outcome: RowOutcome
    subject_id: UUID | None = None
    wrong: Wrong | None = None


def _brought_by(upload: Upload) -> list[UserId]:
    return [UserId(one) for one in (upload.made_by, upload.approved_by) if one is not None]


def _apply_order(session: Session, row: OrderRow, context: RowContext, *, vouched_by: Sequence[UserId]) -> _Came:
    """Record an order. One that a source that bills has said with the same amount is known, and stays as it is.

    Either way the file is word of the feed up to that order.
    """
    found = queries.list_known_orders(
        session, tenant_id=context.tenant_id, site_id=context.site_id, external_ids=[row.order.id]
    )
    if found and found[0].is_proven:
        value = from_major(row.order.value, row.order.currency)
        if (found[0].value_minor, found[0].currency) != (value.minor, value.currency):
            raise OrderDiffers()
        _hear_feed(session, row, context)
        return _Came(RowOutcome.KNOWN)
    done = outcomes.record_order(
        session,
        tenant_id=context.tenant_id,
        site_id=context.site_id,
        order=row.order,
        source=OrderSource.CSV,
        is_exact=row.is_exact,
        vouched_by=vouched_by,
        now=context.now,
    )
    if done.unreadable:
        field, code = done.unreadable[0]
        return _Came(RowOutcome.KEPT, done.order.order_id, Wrong(code, field))
    if not row.is_exact:
        _hear_feed(session, row, context)
        return _Came(RowOutcome.KEPT, done.order.order_id, Wrong(CellFault.TIME_MISSING, "at"))
    return _Came(RowOutcome.NEW, done.order.order_id)


def _hear_feed(session: Session, row: OrderRow, context: RowContext) -> None:
    outcomes.hear_feed(
        session, tenant_id=context.tenant_id, site_id=context.site_id, until=row.heard_until, now=context.now
    )


def _apply_return(session: Session, row: ReturnRow, context: RowContext) -> _Came:
    found = queries.list_known_orders(
        session, tenant_id=context.tenant_id, site_id=context.site_id, external_ids=[row.order_external_id]
    )
    wrong = sign_fault(row, found[0].currency) if found else None
    if wrong is not None:
        return _Came(RowOutcome.REFUSED, wrong=wrong)
    done = outcomes.record_reversal(
        session,
        tenant_id=context.tenant_id,
        site_id=context.site_id,
        order_external_id=row.order_external_id,
        reversal=row.reversal,
        now=context.now,
    )
    if not done.is_new:
        return _Came(RowOutcome.KNOWN, done.reversal.reversal_id)
    if not done.applied:
        return _Came(RowOutcome.KEPT, done.reversal.reversal_id, Wrong(ReversalBeforeOrder.code, "order"))
    return _Came(RowOutcome.NEW, done.reversal.reversal_id)


def _apply_consent(session: Session, row: ConsentRow, context: RowContext) -> _Came:
    """Keep a consent's evidence, once: the same words about the same channel at the same instant are the same one."""
    point = people.meet_contact_point(
        session, tenant_id=context.tenant_id, kind=row.contact.kind, value=row.contact.text, now=context.now
    )
    people_queries.lock_contact_points(session, tenant_id=context.tenant_id, ids=[point.contact_point_id])
    key = consent_key(row, context)
    known = queries.list_known_consents(
        session, tenant_id=context.tenant_id, site_id=context.site_id, value_indexes=[key[0]]
    )
    if key in known:
        return _Came(RowOutcome.KNOWN)
    consent = people.record_consent(
        session,
        tenant_id=context.tenant_id,
        channel=row.channel,
        granted=row.granted,
        text=row.text,
        page_url=row.screen,
        site_id=context.site_id,
        contact_point_id=point.contact_point_id,
        source=EvidenceSource.CSV,
        given_at=row.given_at,
        now=context.now,
    )
    return _Came(RowOutcome.NEW, consent.consent_id)


def _sealed_name(session: Session, upload: Upload, judged: Judged) -> bytes | None:
    if not judged.name:
        return None
    field = queries.name_field(upload.upload_id, judged.row_number)
    return crypto.seal(session, TenantId(upload.tenant_id), field, judged.name)


def _forget_rows(session: Session, upload: Upload, *, now: datetime) -> None:
    """Forget what the rows said. Whose consent was recorded is known from the record, which an erasure reaches."""
    tenant_id = TenantId(upload.tenant_id)
    queries.delete_parts(session, tenant_id=tenant_id, upload_id=upload.upload_id)
    if upload.kind is UploadKind.CONSENTS:
        queries.forget_names(session, tenant_id=tenant_id, upload_id=upload.upload_id, row_numbers=None)
    upload.file_name, upload.rows_removed_at = "", now
    session.add(upload)
    session.flush()


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


def _audit(session: Session, upload: Upload, user_id: UserId, action: str, now: datetime) -> None:
    tenants.record_audit(
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
        },
        now=now,
    )


def _field(upload_id: UUID, part_number: int) -> crypto.Field:
    return crypto.Field("upload_part", "rows", f"{upload_id}:{part_number}")
