"""`modori init`: from an empty cluster to the first administrator's link, once."""

import os
import re
import subprocess
import sys
from urllib.parse import urlsplit

import psycopg
import pytest

from modori.kernel.ids import new_id
from modori.storage.roles import DatabaseUrls, urls_of
from tests.conftest import Cluster
from tests.world import KEY_SETTINGS

INIT = ("init", "--agency", "代理店", "--email", "admin@agency.example", "--name", "Admin")


def modori(environment: dict[str, str], *words: str) -> "subprocess.CompletedProcess[str]":
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("MODORI_")}
    return subprocess.run(
        [sys.executable, "-m", "modori.entrypoints.cli", *words],
        env=inherited | environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.fixture
def environment(engines: Cluster) -> dict[str, str]:
    """A database that does not exist yet, named by the three URLs."""
    urls = urls_of(engines.superuser_url, database=f"init_{new_id().hex}", passwords=engines.passwords)
    return settings_of(urls) | {"MODORI_ADMIN_DATABASE_URL": engines.superuser_url}


def settings_of(urls: DatabaseUrls) -> dict[str, str]:
    return dict(KEY_SETTINGS) | {
        "MODORI_ENV": "development",
        "MODORI_DATABASE_URL": urls.app,
        "MODORI_SCAN_DATABASE_URL": urls.scan,
        "MODORI_OWNER_DATABASE_URL": urls.owner,
        "MODORI_PUBLIC_URL": "http://127.0.0.1:8000",
    }


def test_init_makes_everything_once_and_prints_a_link(environment: dict[str, str]) -> None:
    made = modori(environment, *INIT)
    assert made.returncode == 0, made.stderr
    assert re.search(r"^http://127\.0\.0\.1:8000/console/password/[\w-]{43}$", made.stdout, re.MULTILINE)

    again = modori(environment, *INIT)
    assert again.returncode == 1
    assert "has an administrator" in again.stderr
    assert "/console/password/" not in again.stdout

    link = modori(environment, "users", "link", "ADMIN@agency.example")
    assert "/console/password/" in link.stdout
    nobody = modori(environment, "users", "link", "nobody@agency.example")
    assert nobody.returncode == 1

    with psycopg.connect(environment["MODORI_OWNER_DATABASE_URL"]) as owner:
        names = owner.execute("select role, client_tenant_id from membership").fetchall()
        [(email,)] = owner.execute("select email from user_account").fetchall()
        tokens = owner.execute("select count(*) from password_token where used_at is null").fetchone()
    assert names == [("agency_admin", None)]
    assert b"agency.example" not in email
    assert tokens == (1,), "the second link ended the first"


def test_init_may_send_the_invitation_by_mail(environment: dict[str, str]) -> None:
    made = modori(environment, *INIT, "--mail")
    assert made.returncode == 0, made.stderr
    assert "http" not in made.stdout
    with psycopg.connect(environment["MODORI_OWNER_DATABASE_URL"]) as owner:
        assert owner.execute("select topic from promise").fetchall() == [("user.invited",)]


def test_init_refuses_urls_that_do_not_fit_together(environment: dict[str, str]) -> None:
    app = urlsplit(environment["MODORI_DATABASE_URL"])
    environment["MODORI_SCAN_DATABASE_URL"] = app._replace(path="/another").geturl()
    refused = modori(environment, *INIT)
    assert refused.returncode == 1
    assert "modori_scan's URL logs in as modori_app" in refused.stderr
    assert "different databases" in refused.stderr
    assert str(app.password) not in refused.stderr


@pytest.mark.parametrize("role", ["MODORI_OWNER_DATABASE_URL", "MODORI_ADMIN_DATABASE_URL"])
@pytest.mark.parametrize("command", ["web", "worker", "scheduler"])
def test_g7_no_process_serves_through_an_unbound_role(
    environment: dict[str, str], fresh_database: DatabaseUrls, engines: Cluster, role: str, command: str
) -> None:
    settings = settings_of(fresh_database)
    unbound = {"MODORI_OWNER_DATABASE_URL": fresh_database.owner, "MODORI_ADMIN_DATABASE_URL": engines.superuser_url}
    settings["MODORI_DATABASE_URL"] = unbound[role]
    refused = modori(settings, command)
    assert refused.returncode == 1
    assert "not bound by row security" in refused.stderr
    assert refused.stdout == ""
