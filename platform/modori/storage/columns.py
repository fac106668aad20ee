"""Column types and the base of every tenant's table."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import TEXT, DateTime, Dialect, Enum
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeDecorator
from sqlmodel import Field, SQLModel
from sqlmodel.sql.sqltypes import AutoString


class Instant(TypeDecorator[datetime]):
    """timestamptz that refuses a naive datetime on its way in."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is not None and value.tzinfo is None:
            raise ValueError("a naive datetime cannot be stored")
        return value


Json: Any = JSONB


def choice(states: type[StrEnum]) -> Any:
    """Make the column type of a StrEnum: text with a CHECK, never a native enum that migrations cannot shrink."""
    return Enum(
        states,
        native_enum=False,
        create_constraint=True,
        length=40,
        name=states.__name__.lower(),
        values_callable=lambda members: [member.value for member in members],
    )


def differs(_context: Any, _column: Any, _wanted: Any, stored: Any, wanted: Any) -> bool | None:
    """Alembic's type comparator: a str without a length is text, which it would take for a change."""
    return False if isinstance(wanted, AutoString) and isinstance(stored, TEXT) else None


class TenantRow(SQLModel):
    """Base of a table that holds a client's rows: its primary key starts with tenant_id (G7)."""

    tenant_id: UUID = Field(primary_key=True)
