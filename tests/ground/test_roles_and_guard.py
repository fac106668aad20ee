"""G7: the app refuses to serve as a role that row security does not bind."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import psycopg
import pytest
from sqlalchemy import text

from modori.storage.db import make_engine
from modori.storage.guard import UnsafeDatabaseRole, refuse_unsafe_role
from modori.storage.roles import DatabaseUrls, RolePasswords, provision
from tests.conftest import Cluster


def look(url: str, *, first: str | None = None) -> None:
    engine = make_engine(url, pool_size=1)
    try:
        with engine.connect() as connection:
            if first:
                connection.execute(text(first))
            refuse_unsafe_role(connection)
    finally:
        engine.dispose()


@pytest.fixture
def role(engines: Cluster, fresh_database: DatabaseUrls) -> Iterator[Callable[[str], str]]:
    """Make a log-in role with the given attributes and answer its URL on a fresh database."""
    made: list[str] = []
    database = urlsplit(fresh_database.app).path.strip("/")

    def make(attributes: str, *after: str) -> str:
        name = f"guard_{database}_{len(made)}"
        made.append(name)
        with psycopg.connect(as_superuser(engines, database), autocommit=True) as admin:
            admin.execute(f"create role {name} login password 'x' {attributes}")
            admin.execute(f"grant connect on database {database} to {name}")
            for statement in after:
                admin.execute(statement.format(role=name))
        return urlsplit(fresh_database.app)._replace(netloc=f"{name}:x@{host(fresh_database)}").geturl()

    yield make
    with psycopg.connect(as_superuser(engines, database), autocommit=True) as admin:
        for name in made:
            admin.execute(f"drop owned by {name} cascade")
            admin.execute(f"drop role {name}")


def as_superuser(engines: Cluster, database: str) -> str:
    return urlsplit(engines.superuser_url)._replace(path=f"/{database}").geturl()


def host(urls: DatabaseUrls) -> str:
    return urlsplit(urls.app).netloc.rpartition("@")[2]


def test_g7_the_app_and_scan_roles_may_serve(database_urls: DatabaseUrls) -> None:
    look(database_urls.app)
    look(database_urls.scan)


def test_g7_the_embedded_default_superuser_is_refused(engines: Cluster) -> None:
    with pytest.raises(UnsafeDatabaseRole, match="postgres may not serve: it is a superuser"):
        look(engines.superuser_url)


def test_g7_the_owner_is_refused(database_urls: DatabaseUrls) -> None:
    with pytest.raises(UnsafeDatabaseRole, match="modori_owner may not serve: it has BYPASSRLS"):
        look(database_urls.owner)


@pytest.mark.parametrize(
    ("attributes", "after", "reason"),
    [
        ("superuser", (), "it is a superuser"),
        ("bypassrls", (), "it has BYPASSRLS"),
        ("", ("grant modori_owner to {role}",), "it is a member of modori_owner"),
        ("noinherit", ("grant modori_owner to {role}",), "it is a member of modori_owner"),  # SET ROLE is still open
        ("", ("create table mine (id int)", "alter table mine owner to {role}"), "it owns the table public.mine"),
        (
            "",
            (
                "create schema aside",
                "create table aside.parts (id int) partition by list (id)",
                "alter table aside.parts owner to {role}",
            ),
            "it owns the table aside.parts",
        ),
    ],
)
def test_g7_roles_that_row_security_does_not_bind_are_refused(
    role: Callable[..., str], attributes: str, after: tuple[str, ...], reason: str
) -> None:
    with pytest.raises(UnsafeDatabaseRole, match=reason):
        look(role(attributes, *after))


def test_g7_membership_in_a_table_owner_is_refused(role: Callable[..., str]) -> None:
    role("", "create table theirs (id int)", "alter table theirs owner to {role}")
    member = role("")
    other = role("", "grant " + urlsplit(member).username + " to {role}")  # type: ignore[operator]
    look(other)  # a member of a harmless role is harmless
    with pytest.raises(UnsafeDatabaseRole, match="which owns tables"):
        look(role("", f"grant {(urlsplit(member).username or '').removesuffix('1')}0 to {{role}}"))


def test_g7_set_role_is_not_enough(role: Callable[..., str]) -> None:
    url = role("", "grant modori_app to {role}")
    look(url)
    with pytest.raises(UnsafeDatabaseRole, match="became modori_app by SET ROLE"):
        look(url, first="set role modori_app")


def test_g7_a_superuser_that_became_the_app_role_is_still_refused(engines: Cluster) -> None:
    with pytest.raises(UnsafeDatabaseRole, match="it is a superuser"):
        look(engines.superuser_url, first="set role modori_app")


def test_provision_may_be_raced_and_repeated(engines: Cluster) -> None:
    def once(_: int) -> DatabaseUrls:
        return provision(engines.superuser_url, database="modori_raced", passwords=engines.passwords)

    with ThreadPoolExecutor(4) as pool:
        urls = list(pool.map(once, range(8)))
    assert len(set(urls)) == 1
    with psycopg.connect(urls[0].app) as app:
        assert app.execute("select current_user, current_database()").fetchone() == ("modori_app", "modori_raced")


@pytest.mark.parametrize("statement", ["create table t (id int)", "create temp table t (id int)", "create schema s"])
@pytest.mark.parametrize("who", ["app", "scan"])
def test_the_app_and_scan_roles_can_make_nothing(database_urls: DatabaseUrls, who: str, statement: str) -> None:
    with (
        psycopg.connect(getattr(database_urls, who)) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute(statement)


def test_passwords_are_in_no_repr(database_urls: DatabaseUrls) -> None:
    passwords = RolePasswords.generate()
    assert passwords.app not in repr(passwords)
    assert str(urlsplit(database_urls.app).password) not in repr(database_urls)
