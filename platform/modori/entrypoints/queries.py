"""What health and metrics ask the database: no row of anybody's, only counts and ages."""

from typing import NamedTuple

from sqlalchemy import text
from sqlmodel import Session


class Backlog(NamedTuple):
    """What waits, over all tenants. Ages in seconds; 0 where nothing waits."""

    promises: int
    oldest_promise_s: float
    work_waiting: int
    oldest_work_s: float
    work_quarantined: int
    touches_due: int
    oldest_due_s: float
    touches_claimed: int
    deliveries_sending: int
    deliveries_unknown: int


_BACKLOG = text(
    """
    select
      (select count(*) from promise where relayed_at is null),
      (select coalesce(extract(epoch from now() - min(promised_at)), 0) from promise where relayed_at is null),
      (select count(*) from work where state = 'waiting'),
      (select coalesce(extract(epoch from now() - min(made_at)), 0) from work where state = 'waiting'),
      (select count(*) from work where state = 'quarantined'),
      (select count(*) from (select 1 from touch where state = 'planned' and due_at <= now() limit 100000) due),
      (select coalesce(extract(epoch from now() - min(due_at)), 0) from touch
        where state = 'planned' and due_at <= now()),
      (select count(*) from touch where state = 'claimed'),
      (select count(*) from delivery where state = 'sending'),
      (select count(*) from delivery where state = 'unknown')
    """
)


def count_backlog(session: Session) -> Backlog:
    """Count what is open. Crosses tenants, as the scan role."""
    return Backlog(*session.connection().execute(_BACKLOG).one())


def list_scan_ages(session: Session) -> list[tuple[str, float]]:
    """Say for each scan how many seconds ago it last ended well."""
    rows = session.connection().execute(
        text("select name, extract(epoch from now() - ran_at) from scheduled_run order by name")
    )
    return [(name, float(age)) for name, age in rows]


def find_schema_version(session: Session) -> str | None:
    """Read which migration the database is at."""
    version: str | None = session.connection().execute(text("select version_num from alembic_version")).scalar()
    return version
