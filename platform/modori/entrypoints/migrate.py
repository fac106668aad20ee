"""Bring the schema up to date, as the owner. Safe to run from several machines at once."""

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, pool, text

from modori.entrypoints import resources

LOCK = 0x6D6F646F7269
"""Advisory lock, so that two deployments migrate one after the other ("modori" in hex)."""


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(resources.migrations()))
    config.set_main_option("path_separator", "os")
    return config


def upgrade(owner_url: str, *, to: str = "head") -> None:
    """Run every migration that has not run yet, up to and with `to`."""
    engine = create_engine(owner_url.replace("postgresql://", "postgresql+psycopg://", 1), poolclass=pool.NullPool)
    with engine.connect() as connection:
        connection.execute(text("select pg_advisory_lock(:lock)"), {"lock": LOCK})
        connection.commit()
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, to)
        connection.commit()
    engine.dispose()


def new_revision(owner_url: str, message: str) -> None:
    """Write a migration from the difference between the tables' classes and the database: `make migration`."""
    engine = create_engine(owner_url.replace("postgresql://", "postgresql+psycopg://", 1), poolclass=pool.NullPool)
    with engine.connect() as connection:
        config = _config()
        config.attributes["connection"] = connection
        command.revision(config, message=message, autogenerate=True)
    engine.dispose()


def newest_revision() -> str | None:
    """Say which migration the code ends with."""
    return ScriptDirectory.from_config(_config()).get_current_head()
