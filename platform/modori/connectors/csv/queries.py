"""Every query about uploaded files, and what their rows are compared with."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlmodel import Session, col, select

from modori.connectors.csv.model import Upload, UploadPart, UploadRow
from modori.kernel.errors import NotFound
from modori.kernel.ids import SiteId, TenantId
from modori.kernel.money import Money
from modori.storage.crypto import Field


class OldUpload(NamedTuple):
    """A file whose rows must go."""

    tenant_id: TenantId
    upload_id: UUID


class KnownOrder(NamedTuple):
    """An order on record, as far as a row is compared with it."""

    external_id: str
    currency: str
    value_minor: int
    reversed_minor: int
    is_proven: bool

    def is_worth(self, value: Money) -> bool:
        return (self.value_minor, self.currency) == (value.minor, value.currency)


class KnownReversal(NamedTuple):
    """A reversal on record."""

    order_external_id: str
    external_id: str
    value_major: str | None
    reason: str
    reversed_at: datetime


class KnownRow(NamedTuple):
    """The same thing further up in the same file."""

    identity: bytes
    contents: bytes


def insert_upload(session: Session, upload: Upload, parts: Sequence[UploadPart]) -> None:
    session.add(upload)
    session.flush()
    session.add_all(parts)
    session.flush()


def get_upload(session: Session, *, tenant_id: TenantId, upload_id: UUID) -> Upload:
    """Read one without a lock. raises NotFound"""
    found = session.get(Upload, (tenant_id, upload_id))
    if found is None:
        raise NotFound("There is no such upload.")
    return found


def lock_upload(session: Session, *, tenant_id: TenantId, upload_id: UUID) -> Upload:
    """Lock one and read it as it is under the lock. raises NotFound"""
    found = session.exec(
        select(Upload)
        .where(Upload.tenant_id == tenant_id, Upload.upload_id == upload_id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    ).one_or_none()
    if found is None:
        raise NotFound("There is no such upload.")
    return found


def find_part(session: Session, *, tenant_id: TenantId, upload_id: UUID, part_number: int) -> UploadPart | None:
    return session.get(UploadPart, (tenant_id, upload_id, part_number))


def delete_parts(session: Session, *, tenant_id: TenantId, upload_id: UUID) -> int:
    gone = session.connection().execute(
        text("delete from upload_part where tenant_id = :tenant_id and upload_id = :upload_id"),
        {"tenant_id": tenant_id, "upload_id": upload_id},
    )
    return int(gone.rowcount)


def insert_rows(session: Session, rows: Sequence[UploadRow]) -> None:
    """Insert what rows come to; one that is there already stays as it is."""
    if not rows:
        return
    session.connection().execute(
        text(
            "insert into upload_row"
            " (tenant_id, upload_id, row_number, outcome, reason, field, identity, contents, name)"
            " values (:tenant_id, :upload_id, :row_number, :outcome, :reason, :field, :identity, :contents, :name)"
            " on conflict (tenant_id, upload_id, row_number) do nothing"
        ),
        [row.model_dump(exclude={"applied_at", "subject_id"}) | {"outcome": row.outcome.value} for row in rows],
    )


def lock_row(session: Session, *, tenant_id: TenantId, upload_id: UUID, row_number: int) -> UploadRow:
    """Lock one row's line, before anything that it may lead to. raises NotFound"""
    found = session.exec(
        select(UploadRow)
        .where(UploadRow.tenant_id == tenant_id, UploadRow.upload_id == upload_id, UploadRow.row_number == row_number)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    ).one_or_none()
    if found is None:
        raise NotFound("There is no such row.")
    return found


def list_unapplied_rows(
    session: Session, *, tenant_id: TenantId, upload_id: UUID, row_numbers: Sequence[int]
) -> list[UploadRow]:
    """List those of some rows that have not been applied, in the file's order."""
    return list(
        session.exec(
            select(UploadRow)
            .where(
                UploadRow.tenant_id == tenant_id,
                UploadRow.upload_id == upload_id,
                col(UploadRow.row_number).in_(row_numbers),
                col(UploadRow.applied_at).is_(None),
            )
            .order_by(col(UploadRow.row_number))
            .limit(len(row_numbers))
        )
    )


