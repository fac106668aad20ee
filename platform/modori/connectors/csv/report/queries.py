"""Every query about what people read of uploaded files."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlmodel import Session

from modori.connectors.csv.model import RowOutcome, UploadKind, UploadState
from modori.connectors.csv.queries import name_field
from modori.connectors.csv.tables import CellFault
from modori.connectors.csv.tallies import Tally, from_json
from modori.kernel.errors import NotFound
from modori.kernel.ids import TenantId
from modori.reports.paging import Cursor
from modori.storage import crypto
from modori.storage.db import ReadSession


@dataclass(frozen=True, slots=True)
class UploadListed:
    """An uploaded file in a list, or on its page. Counts are of rows by outcome, as far as they have been looked at."""

    tenant_id: TenantId
    upload_id: UUID
    client: str
    site_id: UUID
    site_name: str
    kind: UploadKind
    state: UploadState
    file_name: str
    encoding: str
    delimiter: str
    headers: Mapping[str, str]
    layout: str | None
    passed_over: Sequence[str]
    timezone: str
    bytes_count: int
    rows_count: int
    parts_count: int
    checked_parts: int
    applied_parts: int
    made_at: datetime
    made_by: str | None
    approved_at: datetime | None
    approved_by: str | None
    applied_at: datetime | None
    stopped_at: datetime | None
    stopped_by: str | None
    rows_removed_at: datetime | None
    counts: Mapping[RowOutcome, int]
    tally: Tally


@dataclass(frozen=True, slots=True)
class RowListed:
    """One row's line of the report. name: an order's number, or a masked contact point; "" where there is none."""

    row_number: int
    name: str
    outcome: RowOutcome
    is_applied: bool
    reason: str | None
    field: str | None
    twin: int | None
    """The row further up in the file that speaks of the same thing, where that is the reason."""


_LISTED = """
    select u.*, t.name as client, s.name as site_name, m.name as made_by_name, a.name as approved_by_name,
      p.name as stopped_by_name,
      coalesce((select jsonb_object_agg(counted.outcome, counted.rows) from (
        select r.outcome, count(*) as rows from upload_row r
        where r.tenant_id = u.tenant_id and r.upload_id = u.upload_id group by 1) counted), '{}'::jsonb) as counts
    from (%s) u
    join tenant t on t.tenant_id = u.tenant_id
    join site s on s.tenant_id = u.tenant_id and s.site_id = u.site_id
    left join user_account m on m.user_id = u.made_by
    left join user_account a on a.user_id = u.approved_by
    left join user_account p on p.user_id = u.stopped_by
    order by u.made_at desc, u.upload_id desc
    """


def list_uploads(
    session: ReadSession, *, tenant_ids: Sequence[TenantId], after: Cursor | None, limit: int
) -> list[UploadListed]:
    """List the files of several clients, newest first, those after `after`."""
    newest = (
        "select x.* from unnest(cast(:tenants as uuid[])) as mine(tenant_id) cross join lateral ("
        "  select * from upload y where y.tenant_id = mine.tenant_id and (cast(:after_at as timestamptz) is null"
        "    or (y.made_at, y.upload_id) < (:after_at, cast(:after_id as uuid)))"
        "  order by y.made_at desc, y.upload_id desc limit :limit) x"
        " order by x.made_at desc, x.upload_id desc limit :limit"
    )
    rows = session.connection().execute(
        text(_LISTED % newest),
        {
            "tenants": list(tenant_ids),
            "after_at": after.at if after else None,
            "after_id": after.row_id if after else None,
            "limit": limit,
        },
    )
    return [_listed(row) for row in rows]


def get_upload_listed(session: ReadSession, *, tenant_id: TenantId, upload_id: UUID) -> UploadListed:
    """Read one file with its counts. raises NotFound"""
    one = "select * from upload where tenant_id = :tenant_id and upload_id = :upload_id"
    row = (
        session.connection()
        .execute(text(_LISTED % one), {"tenant_id": tenant_id, "upload_id": upload_id})
        .one_or_none()
    )
    if row is None:
        raise NotFound("There is no such upload.")
    return _listed(row)


def find_same_file(session: Session, *, tenant_id: TenantId, upload_id: UUID) -> UUID | None:
    """Find an earlier upload of the very same file for the same site."""
    found = session.connection().execute(
        text(
            "select e.upload_id from upload u join upload e on e.tenant_id = u.tenant_id and e.site_id = u.site_id"
            " and e.file_sha256 = u.file_sha256 and e.upload_id < u.upload_id and e.state <> 'dropped'"
            " where u.tenant_id = :tenant_id and u.upload_id = :upload_id order by e.upload_id desc limit 1"
        ),
        {"tenant_id": tenant_id, "upload_id": upload_id},
    )
    earlier: UUID | None = found.scalar_one_or_none()
    return earlier


def list_rows(
    session: ReadSession,
    *,
    tenant_id: TenantId,
    upload_id: UUID,
    outcome: RowOutcome | None,
    after: int,
    limit: int,
) -> list[RowListed]:
    """List what rows came to, in the file's order, from after a row number; those of one outcome, or of all."""
    found = session.connection().execute(
        text(
            "with page as materialized (select * from upload_row r"
            "   where r.tenant_id = :tenant_id and r.upload_id = :upload_id and r.row_number > :after"
            "   and (cast(:outcome as text) is null or r.outcome = :outcome) order by r.row_number limit :limit"
            " ), twins as (select t.identity, min(t.row_number) as row_number from upload_row t"
            "   where t.tenant_id = :tenant_id and t.upload_id = :upload_id and t.outcome <> 'refused'"
            "   and t.identity in (select identity from page where reason = any(:twice)) group by t.identity)"
            " select r.row_number, r.outcome, r.applied_at is not null as is_applied, r.reason, r.field,"
            "   r.name, p.masked, t.row_number as twin from page r"
            " left join twins t on t.identity = r.identity and t.row_number < r.row_number"
            "   and r.reason = any(:twice)"
            " left join consent c on c.tenant_id = r.tenant_id and c.consent_id = r.subject_id"
            " left join contact_point p on p.tenant_id = c.tenant_id and p.contact_point_id = c.contact_point_id"
            " order by r.row_number"
        ),
        {
            "tenant_id": tenant_id,
            "upload_id": upload_id,
            "outcome": None if outcome is None else outcome.value,
            "after": after,
            "limit": limit,
            "twice": [CellFault.REPEATED.value, CellFault.ORDER_TWICE.value, CellFault.RETURN_TWICE.value],
        },
    )
    return [
        RowListed(
            row_number=row.row_number,
            name=row.masked or _opened(session, tenant_id, upload_id, row),
            outcome=RowOutcome(row.outcome),
            is_applied=row.is_applied,
            reason=row.reason,
            field=row.field,
            twin=row.twin,
        )
        for row in found
    ]


