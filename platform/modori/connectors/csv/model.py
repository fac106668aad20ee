"""An uploaded file: its sealed rows while they are needed, and what became of each."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKeyConstraint, Index, text
from sqlmodel import Field

from modori.storage.columns import Instant, Json, TenantRow, choice


class UploadKind(StrEnum):
    """What a file's rows are."""

    ORDERS = "orders"
    RETURNS = "returns"
    CONSENTS = "consents"


class UploadState(StrEnum):
    """What becomes of an uploaded file.

        checking → checked → applying → applied
        applying → stopped                (by a person: what is on record stays, the rest is not recorded)
        checking | checked → dropped      (by a person, or 30 days old; applying too, if nobody mends its work)

    checking reads each row and stores nothing but what it would come to; applying records them, in the file's order.
    """

    CHECKING = "checking"
    CHECKED = "checked"
    APPLYING = "applying"
    APPLIED = "applied"
    STOPPED = "stopped"
    DROPPED = "dropped"


class RowOutcome(StrEnum):
    """What a row comes to.

    new        it is recorded
    known      it is on record already: nothing changes
    kept       it is recorded and has no effect on bills yet: an order with an unreadable address, which only stops
               messages; a return whose order is not known yet
    refused    it cannot be, for a reason
    unapplied  somebody stopped the file before this row: nothing of it was recorded
    """

    NEW = "new"
    KNOWN = "known"
    KEPT = "kept"
    REFUSED = "refused"
    UNAPPLIED = "unapplied"


class Upload(TenantRow, table=True):
    """One file for one site. Orders of an applied one bill (G11): a person approved it."""

    __tablename__ = "upload"
    upload_id: UUID = Field(primary_key=True)
    site_id: UUID
    kind: UploadKind = Field(sa_type=choice(UploadKind))
    state: UploadState = Field(default=UploadState.CHECKING, sa_type=choice(UploadState))
    file_name: str
    """As the browser said it; emptied with the rows."""
    file_sha256: bytes
    """Of the file as it came: which file somebody approved, long after its rows are gone (G9)."""
    bytes_count: int
    encoding: str
    delimiter: str
    headers: dict[str, Any] = Field(sa_type=Json)
    """Field → the header under which the file has it."""
    layout: str | None = None
    """The system whose export it was recognised as (`layouts.LAYOUTS`)."""
    passed_over: str | None = None
    """Headers that would have done for a field, too, and were not taken; one a line."""
    timezone: str
    """The zone in which times without one are read: the site's, when the file came."""
    rows_count: int
    parts_count: int
    checked_parts: int = 0
    applied_parts: int = 0
    """Parts come to their end in order; a job that was killed goes on after these."""
    made_at: datetime = Field(sa_type=Instant)
    made_by: UUID | None = None
    checked_at: datetime | None = Field(default=None, sa_type=Instant)
    sums: list[dict[str, Any]] | None = Field(default=None, sa_type=Json)
    """What the rows that approving would record add up to (`tallies.Tally`); it names nobody, and stays."""
    first_at: datetime | None = Field(default=None, sa_type=Instant)
    """The earliest instant that those rows say, and the latest."""
    last_at: datetime | None = Field(default=None, sa_type=Instant)
    approved_at: datetime | None = Field(default=None, sa_type=Instant)
    approved_by: UUID | None = None
    applied_at: datetime | None = Field(default=None, sa_type=Instant)
    stopped_at: datetime | None = Field(default=None, sa_type=Instant)
    stopped_by: UUID | None = None
    rows_removed_at: datetime | None = Field(default=None, sa_type=Instant)
    """When the sealed rows went."""

    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "site_id"], ["site.tenant_id", "site.site_id"]),
        Index("upload_by_time", "tenant_id", "made_at"),
        Index("upload_to_remove", "made_at", postgresql_where=text("rows_removed_at is null")),
    )


class UploadPart(TenantRow, table=True):
    """Up to a hundred rows of a file, sealed: JSON `[[row number, {field: cell}], …]`. It goes when nobody needs it."""

    __tablename__ = "upload_part"
    upload_id: UUID = Field(primary_key=True)
    part_number: int = Field(primary_key=True)
    rows: bytes

    __table_args__ = (ForeignKeyConstraint(["tenant_id", "upload_id"], ["upload.tenant_id", "upload.upload_id"]),)


class UploadRow(TenantRow, table=True):
    """What one row came to, and what it is called, without anything else that it said: what stays as the report."""

    __tablename__ = "upload_row"
    upload_id: UUID = Field(primary_key=True)
    row_number: int = Field(primary_key=True)
    """As a spreadsheet counts: the header is row 1."""
    outcome: RowOutcome = Field(sa_type=choice(RowOutcome))
    """Of the latest look: the check's until the row is applied."""
    applied_at: datetime | None = Field(default=None, sa_type=Instant)
    reason: str | None = None
    """The code of why it is refused or only kept."""
    field: str | None = None
    """Which field the reason is about."""
    identity: bytes | None = None
    """SHA-256 of what makes the row one thing: an order's id, say. Finds the same thing again further down."""
    contents: bytes | None = None
    """SHA-256 of what it says, so that a repetition is told from a contradiction."""
    subject_id: UUID | None = None
    """The order, reversal or consent on record."""
    name: bytes | None = None
    """Sealed: what the row is called (`naming.name_row`). A consent's goes with the sealed rows, or by an erasure."""

    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "upload_id"], ["upload.tenant_id", "upload.upload_id"]),
        Index("upload_row_by_identity", "tenant_id", "upload_id", "identity"),
        Index("upload_row_of_subject", "tenant_id", "subject_id", postgresql_where=text("subject_id is not null")),
    )