class OpenUpload(NamedTuple):
    """A file that still has its rows."""

    upload_id: UUID
    site_id: UUID
    parts_count: int


def list_open_uploads(session: Session, *, tenant_id: TenantId) -> list[OpenUpload]:
    """List a client's files that still have their rows, oldest first, at most 1,000: none is older than 30 days."""
    found = session.connection().execute(
        text(
            "select upload_id, site_id, parts_count from upload where tenant_id = :tenant_id"
            " and rows_removed_at is null order by made_at, upload_id limit 1000"
        ),
        {"tenant_id": tenant_id},
    )
    return [OpenUpload(*row) for row in found]


def replace_part(session: Session, part: UploadPart) -> None:
    """Put a part's rows in the place of those that are there."""
    session.connection().execute(
        text(
            "delete from upload_part where tenant_id = :tenant_id and upload_id = :upload_id"
            " and part_number = :part_number"
        ),
        {"tenant_id": part.tenant_id, "upload_id": part.upload_id, "part_number": part.part_number},
    )
    session.expunge_all()
    session.add(part)
    session.flush()


def refuse_erased(session: Session, *, tenant_id: TenantId, upload_id: UUID, row_numbers: Sequence[int]) -> None:
    """Say of rows that nobody has recorded yet that the person whom they are about was erased."""
    session.connection().execute(
        text(
            "update upload_row set outcome = 'refused', reason = 'erased', field = null where tenant_id = :tenant_id"
            " and upload_id = :upload_id and row_number = any(:numbers) and applied_at is null"
        ),
        {"tenant_id": tenant_id, "upload_id": upload_id, "numbers": list(row_numbers)},
    )


def forget_names(session: Session, *, tenant_id: TenantId, upload_id: UUID, row_numbers: Sequence[int] | None) -> None:
    """Forget what some rows of a file, or all of them (None), are called."""
    session.connection().execute(
        text(
            "update upload_row set name = null where tenant_id = :tenant_id and upload_id = :upload_id"
            " and name is not null and (cast(:numbers as int[]) is null or row_number = any(:numbers))"
        ),
        {
            "tenant_id": tenant_id,
            "upload_id": upload_id,
            "numbers": None if row_numbers is None else list(row_numbers),
        },
    )


def name_field(upload_id: UUID, row_number: int) -> Field:
    """Say which field a row's sealed name is."""
    return Field("upload_row", "name", f"{upload_id}:{row_number}")


class PlacedRow(NamedTuple):
    """Where a row lies: its number, and how many rows of the file lie before it."""

    row_number: int
    rows_before: int


def find_row_to_record(session: Session, *, tenant_id: TenantId, upload_id: UUID) -> PlacedRow | None:
    """Find the first row that comes to something new, else the first that would only be kept."""
    found = (
        session.connection()
        .execute(
            text(
                "select r.row_number, (select count(*) from upload_row b where b.tenant_id = r.tenant_id"
                "   and b.upload_id = r.upload_id and b.row_number < r.row_number)"
                " from upload_row r where r.tenant_id = :tenant_id and r.upload_id = :upload_id"
                " and r.outcome in ('new', 'kept') order by r.outcome = 'kept', r.row_number limit 1"
            ),
            {"tenant_id": tenant_id, "upload_id": upload_id},
        )
        .one_or_none()
    )
    return None if found is None else PlacedRow(found[0], found[1])


def settle_refused(
    session: Session, *, tenant_id: TenantId, upload_id: UUID, row_numbers: Sequence[int], now: datetime
) -> None:
    """What the check has refused stays refused when the rest is applied: that is what was approved."""
    session.connection().execute(
        text(
            "update upload_row set applied_at = :now where tenant_id = :tenant_id and upload_id = :upload_id"
            " and row_number = any(:numbers) and outcome = 'refused' and applied_at is null"
        ),
        {"tenant_id": tenant_id, "upload_id": upload_id, "numbers": list(row_numbers), "now": now},
    )


