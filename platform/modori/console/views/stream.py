"""Hints for live pages. The stream holds no database session; pages read again what they show."""

import json
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from time import monotonic
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse

from modori.background.live import LOOK_AGAIN, subscribe
from modori.console.door import ConsoleRoute
from modori.console.visit import Visiting
from modori.kernel.ids import TenantId

router = APIRouter(route_class=ConsoleRoute)

LONGEST_S = 600
"""A stream ends by then, and the browser comes back through the door: who has been shut out hears no more."""
BEAT_S = 15.0
MOST_SINCE = 253_402_300_799
"""The last second that a datetime can hold."""


@router.get("/stream", name="me.stream")
async def stream(visit: Visiting, since: Annotated[int | None, Query(ge=0, le=MOST_SINCE)] = None) -> StreamingResponse:
    """Tell the viewer's pages what to read again. `since`: when the page was made, in seconds of Unix time."""
    tenant_ids = [one.tenant_id for one in visit.viewer.tenants]
    made_at = None if since is None else datetime.fromtimestamp(since, UTC)
    return StreamingResponse(
        hints(tenant_ids, since=made_at),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


async def hints(tenant_ids: Sequence[TenantId], *, since: datetime | None = None) -> AsyncIterator[str]:
    """Write the news of these clients as server-sent events: topics and ids, never content."""
    ends_at = monotonic() + LONGEST_S
    yield "retry: 1000\n\n"
    async for news in subscribe(tenant_ids, since=since, beat_s=BEAT_S):
        if news is None:
            yield ": still here\n\n"
        else:
            topic = "all" if news.topic == LOOK_AGAIN else news.topic
            yield f"event: hint\ndata: {json.dumps({'topic': topic, 'subject': news.subject})}\n\n"
        if monotonic() >= ends_at:
            return
