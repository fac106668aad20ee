"""Every route of the console, behind its one door."""

from fastapi import APIRouter, Depends

from modori.console.config import ConsoleConfig
from modori.console.door import ConsoleRoute, Door
from modori.console.views import (
    agency,
    audit,
    calls,
    erasure,
    leads,
    login,
    me,
    nowhere,
    queue,
    results,
    scenarios,
    site_page,
    sites,
    statements,
    stream,
    switches,
    tenants,
    uploads,
    users,
)

SECTIONS = (
    login,
    me,
    stream,
    queue,
    calls,
    leads,
    erasure,
    scenarios,
    results,
    statements,
    tenants,
    switches,
    sites,
    site_page,
    uploads,
    users,
    agency,
    audit,
)


def make_router(config: ConsoleConfig) -> APIRouter:
    """Make the console's router under /console."""
    router = APIRouter(dependencies=[Depends(Door(config))], route_class=ConsoleRoute, include_in_schema=False)
    for section in (*SECTIONS, nowhere):
        router.include_router(section.router, prefix="/console")
    return router
