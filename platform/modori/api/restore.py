"""`/v1/restore/{token}`: what somebody left, for the page that a restore link has opened.

The link's own browser brings its form back from its own storage. On another device the items come back, of the form
only what is nobody's, and the rest masked until the person names the contact point that the message went to.
"""

import hmac
import json
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, Field

from modori.api.admission import network_of
from modori.api.bodies import MalformedBody
from modori.api.described import AWAY, OTHERWISE, refusal
from modori.api.edge import ApiConfig, ProxyTrust
from modori.api.problems import ProblemRoute
from modori.api.rates import Rates
from modori.capture.episodes import form_fields
from modori.capture.queries import get_episode
from modori.capture.returning import returned
from modori.channels import actions as channels
from modori.channels.wire import LinkRef, WayBack
from modori.kernel import clock
from modori.kernel.errors import Limited, ModoriError, NotFound
from modori.kernel.ids import TenantId
from modori.kernel.money import Money
from modori.kernel.origins import origin_of
from modori.people.values import read_value, value_index
from modori.storage.db import agency_transaction, tenant_transaction
from modori.tenants.sites.queries import get_site

MOST_BODY_BYTES: Final = 4096
LONGEST_CONTACT: Final = 320
PER_S: Final = 2
BURST: Final = 20


class UnknownReturn(NotFound):
    code = "unknown_return"
    title = "This link leads back to nothing, or the contact point is not the one that it was sent to"


class RestoredItem(BaseModel):
    """One line of the cart, its price in major units."""

    id: str
    name: str
    price: float
    quantity: int
    url: str | None = None
    image: str | None = None


class Restored(BaseModel):
    """What was left. `fields` may be written into the form, `masked` only be shown."""

    cart: str | None
    currency: str | None
    value: float | None = Field(description="The total that was shown, tax and shipping included, in major units.")
    items: list[RestoredItem]
    form: str | None
    last_field: str | None
    fields: dict[str, str] = Field(description="By autocomplete token.")
    masked: dict[str, str] = Field(description="By autocomplete token; to be had after the proof.")


class Proof(BaseModel):
    """The contact point that the message went to, as its receiver types it."""

    contact: str = Field(max_length=LONGEST_CONTACT)


async def _contact(request: Request) -> str:
    """Read the proof, JSON as text/plain too, which needs no preflight. raises MalformedBody"""
    raw = bytearray()
    async for chunk in request.stream():
        raw += chunk
        if len(raw) > MOST_BODY_BYTES:
            raise MalformedBody(f"at most {MOST_BODY_BYTES} bytes")
    try:
        said = json.loads(raw.decode())
    except (ValueError, RecursionError) as error:
        raise MalformedBody() from error
    contact = said.get("contact") if isinstance(said, dict) else None
    if not isinstance(contact, str) or not 0 < len(contact) <= LONGEST_CONTACT or not contact.isprintable():
        raise MalformedBody('Send {"contact": "the e-mail address or phone number"}')
    return contact


def make_router(config: ApiConfig) -> APIRouter:
    router = APIRouter(route_class=RestoreRoute, tags=["restore"])
    proxies, rates = ProxyTrust(config.trusted_proxies), Rates()

    async def limit(request: Request) -> None:
        peer = request.client.host if request.client else ""
        caller = proxies.client_ip(peer, request.headers.get("x-forwarded-for"))
        wait_s = rates.take(network_of(caller), 1, per_s=PER_S, burst=BURST)
        if wait_s:
            raise Limited(retry_after_s=wait_s)

    @router.get(
        "/v1/restore/{token}",
        summary="What a restore link leads back to",
        response_model=Restored,
        responses={204: {"description": "To nothing (any more), or not for this page."}}
        | {status: _REFUSALS[status] for status in (429, 503)}
        | OTHERWISE,
        dependencies=[Depends(limit)],
    )
    def show_restored(token: str, request: Request, response: Response) -> Any:
        _allow(response, request)
        try:
            link, way = _find(token, request)
        except UnknownReturn:  # not 404, which browsers print into the console of a page that has done nothing wrong
            return Response(status_code=204, headers=dict(response.headers))
        return _restored(link.tenant_id, way, is_proven=False)

    @router.post(
        "/v1/restore/{token}/proof",
        summary="Prove the receiver, and have the personal fields, too",
        description=f"At most {channels.MOST_PROOF_TRIES} tries for a link. Which part was wrong is never said.",
        responses=_REFUSALS | {400: refusal("The body is no JSON object with a contact.")},
        openapi_extra=_PROOF_BODY,
        dependencies=[Depends(limit)],
    )
    def prove_receiver(
        token: str, request: Request, response: Response, contact: Annotated[str, Depends(_contact)]
    ) -> Restored:
        link, way = _find(token, request)
        with tenant_transaction(link.tenant_id) as session:  # the try stays counted, whatever comes of it
            may_try = channels.try_proof(session, tenant_id=link.tenant_id, link_id=link.link_id)
        if not may_try or not _is_receiver(link.tenant_id, way, contact):
            raise UnknownReturn()
        _allow(response, request)
        return _restored(link.tenant_id, way, is_proven=True)

    return router


