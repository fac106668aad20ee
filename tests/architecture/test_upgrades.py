"""Databases with rows of an older version are brought up to date: nothing is lost, and nothing half-built is left."""

from collections.abc import Callable
from threading import Event, Thread
from uuid import UUID, uuid4

import psycopg
import pytest

from modori.entrypoints import migrate
from modori.storage.roles import provision
from tests.conftest import Cluster

Connection = psycopg.Connection[tuple[object, ...]]


def old_database(engines: Cluster, revision: str, *, name: str = "") -> str:
    """Make a database as a version of that revision left it, and return its owner's address."""
    name = name or f"upgrade_{uuid4().hex[:12]}"
    owner_url = provision(engines.superuser_url, database=name, passwords=engines.passwords).owner
    migrate.upgrade(owner_url, to=revision)
    return owner_url


def fill(owner: Connection, table: str, **given: object) -> None:
    """Insert a row: what is not given and must be there gets some value of its type."""
    columns = owner.execute(
        "select column_name, data_type from information_schema.columns where table_name = %s and is_nullable = 'NO'"
        " and column_default is null",
        (table,),
    ).fetchall()
    values = {str(name): ANY[str(kind)] for name, kind in columns} | given
    names = ", ".join(values)
    places = ", ".join(f"%({name})s" for name in values)
    owner.execute(f"insert into {table} ({names}) values ({places})", values)


ANY: dict[str, object] = {
    "uuid": UUID(int=7),
    "text": "x",
    "character varying": "x",
    "integer": 1,
    "bigint": 1,
    "boolean": False,
    "timestamp with time zone": "2026-11-18T02:00Z",
    "date": "2026-11-18",
    "jsonb": "{}",
    "bytea": b"x",
    "ARRAY": [],
    "double precision": 0.5,
}

TENANT, SITE, PERSON, POINT, EPISODE, LEAD, ORDER = (UUID(int=number) for number in range(1, 8))


def fill_all(owner: Connection) -> None:
    """Put a client with a site, an event, an episode, a contact point, a lead, a touch and an order into it."""
    mine = {"tenant_id": TENANT}
    fill(owner, "tenant", **mine, order_feed_seen_at="2026-11-18T01:00Z", currency="JPY")
    fill(owner, "site", **mine, site_id=SITE, origins=["https://shop.example"], capture_mode="off", country="JP")
    fill(owner, "person", **mine, person_id=PERSON)
    fill(owner, "contact_point", **mine, contact_point_id=POINT, person_id=PERSON, kind="email")
    fill(owner, "episode", **mine, episode_id=EPISODE, site_id=SITE, state="abandoned", visitor="v")
    fill(owner, "lead", **mine, lead_id=LEAD, episode_id=EPISODE, site_id=SITE, person_id=PERSON, state="active",
         arm="treated")  # fmt: skip
    fill(owner, "scenario", **mine, scenario_id=UUID(int=20))
    fill(owner, "scenario_version", **mine, scenario_version_id=UUID(int=21), scenario_id=UUID(int=20))
    fill(owner, "touch", **mine, touch_id=UUID(int=22), lead_id=LEAD, site_id=SITE, episode_id=EPISODE,
         contact_point_id=POINT, channel="email", state="planned", purpose="reminder",
         scenario_version_id=UUID(int=21))  # fmt: skip
    for number in range(50):
        fill(owner, "event", **mine, event_id=uuid4(), site_id=SITE, type="cart", visitor=f"v{number}",
             page_url="https://shop.example/cart?modori_t=AAAAAAAAAAAAAAAAAAAAAA")  # fmt: skip
    fill(owner, "purchase_order", **mine, order_id=ORDER, site_id=SITE, external_id="A-1", source="server",
         currency="JPY", matched="[]", items="[]")  # fmt: skip


COUNTED = ("tenant", "site", "person", "contact_point", "episode", "lead", "touch", "event", "purchase_order")


def counts(owner: Connection) -> dict[str, object]:
    return {table: owner.execute(f"select count(*) from {table}").fetchone() for table in COUNTED}


def unfinished(owner: Connection) -> list[object]:
    """Name indexes and conditions that a migration has begun and not ended."""
    found = owner.execute(
        "select indexrelid::regclass::text from pg_index where not indisvalid union all"
        " select conname from pg_constraint where not convalidated"
    )
    return [row[0] for row in found]