def leave_unapplied(session: Session, *, tenant_id: TenantId, upload_id: UUID) -> int:
    """Say of rows that would have been recorded, and were not, that they never will be. Returns how many they are."""
    left = session.connection().execute(
        text(
            "update upload_row set outcome = 'unapplied', reason = null, field = null where tenant_id = :tenant_id"
            " and upload_id = :upload_id and applied_at is null and outcome <> 'refused'"
        ),
        {"tenant_id": tenant_id, "upload_id": upload_id},
    )
    return int(left.rowcount)


def list_rows_by_identity(
    session: Session, *, tenant_id: TenantId, upload_id: UUID, identities: Sequence[bytes]
) -> list[KnownRow]:
    """Find the same things further up in the same file, the first of each, refused ones left out."""
    found = session.connection().execute(
        text(
            "select distinct on (identity) identity, contents from upload_row where tenant_id = :tenant_id"
            " and upload_id = :upload_id and identity = any(:identities) and outcome <> 'refused'"
            " order by identity, row_number"
        ),
        {"tenant_id": tenant_id, "upload_id": upload_id, "identities": list(identities)},
    )
    return [KnownRow(bytes(row[0]), bytes(row[1])) for row in found]


def list_known_orders(
    session: Session, *, tenant_id: TenantId, site_id: SiteId, external_ids: Sequence[str]
) -> list[KnownOrder]:
    """Find orders of a site by the ids that its shop gave them. Takes no lock."""
    found = session.connection().execute(
        text(
            "select external_id, currency, value_minor, reversed_minor, proven_at is not null from purchase_order"
            " where tenant_id = :tenant_id and site_id = :site_id and external_id = any(:ids)"
        ),
        {"tenant_id": tenant_id, "site_id": site_id, "ids": list(external_ids)},
    )
    return [KnownOrder(*row) for row in found]


def list_known_reversals(
    session: Session, *, tenant_id: TenantId, site_id: SiteId, order_ids: Sequence[str]
) -> list[KnownReversal]:
    """Find what has been said of reversals of some orders. Takes no lock."""
    found = session.connection().execute(
        text(
            "select order_external_id, external_id, value_major, reason, reversed_at from reversal"
            " where tenant_id = :tenant_id and site_id = :site_id and order_external_id = any(:ids)"
        ),
        {"tenant_id": tenant_id, "site_id": site_id, "ids": list(order_ids)},
    )
    return [KnownReversal(*row) for row in found]


def list_known_consents(
    session: Session, *, tenant_id: TenantId, site_id: SiteId, value_indexes: Sequence[bytes]
) -> list[tuple[bytes, str, bool, bytes, datetime]]:
    """Find what some contact points have said on a site: (value_index, channel, granted, text_hash, given_at)."""
    found = session.connection().execute(
        text(
            "select p.value_index, c.channel, c.granted, c.text_hash, c.given_at from contact_point p"
            " join consent c on c.tenant_id = p.tenant_id and c.contact_point_id = p.contact_point_id"
            " where p.tenant_id = :tenant_id and p.value_index = any(:indexes) and c.site_id = :site_id"
        ),
        {"tenant_id": tenant_id, "site_id": site_id, "indexes": list(value_indexes)},
    )
    return [(bytes(row[0]), row[1], row[2], bytes(row[3]), row[4]) for row in found]


def list_old_uploads(session: Session, *, before: datetime, limit: int) -> list[OldUpload]:
    """List files of all tenants whose rows are older than `before` and still there. Scan role."""
    found = session.connection().execute(
        text(
            "select tenant_id, upload_id from upload where rows_removed_at is null and made_at < :before"
            " order by made_at limit :limit"
        ),
        {"before": before, "limit": limit},
    )
    return [OldUpload(TenantId(row[0]), row[1]) for row in found]
