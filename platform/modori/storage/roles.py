"""Make the database and its three log-in roles.

    modori_owner   BYPASSRLS, owns the database, its schema and every table: migrations, partitions, backup
    modori_app     bound by row security, owns nothing: whatever serves or works
    modori_scan    as the app, and granted only the columns of due rows: to claim across tenants

What the app and scan roles may do with each table is granted by the migrations. One cluster may hold several databases,
which share the roles.
"""

import secrets
from dataclasses import dataclass, fields
from urllib.parse import quote

import psycopg
from psycopg import sql

OWNER, APP, SCAN = "modori_owner", "modori_app", "modori_scan"

_PROVISIONING = 0x6D6F646F7269  # the advisory lock's key: "modori" in ASCII
_BOUND = "LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEROLE NOCREATEDB NOREPLICATION"
_ATTRIBUTES = {
    OWNER: "LOGIN NOSUPERUSER BYPASSRLS NOCREATEROLE NOCREATEDB NOREPLICATION",
    APP: _BOUND,
    SCAN: _BOUND,
}


@dataclass(frozen=True)
class RolePasswords:
    owner: str
    app: str
    scan: str

    @classmethod
    def generate(cls) -> "RolePasswords":
        return cls(*(secrets.token_urlsafe(24) for _ in fields(cls)))

    def __repr__(self) -> str:
        return "RolePasswords(…)"


@dataclass(frozen=True)
class DatabaseUrls:
    """The three `postgresql://` URLs of one database, one for each role."""

    owner: str
    app: str
    scan: str

    def __repr__(self) -> str:
        return "DatabaseUrls(…)"


def provision(
    superuser_url: str, *, database: str, passwords: RolePasswords, template: str | None = None
) -> DatabaseUrls:
    """Make the roles and `database` where they are missing, and put their rights right. Harmless to repeat, or to race.

    superuser_url   a URL of the cluster's maintenance database, as a role that may create roles and databases
    template        clone this database instead of an empty one; only looked at when `database` is made
    """
    with psycopg.connect(superuser_url, autocommit=True) as cluster:
        # Everybody connects to the same maintenance database, and advisory locks are one database's.
        cluster.execute("select pg_advisory_lock(%s)", (_PROVISIONING,))
        _make_roles(cluster, passwords)
        _make_database(cluster, database, template)
        name = sql.Identifier(database)
        cluster.execute(sql.SQL("revoke all on database {} from public").format(name))
        cluster.execute(
            sql.SQL("grant connect on database {} to {}, {}").format(name, *map(sql.Identifier, (APP, SCAN)))
        )
        with psycopg.connect(_on(superuser_url, database), autocommit=True) as inside:
            inside.execute(sql.SQL("alter schema public owner to {}").format(sql.Identifier(OWNER)))
            inside.execute("revoke all on schema public from public")
            inside.execute(sql.SQL("grant usage on schema public to {}, {}").format(*map(sql.Identifier, (APP, SCAN))))
    return urls_of(superuser_url, database=database, passwords=passwords)


def urls_of(superuser_url: str, *, database: str, passwords: RolePasswords) -> DatabaseUrls:
    """Spell the three URLs of `database` in the cluster that `superuser_url` points to. Makes nothing."""
    return DatabaseUrls(
        owner=_on(superuser_url, database, user=OWNER, password=passwords.owner),
        app=_on(superuser_url, database, user=APP, password=passwords.app),
        scan=_on(superuser_url, database, user=SCAN, password=passwords.scan),
    )


def _make_roles(cluster: "psycopg.Connection[tuple[object, ...]]", passwords: RolePasswords) -> None:
    for role, password in ((OWNER, passwords.owner), (APP, passwords.app), (SCAN, passwords.scan)):
        known = cluster.execute("select 1 from pg_roles where rolname = %s", (role,)).fetchone()
        # Hashed here, so that no server log can hold the word itself.
        secret = cluster.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256").decode()
        cluster.execute(
            sql.SQL("{} role {} with {} password {}").format(
                sql.SQL("alter" if known else "create"),
                sql.Identifier(role),
                sql.SQL(_ATTRIBUTES[role]),
                sql.Literal(secret),
            )
        )


def _make_database(cluster: "psycopg.Connection[tuple[object, ...]]", database: str, template: str | None) -> None:
    owner, name = sql.Identifier(OWNER), sql.Identifier(database)
    if cluster.execute("select 1 from pg_database where datname = %s", (database,)).fetchone():
        cluster.execute(sql.SQL("alter database {} owner to {}").format(name, owner))
        return
    cloned = sql.Identifier(template or "template1")
    # A managed cluster's administrator is no superuser: to make a database for a role it must be a member of it.
    if cluster.execute("select pg_has_role(current_user, %s, 'SET')", (OWNER,)).fetchone() != (True,):
        cluster.execute(sql.SQL("grant {} to current_user").format(owner))
    cluster.execute(sql.SQL("create database {} owner {} template {}").format(name, owner, cloned))


def _on(url: str, database: str, **changed: str) -> str:
    """Point a `postgresql://` URL at another database, user and password of the same server."""
    given = psycopg.conninfo.conninfo_to_dict(url) | {"dbname": database} | changed
    user, password, host, port = (given.pop(key, None) for key in ("user", "password", "host", "port"))
    given.pop("dbname")
    place = f"{host or 'localhost'}:{port or 5432}/{_quoted(database)}"
    rest = "&".join(f"{key}={_quoted(value)}" for key, value in given.items())
    return f"postgresql://{_quoted(user)}:{_quoted(password)}@{place}" + (f"?{rest}" if rest else "")


def _quoted(part: object) -> str:
    return quote("" if part is None else str(part), safe="")