def iter_rows(session: ReadSession, *, tenant_id: TenantId, upload_id: UUID) -> Iterator[RowListed]:
    """Stream every row's line, in the file's order."""
    after, page = 0, 5000
    while True:
        rows = list_rows(session, tenant_id=tenant_id, upload_id=upload_id, outcome=None, after=after, limit=page)
        yield from rows
        if len(rows) < page:
            return
        after = rows[-1].row_number


def _opened(session: ReadSession, tenant_id: TenantId, upload_id: UUID, row: Any) -> str:
    """Open a row's name; what a destroyed key took away stays closed."""
    if row.name is not None:
        with suppress(crypto.CannotOpen):
            return crypto.unseal(session, tenant_id, name_field(upload_id, row.row_number), bytes(row.name))
    return ""


def _listed(row: Any) -> UploadListed:
    return UploadListed(
        tenant_id=TenantId(row.tenant_id),
        upload_id=row.upload_id,
        client=row.client,
        site_id=row.site_id,
        site_name=row.site_name,
        kind=UploadKind(row.kind),
        state=UploadState(row.state),
        file_name=row.file_name,
        encoding=row.encoding,
        delimiter=row.delimiter,
        headers=row.headers,
        layout=row.layout,
        passed_over=(row.passed_over or "").splitlines(),
        timezone=row.timezone,
        bytes_count=row.bytes_count,
        rows_count=row.rows_count,
        parts_count=row.parts_count,
        checked_parts=row.checked_parts,
        applied_parts=row.applied_parts,
        made_at=row.made_at,
        made_by=row.made_by_name,
        approved_at=row.approved_at,
        approved_by=row.approved_by_name,
        applied_at=row.applied_at,
        stopped_at=row.stopped_at,
        stopped_by=row.stopped_by_name,
        rows_removed_at=row.rows_removed_at,
        counts={RowOutcome(name): count for name, count in row.counts.items()},
        tally=from_json(row.sums, row.first_at, row.last_at),
    )
