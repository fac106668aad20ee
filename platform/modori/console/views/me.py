"""Where a log-in leads, one's own settings, the client shown, log-out, live hints, and addresses that lead nowhere."""

from typing import Annotated
from uuid import UUID
from zoneinfo import available_timezones

from fastapi import APIRouter, Form
from fastapi.responses import Response

from modori.console.door import ConsoleRoute, cookie_name
from modori.console.navigation import home
from modori.console.visit import Visit, Visiting
from modori.console.words import LOCALES, say
from modori.kernel.errors import BadPhone, NotFound
from modori.kernel.ids import TenantId
from modori.kernel.phone import normalise_phone
from modori.storage.db import agency_transaction
from modori.tenants.logins import actions as logins
from modori.tenants.users import actions, queries
from modori.tenants.users.values import user_email, user_phone

router = APIRouter(route_class=ConsoleRoute)

ZONES = sorted(zone for zone in available_timezones() if "/" in zone and not zone.startswith(("Etc/", "SystemV/")))
NO_PHONE = say("This is not a telephone number.")


@router.get("", name="me.home")
def to_home(visit: Visiting) -> Response:
    return visit.go(home(visit.viewer))


@router.post("/logout", name="me.logout")
def logout(visit: Visiting) -> Response:
    name = cookie_name(is_secure=visit.config.is_secure)
    with agency_transaction() as session:
        logins.close_session(session, token=visit.request.cookies[name])
    gone = visit.go("/console/login")
    gone.delete_cookie(name, path="/", secure=visit.config.is_secure, httponly=True, samesite="lax")
    return gone


@router.post("/view", name="me.view")
def view(visit: Visiting, tenant_id: Annotated[str, Form(max_length=40)] = "") -> Response:
    """Narrow every list to one client, or widen them to all again."""
    wanted = TenantId(_uuid(tenant_id)) if tenant_id else None
    if wanted is not None and wanted not in visit.viewer.roles:
        raise NotFound()
    token = visit.request.cookies[cookie_name(is_secure=visit.config.is_secure)]
    with agency_transaction() as session:
        logins.choose_tenant_in_view(session, token=token, tenant_id=wanted)
    return visit.go("/console")


@router.get("/me", name="me.settings")
def settings(visit: Visiting) -> Response:
    with agency_transaction() as session:
        user = queries.get_user(session, user_id=visit.viewer.user_id)
        email, phone = user_email(session, user), user_phone(session, user)
    return _settings_page(visit, email=email, phone=phone or "", problem=None)


@router.post("/me", name="me.change")
def change(
    visit: Visiting,
    name: Annotated[str, Form(min_length=1, max_length=100)],
    locale: Annotated[str, Form(max_length=2)],
    timezone: Annotated[str, Form(max_length=60)],
    phone: Annotated[str, Form(max_length=40)] = "",
) -> Response:
    try:
        phone_e164 = normalise_phone(phone).e164 if phone.strip() else ""
    except BadPhone:
        with agency_transaction() as session:
            user = queries.get_user(session, user_id=visit.viewer.user_id)
            email = user_email(session, user)
        return _settings_page(visit, email=email, phone=phone, problem=visit.word(NO_PHONE))
    with agency_transaction() as session:
        actions.change_user(
            session,
            user_id=visit.viewer.user_id,
            name=name.strip(),
            phone_e164=phone_e164,
            locale=locale if locale in LOCALES else None,
            timezone=timezone if timezone in ZONES else None,
        )
    return visit.go("/console/me", done="saved")


def _settings_page(visit: Visit, *, email: str, phone: str, problem: str | None) -> Response:
    return visit.page(
        "me/index.html",
        section="me",
        status=422 if problem else 200,
        email=email,
        phone=phone,
        problem=problem,
        zones=ZONES,
    )


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as error:
        raise NotFound() from error
