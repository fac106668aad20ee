"""Posts to an ingest application that stands alone, and what is read of its answers."""

import json
from typing import Any

from httpx import Response
from sqlalchemy import text

from modori.api.edge import ApiConfig
from modori.kernel import clock
from modori.storage.db import tenant_transaction
from tests.asgi import Asker
from tests.world import NOW, TenantWorld

CONFIG = ApiConfig(public_url="https://modori.example", trusted_proxies=("127.0.0.1/32",))


def post(
    client: Asker,
    tenant: TenantWorld,
    events: list[Any],
    *,
    origin: str | None = "",
    envelope: dict[str, Any] | None = None,
    headers: dict[str, str] | None = None,
) -> Response:
    """Post events at NOW, from whatever thread: each begins with a clock that nobody has moved."""
    sent = {"site": tenant.site_key, "sdk": "1.0.0", "events": events} | (envelope or {})
    given = {"content-type": "text/plain"} | ({} if origin is None else {"origin": origin or tenant.origin})
    with clock.moved_to(NOW):
        return client.post("/v1/events", content=json.dumps(sent), headers=given | (headers or {}))


def count_events(tenant: TenantWorld, visitor: str) -> int:
    with tenant_transaction(tenant.tenant_id) as session:
        found = session.connection().execute(text("select count(*) from event where visitor = :v"), {"v": visitor})
        return int(found.scalar_one())


def problem(answer: Response) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json"
    told = answer.json()
    assert told["status"] == answer.status_code
    assert told["type"] == f"urn:modori:problem:{told['code']}"
    assert told["title"]
    return answer.status_code, told["code"]
