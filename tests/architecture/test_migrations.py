"""The migrations and the tables' classes say the same."""

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, pool
from sqlmodel import SQLModel

import modori.entrypoints.tables  # noqa: F401  # every room's tables
from modori.entrypoints import migrate
from modori.storage.columns import differs
from modori.storage.roles import DatabaseUrls

BY_HAND = ("event_2", "event_past", "platform_contact", "alembic_version")
"""Made by the second migration in SQL: partitions, and the caps that no role may read."""


def test_nothing_is_left_to_migrate(database_urls: DatabaseUrls) -> None:
    engine = create_engine(
        database_urls.owner.replace("postgresql://", "postgresql+psycopg://"), poolclass=pool.NullPool
    )
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection,
            opts={
                "compare_type": differs,
                "include_name": lambda name, kind, _: not (kind == "table" and str(name).startswith(BY_HAND)),
            },
        )
        difference = compare_metadata(context, SQLModel.metadata)
    engine.dispose()
    assert difference == []


def test_a_second_upgrade_changes_nothing(database_urls: DatabaseUrls) -> None:
    migrate.upgrade(database_urls.owner)
