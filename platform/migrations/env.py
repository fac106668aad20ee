"""Alembic's environment: runs as the owner, over a connection that `modori.entrypoints.migrate` hands in."""

from typing import Any

from alembic import context
from sqlalchemy import Enum
from sqlmodel import SQLModel
from sqlmodel.sql.sqltypes import AutoString

import modori.entrypoints.tables  # noqa: F401  # every room's tables, so that autogenerate sees them
from modori.storage.columns import Instant, differs


def render_item(kind: str, item: Any, _context: Any) -> str | bool:
    """Write our column types as plain SQLAlchemy ones: a migration must not change when our classes do."""
    if kind == "type":
        if isinstance(item, AutoString):
            return "sa.Text()"
        if isinstance(item, Instant):
            return "sa.DateTime(timezone=True)"
        if isinstance(item, Enum):
            values = ", ".join(repr(value) for value in item.enums)
            return f"sa.Enum({values}, name={item.name!r}, native_enum=False, create_constraint=True, length=40)"
    return False


def include_name(name: str | None, kind: str, _parents: Any) -> bool:
    """Leave the partitions of `event` out: the function `ensure_event_partitions` makes them."""
    return not (
        kind == "table"
        and name is not None
        and (name.startswith("event_2") or name in ("event_past", "platform_contact"))
    )


connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=SQLModel.metadata,
    render_item=render_item,
    include_name=include_name,
    compare_type=differs,
    transaction_per_migration=True,
)
with context.begin_transaction():
    context.run_migrations()
