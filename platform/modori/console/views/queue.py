"""The operators' queue: a live list, and "next"."""

from typing import Any

from fastapi import APIRouter
from fastapi.responses import Response

from modori.console.door import ConsoleRoute
from modori.console.visit import Visit, Visiting
from modori.reports.feeds import queries as feeds
from modori.reports.queue import queries as queue
from modori.reports.switches import queries as switches
from modori.storage.db import read_transaction

router = APIRouter(route_class=ConsoleRoute)

SHOWN = 50


@router.get("/queue", name="queue.index")
def index(visit: Visiting) -> Response:
    return visit.page("queue/index.html", section="queue", **_queue(visit))


@router.get("/queue/rows", name="queue.rows")
def rows(visit: Visiting) -> Response:
    """The live part of the page, read again when there is news."""
    return visit.part("queue/_rows.html", **_queue(visit))


def _queue(visit: Visit) -> dict[str, Any]:
    tenant_ids = visit.tenants
    with read_transaction(tenant_ids) as session:
        return {
            "calls": queue.list_queue(
                session, tenant_ids=tenant_ids, user_id=visit.viewer.user_id, now=visit.now, limit=SHOWN
            ),
            "waiting": queue.count_waiting(session, tenant_ids=tenant_ids, now=visit.now),
            "counted_up_to": queue.COUNTED_UP_TO,
            "engaged": switches.list_engaged(session, tenant_ids=tenant_ids),
            "feeds": feeds.list_stale_feeds(session, tenant_ids=tenant_ids, now=visit.now),
        }
