"""The one door of every console route: origin, session, access, CSRF token. Errors are answered as pages.

A route without an entry in the access table is refused before anything else, for everybody.
"""

from collections.abc import Callable, Coroutine
from datetime import datetime
from hmac import compare_digest
from typing import Any, Final
from urllib.parse import quote, urlsplit
from uuid import UUID

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse, Response
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from modori.console.access import ACCESS, Scope, admit
from modori.console.config import ConsoleConfig
from modori.console.pages import Pages
from modori.console.queries import SessionRow, find_session_row, note_session_seen
from modori.console.viewer import SeenTenant, Viewer
from modori.console.visit import Stopped, Visit
from modori.console.words import pick_locale, say
from modori.kernel.errors import BadInput, Forbidden, ModoriError, NotFound, Unauthorised
from modori.kernel.ids import TenantId, UserId
from modori.storage.db import agency_transaction
from modori.storage.failures import DATABASE_FAILURES, refusal_of
from modori.tenants.logins.rules import SESSION_NOTED_EVERY, session_holds
from modori.tenants.model import Role
from modori.tenants.users.rules import strongest

SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})


def cookie_name(*, is_secure: bool) -> str:
    """Name the session cookie: __Host- binds it to this host and to https; plain http only in development."""
    return "__Host-modori" if is_secure else "modori_session"


async def token_given(request: Request) -> str:
    """Read the CSRF token of an unsafe request: htmx sends a header, forms a field."""
    header = request.headers.get("X-CSRF-Token")
    if header is not None:
        return header
    form = await request.form()
    return str(form.get("csrf", ""))


class Door:
    """What every request passes: `ConsoleRoute` finds it on the application, before the framework reads a form."""

    def __init__(self, config: ConsoleConfig) -> None:
        self.config = config
        self.pages = Pages(config.ui, config.now)

    async def look(self, request: Request) -> None:
        """Look at who asks, before anything of a body is read: nothing of somebody unknown is taken in."""
        request.state.asks_for_token = await run_in_threadpool(self._admit, request)

    def _admit(self, request: Request) -> Viewer | None:
        """Look at origin, session and access. Returns whose token is wanted; None on a route that is for everybody."""
        name = request.scope["route"].name
        now = self.config.now()
        cookies = request.cookies
        locale = pick_locale(
            request.query_params.get("lang"), cookies.get("modori_lang"), request.headers.get("Accept-Language", "")
        )
        request.state.visit = Visit(request, self.config, self.pages, name, locale, now, known=None)
        rule = ACCESS[name]
        if request.method not in SAFE_METHODS:
            refuse_foreign_origin(request, public_url=self.config.public_url)
        row = recognise(cookies.get(cookie_name(is_secure=self.config.is_secure)), now=now)
        viewer = None if row is None else viewer_of(row)
        if row is not None and viewer is not None:
            stopped = Stopped.of(row)
            request.state.visit = Visit(request, self.config, self.pages, name, viewer.locale, now, viewer, stopped)
        if rule.scope is Scope.PUBLIC:
            return None
        if viewer is None:
            raise Unauthorised()
        admit(viewer, name, _tenant_in_path(request))
        return viewer


def recognise(token: str | None, *, now: datetime) -> SessionRow | None:
    """Find the log-in of a cookie's token, and note that it was used. None where there is none, or it has expired."""
    if not token:
        return None
    with agency_transaction() as session:
        row = find_session_row(session, token=token)
        if row is None or not session_holds(seen_at=row.seen_at, expires_at=row.expires_at, now=now):
            return None
        if now - row.seen_at >= SESSION_NOTED_EVERY:
            note_session_seen(session, session_id=row.session_id, now=now, at_most_every=SESSION_NOTED_EVERY)
    return row


async def want_token(request: Request) -> None:
    """A dependency of the whole router: the form of an unsafe request carries its session's token. raises Forbidden"""
    viewer: Viewer | None = request.state.asks_for_token
    if viewer is None or request.method in SAFE_METHODS:
        return
    if not compare_digest((await token_given(request)).encode(), viewer.csrf_token.encode()):
        raise Forbidden("the form is too old", csrf=True)


def refuse_foreign_origin(request: Request, *, public_url: str) -> None:
    """Refuse an unsafe request that another site's page has sent (DESIGN section 9).

    raises  Forbidden unless the browser says same-origin, or, where it says nothing, Origin is exactly ours
    """
    fetched_from = request.headers.get("Sec-Fetch-Site")
    if fetched_from is not None:
        if fetched_from == "same-origin":
            return
    else:
        ours = urlsplit(public_url)
        if request.headers.get("Origin") == f"{ours.scheme}://{ours.netloc}":
            return
    raise Forbidden("the request comes from another site", csrf=True)


