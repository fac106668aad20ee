"""What the person contacted opens: `/t/{token}` back to the cart, `/u/{token}` out of our messages.

Opening changes nothing but the count of clicks, since scanners open everything (RULES 28); only a POST to /u/ acts.
"""

import re
from collections.abc import Callable, Coroutine
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import RedirectResponse
from fastapi.routing import APIRoute
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from modori.api.strangers import Guest, Presented, guest_of
from modori.channels import actions
from modori.channels.links import is_token, with_token
from modori.channels.wire import LinkRef, Visit
from modori.kernel import clock
from modori.kernel.errors import Limited, NotFound, Unavailable
from modori.public.pages import HEADERS, busy_page, missing_page, opt_out_page, stopped_page
from modori.storage.db import agency_transaction, tenant_transaction

MOST_BODY_BYTES = 4096
_ONE_CLICK = re.compile(
    rb"""(?:^|&)List-Unsubscribe=One-Click(?:&|\s*$)"""
    rb"""|name="?List-Unsubscribe"?(?:\r?\n[^\r\n]+)*\r?\n\r?\nOne-Click"""
)
"""The body of a one-click request, in either form. source: RFC 8058, section 3.2"""

Lang = Annotated[str | None, Query(max_length=20)]


class PublicRoute(APIRoute):
    """A route whose failures are pages that a person can read."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        inner = super().get_route_handler()

        async def answer(request: Request) -> Response:
            lang, accepted = request.query_params.get("lang"), request.headers.get("accept-language")
            try:
                return await inner(request)
            except NotFound:
                return missing_page(lang=lang, accepted=accepted)
            except Limited as error:
                return busy_page(lang=lang, accepted=accepted, status=429, retry_after_s=error.retry_after_s)
            except (OperationalError, PoolTimeout, Unavailable):
                return busy_page(lang=lang, accepted=accepted)

        return answer


async def _is_one_click(request: Request) -> bool:
    """Read as much of the body as a one-click request has; more is none."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST_BODY_BYTES:
            return False
    return _ONE_CLICK.search(body) is not None


def make_router() -> APIRouter:
    router = APIRouter(route_class=PublicRoute, include_in_schema=False)
    router.add_api_route("/t/{token}", open_restore_link, methods=["GET", "HEAD"])
    router.add_api_route("/u/{token}", ask_to_stop, methods=["GET", "HEAD"])
    router.add_api_route("/u/{token}", stop, methods=["POST"])
    return router


async def _guest(token: str, request: Request) -> Guest:
    """Admit whoever presents a token, before a thread or the database hears of it. raises NotFound, Limited"""
    if not is_token(token):
        raise NotFound()
    return guest_of(request, Presented.LINK, token)


Opener = Annotated[Guest, Depends(_guest)]


def open_restore_link(token: str, request: Request, guest: Opener) -> Response:
    """Send the person back to the cart, and count the click unless the request only looks."""
    link = _resolve(guest)
    visit = None if request.method == "HEAD" else _visit(request)
    with tenant_transaction(link.tenant_id) as session:
        found = actions.open_restore_link(
            session, tenant_id=link.tenant_id, link_id=link.link_id, visit=visit, now=clock.now()
        )
    if found is None:
        raise NotFound()
    url = with_token(found.url, token) if found.counts else found.url
    return RedirectResponse(url, status_code=302, headers=HEADERS)


def ask_to_stop(guest: Opener, lang: Lang = None) -> Response:
    """Say who sends, and offer one button."""
    link = _resolve(guest)
    with tenant_transaction(link.tenant_id) as session:
        page = actions.show_opt_out(session, tenant_id=link.tenant_id, link_id=link.link_id)
    if page is None:
        raise NotFound()
    return opt_out_page(page, lang=lang)


def stop(guest: Opener, one_click: Annotated[bool, Depends(_is_one_click)], lang: Lang = None) -> Response:
    """Stop at once, without cookie, session or token of a form (RULES 28). A second time changes nothing."""
    link = _resolve(guest)
    with tenant_transaction(link.tenant_id) as session:
        actions.opt_out(
            session, tenant_id=link.tenant_id, link_id=link.link_id, is_one_click=one_click, now=clock.now()
        )
        page = actions.show_opt_out(session, tenant_id=link.tenant_id, link_id=link.link_id)
    if page is None:
        raise NotFound()
    return stopped_page(page, lang=lang)


def _resolve(guest: Guest) -> LinkRef:
    """Find whose link it is, before any client's rows can be seen. raises NotFound; Limited"""
    with agency_transaction() as session:
        link = actions.resolve_link(session, token=guest.presented)
    if link is None:
        guest.is_unknown()
        raise NotFound()
    guest.is_known()
    return link


def _visit(request: Request) -> Visit:
    purposes = " ".join(request.headers.get(name, "") for name in ("sec-purpose", "purpose", "x-purpose", "x-moz"))
    is_prefetch = any(word in purposes.lower() for word in ("prefetch", "preview", "prerender"))
    return Visit(user_agent=request.headers.get("user-agent", "")[:500], is_prefetch=is_prefetch)
