"""`POST /v1/feed`: a shop's server says that it has reported every order up to an instant, though there may be none."""

from typing import Annotated

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel, ConfigDict

from modori.api import problems
from modori.api.auth import SecretKeySite
from modori.api.bodies import Said, body_of, shape
from modori.api.described import FeedHeard, answers
from modori.api.idempotency import IdempotencyKey, Reply, answer_once, respond
from modori.kernel import clock
from modori.outcomes import actions as outcomes
from modori.outcomes.wire import At
from modori.storage.db import tenant_transaction


class FeedIn(BaseModel):
    """until: every order up to then has been reported; None: up to now."""

    model_config = ConfigDict(frozen=True)

    until: At | None = None


def make_router() -> APIRouter:
    router = APIRouter(route_class=problems.ProblemRoute, tags=["orders"])
    router.add_api_route(
        "/v1/feed",
        post_feed,
        methods=["POST"],
        summary="Say that every order has been reported",
        openapi_extra=shape(FeedIn),
        responses=answers(FeedHeard),
    )
    return router


def post_feed(
    site: SecretKeySite,
    said: Annotated[Said[FeedIn], Depends(body_of(FeedIn))],
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Say that every order of the key's site up to an instant has been reported: a quiet hour is no broken feed.

    An order reported within five minutes of its `at` (or without one) is word up to now by itself; a later report of
    it only up to its own `at`, so that the first orders sent after an outage do not vouch for those still to come. The
    first live order after a silence counts only ten minutes later, and later still while older ones go on arriving;
    this call counts at once.
    Where a limit is set and the word is older, the site's messages and calls are held: other sites have a word of
    their own. The newest word counts; an older one
    changes nothing. After an outage send the orders first and this last. Without `until` it is word up to now;
    `ignored` tells if the instant stands under a name that is not known.
    """
    now = clock.now()

    def record() -> Reply:
        heard_at = outcomes.hear_feed(
            session, tenant_id=site.tenant_id, site_id=site.site_id, until=said.value.until or now, now=now
        )
        return Reply(200, {"heard_at": heard_at.isoformat()})

    with tenant_transaction(site.tenant_id) as session:
        request = b"POST /v1/feed\n" + said.digest
        reply = answer_once(session, site=site, key=idempotency_key, request=request, do=record, now=now)
    return respond(reply, said)