class RestoreRoute(ProblemRoute):
    """A page may read why it was refused; what is refused says nothing of whether the link exists."""

    def get_route_handler(self) -> Any:
        inner = super().get_route_handler()

        async def answer(request: Request) -> Response:
            response = await inner(request)
            if response.status_code >= 400:
                _allow(response, request)
            return response

        return answer


def _find(token: str, request: Request) -> tuple[LinkRef, WayBack]:
    """Find what a token leads back to, for a page of its own site. raises UnknownReturn"""
    with agency_transaction() as session:
        link = channels.resolve_link(session, token=token)
    if link is None:
        raise UnknownReturn()
    with tenant_transaction(link.tenant_id) as session:
        way = channels.find_way_back(session, tenant_id=link.tenant_id, link_id=link.link_id, now=clock.now())
    if way is None or origin_of(request.headers.get("origin", "")) not in way.origins:
        raise UnknownReturn()
    return link, way


def _is_receiver(tenant_id: TenantId, way: WayBack, contact: str) -> bool:
    kind, index = way.receiver
    with tenant_transaction(tenant_id) as session:
        country = get_site(session, tenant_id=tenant_id, site_id=way.site_id).country
    try:
        value = read_value(kind, contact, country=country)
    except ModoriError:
        return False
    return hmac.compare_digest(value_index(tenant_id, kind, value.text), index)


def _restored(tenant_id: TenantId, way: WayBack, *, is_proven: bool) -> Restored:
    with tenant_transaction(tenant_id) as session:
        episode = get_episode(session, tenant_id=tenant_id, episode_id=way.episode_id)
        typed = returned(form_fields(session, tenant_id=tenant_id, episode=episode), is_proven=is_proven)
    currency = episode.currency

    def major(minor: int | None) -> float | None:
        return None if minor is None or currency is None else float(Money(minor, currency).major())

    return Restored(
        cart=episode.cart_id,
        currency=currency,
        value=major(episode.cart_minor),
        items=[
            RestoredItem(
                id=item["id"],
                name=item["name"],
                price=major(item["price_minor"]) or 0.0,
                quantity=item["quantity"],
                url=item.get("url"),
                image=item.get("image"),
            )
            for item in episode.items
        ],
        form=episode.form,
        last_field=episode.last_field,
        fields=typed.fields,
        masked=typed.masked,
    )


def _allow(response: Response, request: Request) -> None:
    """Let the page read the answer, and nobody keep it."""
    origin = request.headers.get("origin")
    if origin:
        response.headers["Access-Control-Allow-Origin"] = origin
        response.headers["Access-Control-Expose-Headers"] = "Retry-After"
    response.headers["Vary"] = "Origin"
    response.headers["Cache-Control"] = "no-store"


_REFUSALS: Final[dict[int | str, dict[str, Any]]] = {
    404: refusal("It leads back to nothing (any more), not for this page, or was not sent to this contact."),
    429: refusal("Too many requests; Retry-After says when."),
    503: refusal(AWAY),
} | OTHERWISE
_PROOF_BODY: Final = {
    "requestBody": {
        "required": True,
        "content": {media: {"schema": Proof.model_json_schema()} for media in ("application/json", "text/plain")},
    }
}