def viewer_of(row: SessionRow) -> Viewer:
    """Read a session's row: a user with several roles at one client has the strongest of them there."""
    held: dict[TenantId, list[Role]] = {}
    names: dict[TenantId, str] = {}
    for one in row.memberships:
        tenant_id = TenantId(UUID(one["tenant_id"]))
        held.setdefault(tenant_id, []).append(Role(one["role"]))
        names[tenant_id] = one["name"]
    roles = {tenant_id: strongest(*of_one) for tenant_id, of_one in held.items()}
    in_view = None if row.tenant_in_view is None else TenantId(row.tenant_in_view)
    agency_role = None if row.agency_role is None else Role(row.agency_role)
    all_roles = [agency_role] if agency_role else list(roles.values())
    return Viewer(
        user_id=UserId(row.user_id),
        session_id=row.session_id,
        name=row.name,
        locale=row.locale,
        timezone=row.timezone,
        csrf_token=row.csrf_token,
        tenants=[SeenTenant(tenant_id, name) for tenant_id, name in names.items()],
        roles=roles,
        agency_role=agency_role,
        tenant_in_view=in_view if in_view in roles else None,
        best_role=strongest(*all_roles) if all_roles else None,
    )


def _tenant_in_path(request: Request) -> UUID | None:
    text = request.path_params.get("tenant_id")
    if text is None:
        return None
    try:
        return UUID(str(text))
    except ValueError as error:
        raise NotFound() from error


TITLES: Final = {
    401: (say("Please log in"), say("Your session has ended. Log in again to go on.")),
    403: (say("Your role does not allow this"), say("Ask an administrator of the agency if you need it.")),
    404: (say("There is nothing here"), say("It may have been removed, or the address is wrong.")),
    409: (say("That is no longer possible"), say("Somebody was faster, or its state has changed. Look at it again.")),
    408: (say("This took too long to arrive"), say("Nothing was changed. Check your connection and try again.")),
    413: (say("This is too large"), say("Nothing was changed. Go back and send less at once.")),
    422: (say("Something is missing or wrong"), say("Go back, check what you entered and send it again.")),
    429: (say("Too many tries"), say("Wait a little and try again.")),
    503: (say("We cannot answer right now"), say("Nothing is lost. Try again in a moment.")),
}
LARGE_FILE: Final = (say("The file was not taken"), say("The file is larger than 10 MiB. Split it."))
STALE_FORM: Final = (say("This page is too old"), say("Load it again and repeat what you did. Nothing was changed."))


class ConsoleRoute(APIRoute):
    """A route whose refusals are pages, or for htmx a toast."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        answer = super().get_route_handler()

        async def guarded(request: Request) -> Response:
            try:
                door: Door = request.app.state.console_door
                await door.look(request)
                return await answer(request)
            except ModoriError as error:
                return error_page(request, error)
            except HTTPException as error:  # FastAPI's own, of a form that it could not read, and why
                cause = error.__cause__
                return error_page(request, cause if isinstance(cause, ModoriError) else _Unreadable())
            except RequestValidationError as error:
                in_path = any(one["loc"][0] == "path" for one in error.errors())
                return error_page(request, NotFound() if in_path else _Unreadable())
            except DATABASE_FAILURES as error:
                refusal = refusal_of(error)
                if refusal is None:
                    raise
                return error_page(request, _Unreadable() if isinstance(refusal, BadInput) else refusal)
            finally:
                await request.close()  # the form's files, which hold what somebody uploaded

        return guarded


class _Unreadable(ModoriError):
    code = "unreadable_form"
    status = 422
    title = "The form cannot be read"


def error_page(request: Request, error: ModoriError) -> Response:
    """Write a refusal: the log-in for who has no session, a toast for htmx, else a page that says what now."""
    visit: Visit = request.state.visit
    if isinstance(error, Unauthorised):
        back = "" if request.method not in SAFE_METHODS else f"?next={quote(request.url.path)}"
        if visit.is_htmx:
            return Response(status_code=401, headers={"HX-Redirect": "/console/login"})
        return RedirectResponse(f"/console/login{back}", status_code=303)
    title, advice = STALE_FORM if error.extra.get("csrf") else TITLES.get(error.status, TITLES[422])
    if error.extra.get("is_file"):
        title, advice = LARGE_FILE
    said = {"title": visit.word(title), "advice": visit.word(advice), "code": error.code}
    if visit.is_htmx:
        toast = visit.pages.html(
            "console/errors/_toast.html", locale=visit.locale, zone=visit.zone, status=error.status, **said
        )
        toast.headers.update({"HX-Retarget": "#toasts", "HX-Reswap": "beforeend"})
        return toast
    if visit.known is None:
        return visit.alone("errors/alone.html", status=error.status, **said)
    return visit.page("errors/index.html", section="", status=error.status, **said)
