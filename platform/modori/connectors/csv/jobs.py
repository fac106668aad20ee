"""What follows an upload and its approval. Wiring makes actors of these.

A job works for some seconds and promises the rest, so that a file of fifty thousand rows does not keep a worker from
everybody else's work. Killed anywhere, it goes on after the last part that came to its end; a row that is on record
stays as it is.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from time import monotonic
from typing import Any, Final
from uuid import UUID

from modori.background import work
from modori.connectors.csv import queries
from modori.connectors.csv.actions import continue_later
from modori.connectors.csv.applying import apply_row, finish_applying_part, refuse_row
from modori.connectors.csv.checking import finish_checking_part
from modori.connectors.csv.context import context_of
from modori.connectors.csv.forgetting import empty_rows, list_rows_about
from modori.connectors.csv.judging import judge_rows
from modori.connectors.csv.model import RowOutcome, Upload, UploadState
from modori.connectors.csv.parts import open_part
from modori.connectors.csv.reading import RowContext, wrong_of
from modori.kernel import clock
from modori.kernel.errors import ModoriError
from modori.kernel.ids import SiteId, TenantId
from modori.people.model import ContactKind
from modori.storage.db import read_transaction, tenant_transaction
from modori.storage.failures import DATABASE_FAILURES, refusal_of
from modori.storage.retrying import retry_deadlocks
from modori.tenants.sites import queries as sites

WORKS_FOR_S: Final = 5.0


def check_upload_now(tenant_id: str, work_id: str) -> None:
    """Say what each row would come to."""
    work.run_outside(tenant_id, work_id, _in_turns(tenant_id, UploadState.CHECKING, _check_part))


def apply_upload_now(tenant_id: str, work_id: str) -> None:
    """Record the rows of an approved file, one transaction each, in the file's order."""
    work.run_outside(tenant_id, work_id, _in_turns(tenant_id, UploadState.APPLYING, _apply_part))


def forget_in_uploads_now(tenant_id: str, work_id: str) -> None:
    """Take an erased address or number, and what stands beside it, out of the rows that still wait."""
    tenant = TenantId(UUID(tenant_id))

    def do(payload: dict[str, Any], _now: datetime) -> None:
        about = ContactKind(payload["kind"]), bytes.fromhex(payload["value_index"])
        with read_transaction([tenant]) as session:
            waiting = queries.list_open_uploads(session, tenant_id=tenant)
            country = {
                site_id: sites.get_site(session, tenant_id=tenant, site_id=SiteId(site_id)).country
                for site_id in {upload.site_id for upload in waiting}
            }
        for upload in waiting:
            for number in range(upload.parts_count):
                _forget_in_part(tenant, upload.upload_id, number, about, country[upload.site_id])

    work.run_outside(tenant_id, work_id, do)


def _forget_in_part(
    tenant: TenantId, upload_id: UUID, number: int, about: tuple[ContactKind, bytes], country: str
) -> None:
    """Look through one part in a transaction that cannot write: nearly none holds what is looked for."""
    with read_transaction([tenant]) as session:
        rows = open_part(session, tenant_id=tenant, upload_id=upload_id, part_number=number) or []
    kind, index = about
    numbers = list_rows_about(rows, tenant_id=tenant, kind=kind, index=index, country=country)
    if numbers:
        with tenant_transaction(tenant) as session:
            empty_rows(session, tenant_id=tenant, upload_id=upload_id, part_number=number, numbers=numbers)


def _in_turns(
    tenant_id: str, while_in: UploadState, do_part: Callable[[Upload, RowContext], UploadState]
) -> Callable[[dict[str, Any], datetime], None]:
    """Make the effect of a job: part after part while the file is in that state, and a promise of what is left."""
    tenant = TenantId(UUID(tenant_id))

    def do(payload: dict[str, Any], _now: datetime) -> None:
        upload_id, until = UUID(payload["upload_id"]), monotonic() + WORKS_FOR_S
        while monotonic() < until:
            with read_transaction([tenant]) as session:
                upload = queries.get_upload(session, tenant_id=tenant, upload_id=upload_id)
                if upload.state is not while_in:
                    return
                context = context_of(session, upload, now=clock.now())
            if do_part(upload, context) is not while_in:
                return
        with tenant_transaction(tenant) as session:
            continue_later(session, tenant_id=tenant, upload_id=upload_id, now=clock.now())

    return do


def _check_part(upload: Upload, context: RowContext) -> UploadState:
    """Judge one part in a transaction that cannot write, and keep the answers in another."""
    tenant_id, number = context.tenant_id, upload.checked_parts
    with read_transaction([tenant_id]) as session:
        rows = open_part(session, tenant_id=tenant_id, upload_id=upload.upload_id, part_number=number)
        if rows is None:
            return UploadState.DROPPED
        judged = judge_rows(session, upload_id=upload.upload_id, kind=upload.kind, rows=rows, context=context)
    with tenant_transaction(tenant_id) as session:
        return finish_checking_part(
            session, tenant_id=tenant_id, upload_id=upload.upload_id, part_number=number, judged=judged, now=clock.now()
        )


def _apply_part(upload: Upload, context: RowContext) -> UploadState:
    tenant_id, number = context.tenant_id, upload.applied_parts
    with read_transaction([tenant_id]) as session:
        rows = open_part(session, tenant_id=tenant_id, upload_id=upload.upload_id, part_number=number)
        if rows is None:
            return UploadState.DROPPED
        open_rows = queries.list_unapplied_rows(
            session, tenant_id=tenant_id, upload_id=upload.upload_id, row_numbers=[row for row, _ in rows]
        )
    wanted = {row.row_number for row in open_rows if row.outcome is not RowOutcome.REFUSED}
    for row_number, cells in rows:
        if row_number in wanted:
            state = _apply_row(upload.upload_id, row_number, cells, context)
            if state is not UploadState.APPLYING:
                return state
    with tenant_transaction(tenant_id) as session:
        return finish_applying_part(
            session,
            tenant_id=tenant_id,
            upload_id=upload.upload_id,
            part_number=number,
            numbers=[row for row, _ in rows],
            now=clock.now(),
        )


@retry_deadlocks
def _apply_row(upload_id: UUID, row_number: int, cells: Mapping[str, str], context: RowContext) -> UploadState:
    """Record one row; a refusal undoes whatever it had begun, and is written down. Returns the file's state."""
    tenant_id = context.tenant_id
    try:
        with tenant_transaction(tenant_id) as session:
            return apply_row(session, upload_id=upload_id, row_number=row_number, cells=cells, context=context)
    except ModoriError as error:
        refused = error
    except DATABASE_FAILURES as error:
        found = refusal_of(error)
        if found is None or found.status >= 500:
            raise
        refused = found
    with tenant_transaction(tenant_id) as session:
        return refuse_row(
            session,
            tenant_id=tenant_id,
            upload_id=upload_id,
            row_number=row_number,
            wrong=wrong_of(refused),
            now=clock.now(),
        )
