"""The ways to every section that the viewer may open."""

from collections.abc import Callable
from typing import Final, NamedTuple

from modori.console.access import may
from modori.console.viewer import Viewer
from modori.console.words import say


class NavLink(NamedTuple):
    section: str
    href: str
    title: str


class NavGroup(NamedTuple):
    title: str
    links: list[NavLink]


_WAYS: Final = (
    (
        "",
        (
            ("queue", "queue.index", "/console/queue", say("Queue")),
            ("leads", "leads.index", "/console/leads", say("Leads")),
            ("results", "results.index", "/console/results", say("Results")),
            ("statements", "statements.index", "/console/statements", say("Statements")),
            ("scenarios", "scenarios.index", "/console/scenarios", say("Scenarios")),
        ),
    ),
    (
        say("Set-up"),
        (
            ("tenants", "tenants.index", "/console/tenants", say("Clients and sites")),
            ("uploads", "uploads.index", "/console/uploads", say("Uploads")),
            ("users", "users.index", "/console/users", say("Users")),
            ("agency", "agency.show", "/console/agency", say("Agency")),
            ("audit", "audit.index", "/console/audit", say("Audit")),
        ),
    ),
)


def sections(viewer: Viewer, word: Callable[[str], str]) -> list[NavGroup]:
    """List what the viewer may open, in order, named in their language."""
    groups = []
    for title, ways in _WAYS:
        links = [NavLink(section, href, word(name)) for section, route, href, name in ways if may(viewer, route)]
        if links:
            groups.append(NavGroup(word(title) if title else "", links))
    return groups


def home(viewer: Viewer) -> str:
    """Say where a log-in leads: to the queue for who calls, to the results for a client's reviewer."""
    for route, href in (("queue.index", "/console/queue"), ("results.index", "/console/results")):
        if may(viewer, route):
            return href
    return "/console/me"
