"""/healthz: the process lives. /readyz: it can do its work: PostgreSQL answers as the app, at the code's schema."""

from functools import cache
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from modori.background.valkey import LOST, client_of
from modori.entrypoints import migrate, queries
from modori.storage.db import agency_transaction

READY, DEGRADED, UNREADY = "ready", "degraded", "unready"

Checks = dict[str, str]
FINE: Final = "ok"


def look(redis_url: str) -> tuple[str, Checks]:
    """Judge whether to send requests here. Without Valkey everything works, only later: that is degraded."""
    checks = {"postgresql": _look_at_database(), "valkey": _look_at_valkey(redis_url)}
    if checks["postgresql"] != FINE:
        return UNREADY, checks
    return (READY if checks["valkey"] == FINE else DEGRADED), checks


def _look_at_database() -> str:
    try:
        with agency_transaction() as session:
            version = queries.find_schema_version(session)
    except SQLAlchemyError:
        return "does not answer"
    return FINE if version == _newest_schema() else f"schema is {version}, the code wants {_newest_schema()}"


def _look_at_valkey(url: str) -> str:
    client = client_of(url)
    try:
        client.ping()
    except LOST:
        return "does not answer"
    finally:
        client.close()
    return FINE


@cache
def _newest_schema() -> str | None:
    return migrate.newest_revision()
