"""The web process's application as it is served, every route that it knows, and what stands in the whole database."""

import atexit
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import psycopg
from fastapi import FastAPI
from psycopg import sql
from starlette.routing import BaseRoute, Mount

from modori.entrypoints import web
from modori.entrypoints.front import Front
from modori.entrypoints.settings import Settings
from modori.kernel.ids import TenantId
from modori.storage.roles import DatabaseUrls
from tests.conftest import Cluster
from tests.world import KEY_SETTINGS

PUBLIC_URL: Final = "http://console.example"
TWILIO_TOKEN: Final = "the-token-that-signs"
METHODS: Final = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE"})

Standing = Mapping[str, tuple[int, str]]
"""Table → how many rows, and a digest of them all."""


def make_front(urls: DatabaseUrls, engines: Cluster, **changed: Any) -> Front:
    """Compose the application as `modori web` does, on one database."""
    told = {name.removeprefix("MODORI_").lower(): value for name, value in KEY_SETTINGS.items()} | {
        "env": "development",
        "database_url": urls.app,
        "scan_database_url": urls.scan,
        "redis_url": engines.redis_url,
        "public_url": PUBLIC_URL,
        "twilio_account_sid": "AC" + "0" * 32,
        "twilio_auth_token": TWILIO_TOKEN,
        "twilio_api_base": "http://127.0.0.1:9",  # nobody listens
        "trusted_proxies": "127.0.0.1/32",
    }
    made = web.make_app(Settings.model_validate(told | changed))
    assert isinstance(made, Front)
    return made


@dataclass(frozen=True, order=True)
class Spot:
    """One method at one address."""

    path: str
    method: str

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def is_safe(self) -> bool:
        return self.method == "GET"


def spots_of(front: Front) -> list[Spot]:
    """List what the application answers, HEAD and OPTIONS left out. A mounted application counts as one GET."""
    assert isinstance(front.inner, FastAPI)
    found = set[Spot]()
    for path, route in _walk(front.inner.routes, ""):
        if isinstance(route, Mount):
            found.add(Spot(path, "GET"))
        else:
            methods: set[str] = getattr(route, "methods", None) or set()
            found |= {Spot(path, method) for method in methods & METHODS}
    return sorted(found)


def _walk(routes: Sequence[BaseRoute], prefix: str) -> Iterator[tuple[str, BaseRoute]]:
    """Yield each route with its whole path: FastAPI keeps what was included as a router of its own."""
    for route in routes:
        included: Any = getattr(route, "original_router", None)
        if included is None:
            yield prefix + str(getattr(route, "path", "")), route
        else:
            context: Any = getattr(route, "include_context", None)
            yield from _walk(included.routes, prefix + context.prefix)


def standing(urls: DatabaseUrls, *, tenant_id: TenantId | None = None) -> Standing:
    """Return what stands in every table, read as the owner past row security; of one tenant, where one is named."""
    question = _question_of(urls.owner, one=tenant_id is not None)
    rows = _owner(urls.owner).execute(question, {"tenant_id": tenant_id}, prepare=True).fetchall()
    return {str(name): (int(count), str(digest)) for name, count, digest in rows}


@cache
def _owner(owner_url: str) -> "psycopg.Connection[tuple[Any, ...]]":
    """One connection for all questions: a new one would learn every table anew, which costs more than to read them."""
    connection = psycopg.connect(owner_url, autocommit=True)
    atexit.register(connection.close)
    return connection


@cache
def _question_of(owner_url: str, *, one: bool) -> sql.Composed:
    tables = [
        str(row[0])
        for row in _owner(owner_url)
        .execute(
            "select c.relname from pg_class c where c.relnamespace = 'public'::regnamespace"
            " and c.relkind in ('r', 'p') and not c.relispartition and (not %(one)s or exists (select from"
            " pg_attribute a where a.attrelid = c.oid and a.attname = 'tenant_id')) order by 1",
            {"one": one},
        )
        .fetchall()
    ]
    condition = sql.SQL("where t.tenant_id = %(tenant_id)s" if one else "")
    return sql.SQL(" union all ").join(
        sql.SQL(
            "select {name}, count(*), coalesce(md5(string_agg(t::text, '|' order by t::text)), '')"
            " from {table} t {condition}"
        ).format(name=name, table=sql.Identifier(name), condition=condition)
        for name in tables
    )


def changed(before: Standing, after: Standing) -> set[str]:
    """Name the tables that are not as they were."""
    return {name for name in after if before[name] != after[name]}
