"""G7 in the catalogue: what PostgreSQL itself says about every table, as it was migrated."""

from collections.abc import Iterator

import psycopg
import pytest

from modori.storage.roles import DatabaseUrls

AGENCY_TABLES = {
    "agency": "one row about the agency itself",
    "user_account": "people who work at the agency: read before a tenant is known",
    "membership": "which clients a user may see: read before a tenant is known",
    "console_session": "found by the cookie's hash before a tenant is known",
    "password_token": "found by a mailed link's hash",
    "login_throttle": "counts failures before anybody is known",
    "agency_kill_switch": "channels that are switched off for every client: every gate reads it",
    "scheduled_run": "when each scan ran: no client's row",
    "platform_contact": "contact caps over all tenants: no grants, reachable through two functions by keyed hash",
    "alembic_version": "the schema's version",
}
"""Tables without tenant_id, each with the reason."""


@pytest.fixture(scope="module")
def catalogue(database_urls: DatabaseUrls) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    with psycopg.connect(database_urls.owner, autocommit=True) as connection:
        yield connection


def _column(catalogue: psycopg.Connection[tuple[object, ...]], sql: str) -> set[str]:
    return {str(row[0]) for row in catalogue.execute(sql)}


TABLES = (
    "select c.relname from pg_class c where c.relnamespace = 'public'::regnamespace"
    " and c.relkind in ('r', 'p') and not c.relispartition"
)
TENANT_TABLES = TABLES + (
    " and exists (select 1 from pg_attribute a where a.attrelid = c.oid and a.attname = 'tenant_id')"
)


def test_g7_tables_without_a_tenant_are_known_by_name(catalogue: psycopg.Connection[tuple[object, ...]]) -> None:
    assert _column(catalogue, TABLES) - _column(catalogue, TENANT_TABLES) == set(AGENCY_TABLES)


def test_g7_every_tenant_table_has_forced_row_security(catalogue: psycopg.Connection[tuple[object, ...]]) -> None:
    forced = _column(catalogue, TENANT_TABLES + " and c.relrowsecurity and c.relforcerowsecurity")
    tables = _column(catalogue, TENANT_TABLES)
    assert len(tables) > 40
    assert tables - forced == set()


def test_g7_the_app_has_one_policy_for_all_commands_on_each(
    catalogue: psycopg.Connection[tuple[object, ...]],
) -> None:
    visible = "(tenant_id = ANY (( SELECT (NULLIF(current_setting('app.tenants'::text, true), ''::text))::uuid[]"
    rows = catalogue.execute(
        "select tablename, count(*), min(cmd), min(qual), min(with_check) from pg_policies"
        " where roles = '{modori_app}' group by 1"
    ).fetchall()
    assert {str(row[0]) for row in rows} == _column(catalogue, TENANT_TABLES)
    for name, policies, command, using, check in rows:
        assert policies == 1, name
        assert command == "ALL", name
        assert using == check, name
        assert str(using).startswith(visible), name


def test_g7_every_key_and_unique_index_starts_with_the_tenant(
    catalogue: psycopg.Connection[tuple[object, ...]],
) -> None:
    """All but five.

    Two are met before a tenant is known: a site key's hash and a link's. One says that an operator has one person on
    the desk, of whatever tenant. The last two begin with ids that we make ourselves: an entry's, and the site's of a
    visitor's current episode, which is found without the tenant (decision 0041).
    """
    unled = _column(
        catalogue,
        f"select i.indexrelid::regclass from pg_index i join ({TENANT_TABLES}) t(name)"
        " on i.indrelid = t.name::regclass where i.indisunique and"
        " (select a.attname from pg_attribute a where a.attrelid = i.indrelid and a.attnum = i.indkey[0])"
        " <> 'tenant_id'",
    )
    assert unled == {
        "site_key_key_hash_key",
        "link_token_hash_key",
        "ledger_entry_entry_id_key",
        "call_task_one_each",
        "episode_current",
    }


def test_g7_every_foreign_key_between_tenant_tables_carries_the_tenant(
    catalogue: psycopg.Connection[tuple[object, ...]],
) -> None:
    unled = _column(
        catalogue,
        f"select k.conname from pg_constraint k join ({TENANT_TABLES}) t(name) on k.conrelid = t.name::regclass"
        " where k.contype = 'f' and (select a.attname from pg_attribute a"
        " where a.attrelid = k.conrelid and a.attnum = k.conkey[1]) <> 'tenant_id'",
    )
    assert unled == set()


def test_g7_nobody_may_reach_a_partition_around_its_parent(catalogue: psycopg.Connection[tuple[object, ...]]) -> None:
    granted = _column(
        catalogue,
        "select g.table_name from information_schema.role_table_grants g"
        " join pg_class c on c.oid = format('%I.%I', g.table_schema, g.table_name)::regclass"
        " where c.relispartition and g.grantee in ('modori_app', 'modori_scan', 'PUBLIC')",
    )
    assert granted == set()


def test_g13_the_scan_role_sees_no_personal_column(catalogue: psycopg.Connection[tuple[object, ...]]) -> None:
    seen = _column(
        catalogue,
        "select distinct column_name from information_schema.column_privileges"
        " where grantee = 'modori_scan' and table_name <> 'scheduled_run'",
    )
    assert not {
        one for one in seen if one in {"value", "name", "content", "subject", "note", "payload", "body", "items"}
    }
    assert {"tenant_id", "due_at", "state"} <= seen


@pytest.mark.parametrize(
    "table", ["stop", "erasure", "audit_entry", "receipt", "delivery_report", "ledger_entry", "notice_version"]
)
def test_what_is_evidence_never_changes(catalogue: psycopg.Connection[tuple[object, ...]], table: str) -> None:
    """Neither the app, by its grants, nor the owner, by the trigger."""
    may = _column(
        catalogue,
        "select privilege_type from information_schema.role_table_grants"
        f" where grantee = 'modori_app' and table_name = '{table}'",
    )
    assert may == {"SELECT", "INSERT"}
    with pytest.raises(psycopg.errors.IntegrityConstraintViolation):
        catalogue.execute(f"delete from {table}")


@pytest.mark.parametrize("table", ["consent", "capture_choice"])
def test_evidence_that_goes_in_its_time_never_changes_before(
    catalogue: psycopg.Connection[tuple[object, ...]], table: str
) -> None:
    """What is too young to be deleted is in tests/actions/test_retention.py."""
    may = _column(
        catalogue,
        "select privilege_type from information_schema.role_table_grants"
        f" where grantee = 'modori_app' and table_name = '{table}'",
    )
    assert may == {"SELECT", "INSERT", "DELETE"}
    for change in (f"update {table} set text = ''", f"truncate {table}"):
        with pytest.raises(psycopg.errors.IntegrityConstraintViolation):
            catalogue.execute(change)
