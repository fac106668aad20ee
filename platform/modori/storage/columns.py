"""Column types and the base of every tenant's table."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import DateTime, Dialect, Enum
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeDecorator
from sqlmodel import Field, SQLModel


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


class TenantRow(SQLModel):
    """Base of a table that holds a client's rows: its primary key starts with tenant_id (G7)."""

    tenant_id: UUID = Field(primary_key=True)
