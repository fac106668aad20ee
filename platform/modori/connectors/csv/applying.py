"""An approved file's rows, recorded one by one by the same actions as the API's, each with its line of the report."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from sqlmodel import Session

from modori.background.live import announce
from modori.connectors.csv import queries
from modori.connectors.csv.judging import amount_fault, consent_key, why_only_kept
from modori.connectors.csv.model import RowOutcome, Upload, UploadRow, UploadState
from modori.connectors.csv.parts import forget_parts
from modori.connectors.csv.reading import ConsentRow, FurtherLine, OrderRow, ReturnRow, RowContext, read_row
from modori.connectors.csv.tables import CellFault, Wrong
from modori.kernel.ids import TenantId, UserId
from modori.kernel.money import from_major
from modori.outcomes import actions as outcomes
from modori.outcomes.errors import OrderDiffers, ReversalBeforeOrder
from modori.outcomes.model import OrderSource
from modori.outcomes.reversals import record_reversal
from modori.people import actions as people
from modori.people import queries as people_queries
from modori.people.model import EvidenceSource
from modori.people.points import meet_contact_point


def apply_row(
    session: Session, *, upload_id: UUID, row_number: int, cells: Mapping[str, str], context: RowContext
) -> UploadState:
    """Record one approved row by the same actions as the API's, and what it came to. Again: no change.

    The file is locked before anything else: no row follows the commit of a stop.
    returns  the file's state; where that is not `applying`, nothing was recorded
    raises   whatever those actions refuse; the caller rolls back and writes it down by `refuse_row`
    """
    upload = queries.lock_upload(session, tenant_id=context.tenant_id, upload_id=upload_id)
    if upload.state is not UploadState.APPLYING:
        return upload.state
    row = _lock_row(session, upload, row_number)
    if row.applied_at is not None:
        return upload.state
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
    if came_to.outcome is RowOutcome.KNOWN and row.reason == CellFault.REPEATED:
        came_to = replace(came_to, wrong=Wrong(CellFault.REPEATED, row.field))
    _write_down(session, row, came_to, now=context.now)
    return upload.state


def refuse_row(
    session: Session, *, tenant_id: TenantId, upload_id: UUID, row_number: int, wrong: Wrong, now: datetime
) -> UploadState:
    """Write down that a row was refused when it was applied. Returns the file's state, as `apply_row` does."""
    upload = queries.lock_upload(session, tenant_id=tenant_id, upload_id=upload_id)
    if upload.state is not UploadState.APPLYING:
        return upload.state
    row = _lock_row(session, upload, row_number)
    if row.applied_at is None:
        _write_down(session, row, _Came(RowOutcome.REFUSED, wrong=wrong), now=now)
    return upload.state


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
        forget_parts(session, upload, now=now)
    session.add(upload)
    announce(session, tenant_id=tenant_id, topic="upload", subject=str(upload_id))
    return upload.state


@dataclass(frozen=True, slots=True)
class _Came:
    """What applying a row came to."""

    outcome: RowOutcome
    subject_id: UUID | None = None
    wrong: Wrong | None = None


def _lock_row(session: Session, upload: Upload, row_number: int) -> UploadRow:
    return queries.lock_row(
        session, tenant_id=TenantId(upload.tenant_id), upload_id=upload.upload_id, row_number=row_number
    )


def _write_down(session: Session, row: UploadRow, came_to: _Came, *, now: datetime) -> None:
    row.outcome, row.applied_at, row.subject_id = came_to.outcome, now, came_to.subject_id
    row.reason = None if came_to.wrong is None else str(came_to.wrong.code)
    row.field = None if came_to.wrong is None else came_to.wrong.field
    session.add(row)


def _brought_by(upload: Upload) -> list[UserId]:
    return [UserId(one) for one in (upload.made_by, upload.approved_by) if one is not None]


def _apply_order(session: Session, row: OrderRow, context: RowContext, *, vouched_by: Sequence[UserId]) -> _Came:
    """Record an order. One that a source that bills has said with the same amount is known, and stays as it is.

    Either way the file is word of the feed up to that order.
    """
    known = _find_known_order(session, row.order.id, context)
    if known is not None and known.is_proven:
        if not known.is_worth(from_major(row.order.value, row.order.currency)):
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
    if not done.unreadable and not row.is_exact:
        _hear_feed(session, row, context)
    wrong = why_only_kept(row, unreadable=done.unreadable)
    return _Came(RowOutcome.NEW if wrong is None else RowOutcome.KEPT, done.order.order_id, wrong)


def _find_known_order(session: Session, external_id: str, context: RowContext) -> queries.KnownOrder | None:
    found = queries.list_known_orders(
        session, tenant_id=context.tenant_id, site_id=context.site_id, external_ids=[external_id]
    )
    return found[0] if found else None


def _hear_feed(session: Session, row: OrderRow, context: RowContext) -> None:
    outcomes.hear_feed(
        session, tenant_id=context.tenant_id, site_id=context.site_id, until=row.heard_until, now=context.now
    )


def _apply_return(session: Session, row: ReturnRow, context: RowContext) -> _Came:
    order = _find_known_order(session, row.order_external_id, context)
    wrong = None if order is None else amount_fault(row, order.currency)
    if wrong is not None:
        return _Came(RowOutcome.REFUSED, wrong=wrong)
    done = record_reversal(
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
    point = meet_contact_point(
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
