"""The same Idempotency-Key, the same answer: kept in the transaction of the effect."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import Header, Response
from fastapi.responses import JSONResponse
from sqlmodel import Session

from modori.api import queries
from modori.api.bodies import Said
from modori.api.model import IdempotentAnswer
from modori.capture.context import SiteContext
from modori.kernel import clock
from modori.kernel.errors import BadInput, Conflict
from modori.storage.db import scan_transaction, tenant_transaction
from modori.tenants.queries import list_tenant_ids

KEPT = timedelta(days=3)
LONGEST_KEY = 255


class BadIdempotencyKey(BadInput):
    code = "bad_idempotency_key"
    title = "An Idempotency-Key is 1 to 255 printable ASCII characters"


class IdempotencyKeyReused(Conflict):
    code = "idempotency_key_reused"
    status = 422
    title = "This Idempotency-Key was sent with another request"


@dataclass(frozen=True, slots=True)
class Reply:
    """What is answered. Only what succeeded is kept: a refusal may be mended and sent again under its key."""

    status: int
    body: dict[str, Any]


def respond(reply: Reply, said: Said[Any]) -> Response:
    """Answer, and tell what of the body is not known: read from the body each time, so that no answer keeps a name."""
    return JSONResponse(reply.body | {"ignored": said.ignored}, status_code=reply.status)


IdempotencyKey = Annotated[
    str | None,
    Header(alias="Idempotency-Key", description="Send the same key to repeat a request safely; kept for 3 days."),
]


def answer_once(
    session: Session,
    *,
    site: SiteContext,
    key: str | None,
    request: bytes,
    do: Callable[[], Reply],
    now: datetime,
) -> Reply:
    """Return what was answered to this key before, or do it and keep the answer.

    request  what tells one request from another: method, path and the body's digest
    Two at once with the same key go one after the other. Without a key there is nothing to keep.
    raises   BadIdempotencyKey, IdempotencyKeyReused
    """
    if key is None:
        return do()
    if not 1 <= len(key) <= LONGEST_KEY or not key.isascii() or not key.isprintable():
        raise BadIdempotencyKey()
    scoped = f"{site.site_id}:{key}"
    queries.lock_key(session, tenant_id=site.tenant_id, key=scoped)
    request_hash = hashlib.sha256(request).digest()
    known = queries.find_answer(session, tenant_id=site.tenant_id, key=scoped, since=now - KEPT)
    if known is not None:
        if bytes(known.request_hash) != request_hash:
            raise IdempotencyKeyReused()
        return Reply(known.status, known.answer)
    reply = do()
    if reply.status < 300:
        queries.keep_answer(
            session,
            IdempotentAnswer(
                tenant_id=site.tenant_id,
                key=scoped,
                site_id=site.site_id,
                request_hash=request_hash,
                status=reply.status,
                answer=reply.body,
                made_at=now,
            ),
        )
    return reply


def forget_old_answers() -> int:
    """Delete answers that are no longer kept, tenant by tenant. A scan for the scheduler; returns how many."""
    with scan_transaction() as session:
        tenant_ids = list_tenant_ids(session)
    gone = 0
    for tenant_id in tenant_ids:
        with tenant_transaction(tenant_id) as session:
            gone += queries.delete_answers(session, tenant_id=tenant_id, before=clock.now() - KEPT)
    return gone
