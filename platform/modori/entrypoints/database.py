"""The process's keys and database, as app and scan; an unsafe role is refused."""

import time
from typing import Final

from sqlalchemy.exc import OperationalError

from modori.entrypoints.settings import Settings
from modori.storage import crypto, db
from modori.storage.guard import refuse_unsafe_role

PATIENCE_S: Final = 30.0
"""How long a process waits at its start for a database that is not up yet."""


def open_database(settings: Settings) -> db.Database:
    """Set the keys, open the database as app and scan, and refuse roles that row security does not bind (G7)."""
    if settings.database_url is None or settings.scan_database_url is None:
        raise RuntimeError("settings.read_safe has not been asked")
    crypto.configure(crypto.RootKeys(master=settings.raw_master_key, index=settings.raw_index_key))
    database = db.connect(
        app_url=settings.database_url.get_secret_value(),
        scan_url=settings.scan_database_url.get_secret_value(),
        pool_size=settings.database_pool,
    )
    deadline = time.monotonic() + PATIENCE_S
    for engine in (database.app, database.scan):
        while True:
            try:
                with engine.connect() as connection:
                    refuse_unsafe_role(connection)
                break
            except OperationalError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.5)
    return database
