"""Steps of migrations that read whole tables while others write them. Each may be run again after it was cut off.

A migration's transaction holds its locks to its end, so that nothing that takes long belongs into it. These steps
commit by themselves, before the migration's own transaction: cut off, the next try finds them done, or begins anew.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from alembic import op
from sqlalchemy import text


@contextmanager
def apart() -> Iterator[None]:
    """Run what follows statement by statement, each with a commit of its own. At the beginning of a migration only:
    what came before it would be committed without the migration's mark."""
    with op.get_context().autocommit_block():
        op.execute("set lock_timeout = '5s'")
        yield
        op.execute("reset lock_timeout")


def build_index(
    name: str, table: str, columns: Sequence[str], *, where: str | None = None, unique: bool = False
) -> None:
    """Build an index while others read and write: to be used `apart`. A partitioned table's is built part by part."""
    partitions = _partitions(table)
    if not partitions:
        _build(name, table, columns, where, unique=unique)
        return
    assert not unique, "a partitioned table's keys are made with it"
    # the parent's index is made first: partitions that come meanwhile get one of their own
    op.execute(f"create index if not exists {name} on only {table} ({', '.join(columns)}){_condition(where)}")
    for partition in partitions:
        own = f"{partition}_{name}"[:63]
        if not _is_attached(partition, name):
            _build(own, partition, columns, where)
            op.execute(f"alter index {name} attach partition {own}")


def check_from_now(name: str, table: str, condition: str) -> None:
    """Let a condition hold for what is written from now on: the lock is short, since no row is read.

    `check_rows` of a later migration looks at the rows that are there.
    """
    op.execute(f"alter table {table} add constraint {name} check ({condition}) not valid")


def check_rows(name: str, table: str) -> None:
    """Look whether the rows that are there keep a condition, while others read and write."""
    op.execute(f"alter table {table} validate constraint {name}")


def _build(name: str, table: str, columns: Sequence[str], where: str | None, *, unique: bool = False) -> None:
    if _is_broken(name):
        op.execute(f"drop index concurrently {name}")
    op.execute("set lock_timeout = 0")  # it waits for whoever began before it, and holds nobody up meanwhile
    kind = "unique index" if unique else "index"
    op.execute(f"create {kind} concurrently if not exists {name} on {table} ({', '.join(columns)}){_condition(where)}")
    op.execute("set lock_timeout = '5s'")


def _condition(where: str | None) -> str:
    return "" if where is None else f" where {where}"


def _partitions(table: str) -> list[str]:
    found = op.get_bind().execute(
        text("select inhrelid::regclass::text from pg_inherits where inhparent = cast(:table as regclass) order by 1"),
        {"table": table},
    )
    return list(found.scalars())


def _is_broken(index: str) -> bool:
    """Say whether an earlier try was cut off while it built an index."""
    found = op.get_bind().execute(
        text("select not indisvalid from pg_index where indexrelid = to_regclass(:name)"), {"name": index}
    )
    return bool(found.scalar_one_or_none())


def _is_attached(partition: str, index: str) -> bool:
    found = op.get_bind().execute(
        text(
            "select count(*) from pg_inherits h join pg_index i on i.indexrelid = h.inhrelid"
            " where h.inhparent = to_regclass(:index) and i.indrelid = cast(:partition as regclass)"
        ),
        {"index": index, "partition": partition},
    )
    return bool(found.scalar_one())
