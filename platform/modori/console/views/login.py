"""Log-in, forgotten passwords, and the pages behind mailed links."""

from typing import Annotated
from urllib.parse import urlsplit

from fastapi import APIRouter, Form
from fastapi.responses import Response

from modori.console.door import ConsoleRoute, cookie_name
from modori.console.navigation import home
from modori.console.visit import Visit, Visiting
from modori.console.words import say
from modori.storage.db import agency_transaction
from modori.tenants.logins import actions as logins
from modori.tenants.logins.rules import SESSION_ABSOLUTE, WeakPassword

router = APIRouter(route_class=ConsoleRoute)

WRONG = say("The e-mail address or the password is not right.")
LOCKED = say("Too many tries. Wait %(time)s, then try again.")
WEAK = {
    "too_short": say("Use at least 12 characters."),
    "too_long": say("Use at most 256 characters."),
    "is_email": say("Do not use your e-mail address."),
    "too_simple": say("Use more than three different characters."),
}
DIFFERENT = say("The two entries are not the same.")


@router.get("/login", name="login.show")
def show(visit: Visiting) -> Response:
    if visit.known is not None:
        return visit.go(home(visit.known))
    ask_next = visit.request.query_params.get("next", "")
    return _login_page(visit, next_path=ask_next)


@router.post("/login", name="login.submit")
def submit(
    visit: Visiting,
    email: Annotated[str, Form(max_length=400)] = "",
    password: Annotated[str, Form(max_length=2000)] = "",
    next_path: Annotated[str, Form(alias="next", max_length=2000)] = "",
) -> Response:
    client = visit.request.client
    with agency_transaction() as session:
        answer = logins.verify_login(
            session, email=email, password=password, ip=client.host if client else "", now=visit.now
        )
        if answer.user_id is not None:
            if (before := visit.request.cookies.get(cookie_name(is_secure=visit.config.is_secure))) is not None:
                logins.close_session(session, token=before)  # ASVS 5.0, 7.2.4: a log-in ends the session before it
            opened = logins.open_session(session, user_id=answer.user_id, now=visit.now)
    if answer.user_id is None:
        wait_s = answer.retry_after_s
        said = visit.word(LOCKED, time=visit.speaker.lasting(wait_s)) if wait_s else visit.word(WRONG)
        return _login_page(visit, status=422, next_path=next_path, email=email, problem=said)
    gone = visit.go(next_path if is_own_page(next_path) else "/console")
    is_secure = visit.config.is_secure
    gone.set_cookie(
        cookie_name(is_secure=is_secure),
        opened.token,
        max_age=int(SESSION_ABSOLUTE.total_seconds()),
        httponly=True,
        secure=is_secure,
        samesite="lax",
        path="/",
    )
    return gone


@router.get("/forgotten", name="login.forgotten")
def forgotten(visit: Visiting) -> Response:
    return visit.alone("login/forgotten.html", sent=False)


@router.post("/forgotten", name="login.request_reset")
def request_reset(visit: Visiting, email: Annotated[str, Form(max_length=400)] = "") -> Response:
    """Answer the same whether there is such a user or not."""
    with agency_transaction() as session:
        logins.request_reset(session, email=email, now=visit.now)
    return visit.alone("login/forgotten.html", sent=True)


@router.get("/password/{token}", name="login.password")
def password(visit: Visiting, token: str) -> Response:
    """Show the page of a mailed link. Changes nothing: link scanners open it."""
    with agency_transaction() as session:
        is_good = logins.token_is_good(session, token=token, now=visit.now)
    return _password_page(visit, is_good=is_good, problem=None, status=200 if is_good else 404)


@router.post("/password/{token}", name="login.set_password")
def set_password(
    visit: Visiting,
    token: str,
    password: Annotated[str, Form(max_length=2000)] = "",
    again: Annotated[str, Form(max_length=2000)] = "",
) -> Response:
    if password != again:
        return _password_page(visit, is_good=True, problem=visit.word(DIFFERENT), status=422)
    try:
        with agency_transaction() as session:
            logins.set_password(session, token=token, password=password, now=visit.now)
    except WeakPassword as error:
        return _password_page(visit, is_good=True, problem=visit.word(WEAK[str(error.extra["reason"])]), status=422)
    except logins.LinkExpired:
        return _password_page(visit, is_good=False, problem=None, status=404)
    return visit.go("/console/login?set=1")


def is_own_page(path: str) -> bool:
    """Say whether a path leads into the console and nowhere else: an open redirect would help phishers."""
    parts = urlsplit(path)
    is_relative = not parts.scheme and not parts.netloc and "\\" not in path and not path.startswith("//")
    return is_relative and (parts.path == "/console" or parts.path.startswith("/console/"))


def _login_page(
    visit: Visit, *, next_path: str, status: int = 200, email: str = "", problem: str | None = None
) -> Response:
    was_set = "set" in visit.request.query_params
    return visit.alone(
        "login/index.html", status=status, next_path=next_path, email=email, problem=problem, was_set=was_set
    )


def _password_page(visit: Visit, *, is_good: bool, problem: str | None, status: int) -> Response:
    answer = visit.alone("login/password.html", status=status, is_good=is_good, problem=problem)
    answer.headers["Referrer-Policy"] = "no-referrer"
    return answer