@pytest.mark.parametrize("revision", ["0002", "0008", "0011"])
def test_a_database_with_rows_of_an_older_version_is_brought_up_to_date(engines: Cluster, revision: str) -> None:
    owner_url = old_database(engines, revision)
    with psycopg.connect(owner_url) as owner:
        fill_all(owner)
        before = counts(owner)
    migrate.upgrade(owner_url)
    with psycopg.connect(owner_url) as owner:
        assert counts(owner) == before
        assert unfinished(owner) == []
        assert owner.execute("select count(*) from event where page_url like '%modori_t%'").fetchone() == (
            50 if revision > "0009" else 0,
        )
        heard = owner.execute("select heard_at at time zone 'UTC' from order_feed").fetchall()
        assert [str(row[0]) for row in heard] == ["2026-11-18 01:00:00"], "the only site has heard what its client has"
        with pytest.raises(psycopg.errors.CheckViolation):
            owner.execute("update episode set state = 'nonsense'")


def test_an_upgrade_that_was_cut_off_begins_again_where_it_was(engines: Cluster) -> None:
    name = f"upgrade_{uuid4().hex[:12]}"
    owner_url = old_database(engines, "0008", name=name)
    with psycopg.connect(owner_url) as owner:
        fill_all(owner)
        owner.execute("alter table episode add column forgotten_at timestamptz")  # 0009's first steps, committed
        owner.execute("create index episode_past on episode (tenant_id)")
    with psycopg.connect(engines.superuser_url, dbname=name) as superuser:
        superuser.execute("update pg_index set indisvalid = false where indexrelid = 'episode_past'::regclass")
    migrate.upgrade(owner_url)
    with psycopg.connect(owner_url) as owner:
        assert unfinished(owner) == []
        built = owner.execute("select pg_get_indexdef('episode_past'::regclass)").fetchone()
        assert built is not None
        assert "last_activity_at" in str(built[0])


def test_events_are_taken_while_an_upgrade_builds_an_index_on_them(engines: Cluster) -> None:
    """Who has a partition's rows in hand for long holds the upgrade up, and not those who write meanwhile."""
    owner_url = old_database(engines, "0002")
    with psycopg.connect(owner_url) as owner:
        fill_all(owner)
    upgrading = Thread(target=migrate.upgrade, args=(owner_url,), kwargs={"to": "0003"}, daemon=True)
    with psycopg.connect(owner_url) as long, psycopg.connect(owner_url, autocommit=True) as other:
        write_event(long, "event_past")
        upgrading.start()
        waits = (
            "select count(*) from pg_stat_activity"
            " where datname = current_database()"
            " and query like 'create index concurrently%' and wait_event_type = 'Lock'"
        )
        wait_until(lambda: other.execute(waits).fetchone() == (1,))
        other.execute("set lock_timeout = '20s'")
        write_event(other)
        assert upgrading.is_alive()
        long.commit()
        upgrading.join(120)
        assert not upgrading.is_alive()
        assert other.execute("select count(*) from event").fetchone() == (52,)
        assert other.execute("select version_num from alembic_version").fetchone() == ("0003",)
        assert set(unfinished(other)) <= {"mark", "episodestate"}, "0004 looks at the rows that are there"


def test_a_file_that_was_being_recorded_before_an_upgrade_may_be_stopped_after_it(engines: Cluster) -> None:
    owner_url = old_database(engines, "0017")
    mine = {"tenant_id": TENANT, "upload_id": UUID(int=30)}
    with psycopg.connect(owner_url) as owner:
        fill_all(owner)
        fill(owner, "upload", **mine, site_id=SITE, kind="orders", state="applying")
        fill(owner, "upload_row", **mine, row_number=2, outcome="new")
        owner.execute("alter table upload_row add constraint rowoutcome_wider check (true) not valid")  # cut off
    migrate.upgrade(owner_url)
    with psycopg.connect(owner_url) as owner:
        assert unfinished(owner) == []
        owner.execute("update upload set state = 'stopped'")
        owner.execute("update upload_row set outcome = 'unapplied'")
    for change in ("update upload set state = 'nonsense'", "update upload_row set outcome = 'nonsense'"):
        with psycopg.connect(owner_url) as owner, pytest.raises(psycopg.errors.CheckViolation):
            owner.execute(change)


def write_event(connection: Connection, table: str = "event") -> None:
    fill(connection, table, tenant_id=TENANT, event_id=uuid4(), site_id=SITE, type="cart", visitor="v")


def wait_until(holds: Callable[[], bool]) -> None:
    pause = Event()
    for _ in range(600):
        if holds():
            return
        pause.wait(0.1)
    raise AssertionError("it did not come to that within a minute")
