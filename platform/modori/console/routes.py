"""Every route of the console, behind its one door."""

from fastapi import APIRouter, Depends, FastAPI

from modori.console.config import ConsoleConfig
from modori.console.door import ConsoleRoute, Door, want_token
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


def add_console(app: FastAPI, config: ConsoleConfig) -> None:
    """Add the console's routes under /console, behind their door."""
    app.state.console_door = Door(config)
    router = APIRouter(dependencies=[Depends(want_token)], route_class=ConsoleRoute, include_in_schema=False)
    for section in (*SECTIONS, nowhere):
        router.include_router(section.router, prefix="/console")
    app.include_router(router)
