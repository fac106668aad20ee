"""Log-in, sessions, CSRF, passwords, one's own settings."""

from collections.abc import Iterator
from datetime import timedelta

import httpx
import pytest

from modori.console.door import cookie_name
from modori.console.views.login import is_own_page
from modori.kernel import clock
from modori.kernel.ids import new_id
from modori.storage.db import agency_transaction
from modori.tenants.logins import actions as logins
from modori.tenants.model import Role, TokenKind
from modori.tenants.users import actions
from tests.consoleworld import Console, console_app, log_in, make_app
from tests.world import NOW, PASSWORD, World


@pytest.fixture(autouse=True)
def _it_is_wednesday_morning() -> Iterator[None]:
    with clock.moved_to(NOW):
        yield


def test_the_right_words_lead_to_ones_work(world: World) -> None:
    for role, home in ((Role.OPERATOR, "/console/queue"), (Role.CLIENT_REVIEWER, "/console/results")):
        console = Console(console_app()).log_in(world.users[role].email)
        assert console.get("/console").headers["location"] == home
        assert console.get(home).status_code == 200


def test_the_cookie_is_bound_to_host_and_https_where_there_is_https(world: World) -> None:
    plain = Console(console_app())
    data = {"email": world.users[Role.OPERATOR].email, "password": PASSWORD}
    said = plain.post("/console/login", data=data).headers["set-cookie"]
    assert said.startswith("modori_session=")
    assert "HttpOnly" in said
    assert "SameSite=lax" in said
    assert "Secure" not in said
    secure = Console(make_app(public_url="https://console.example"), public_url="https://console.example")
    said = secure.post("/console/login", data=data).headers["set-cookie"]
    assert said.startswith("__Host-modori=")
    assert "Secure" in said
    assert "Path=/" in said
    assert "Domain" not in said


@pytest.mark.parametrize("email", ["operator", "nobody@agency.example", ""])
def test_wrong_words_tell_nothing(world: World, email: str) -> None:
    known = world.users[Role.OPERATOR].email
    answers = [
        Console(console_app()).post("/console/login", data={"email": one, "password": "wrong wrong wrong"})
        for one in (known, email)
    ]
    assert {answer.status_code for answer in answers} == {422}
    assert answers[0].text.replace(known, "") == answers[1].text.replace(email, "") or not email
    assert all("set-cookie" not in answer.headers for answer in answers)


def test_many_tries_must_wait(world: World) -> None:
    email, visitor = world.users[Role.OPERATOR].email, Console(console_app(), public_url="http://console.example")

    def try_with(password: str) -> httpx.Response:
        with clock.moved_to(NOW):  # the first wait is a second: a slow machine takes longer to ask eight times
            return visitor.post("/console/login", data={"email": email, "password": password})

    pages = [try_with("guess") for _ in range(7)]
    assert "秒待って" in pages[-1].text or "Wait" in pages[-1].text
    assert try_with(PASSWORD).status_code == 422
    with clock.moved_to(NOW + timedelta(minutes=16)):
        assert visitor.post("/console/login", data={"email": email, "password": PASSWORD}).status_code == 303


@pytest.mark.parametrize(
    ("locale", "at_first", "later"),
    [
        ("en", "Wait 1 second, then try again.", "Wait 2 seconds, then try again."),
        ("ja", "1 秒待ってからお試しください。", "2 秒待ってからお試しください。"),
    ],
)
def test_how_long_to_wait_is_said_in_whole_words(world: World, locale: str, at_first: str, later: str) -> None:
    visitor, path = Console(console_app()), f"/console/login?lang={locale}"
    data = {"email": world.users[Role.OPERATOR].email, "password": "guess"}
    pages = []
    for at in (*[NOW] * 5, NOW + timedelta(seconds=30)):
        with clock.moved_to(at):
            pages.append(visitor.post(path, data=data).text)
    assert at_first in pages[4]
    assert later in pages[5]


def test_a_session_ends_with_its_log_out_its_time_and_its_user(world: World) -> None:
    console = log_in(world, Role.OPERATOR)
    assert console.act("/console/logout").headers["location"] == "/console/login"
    assert console.get("/console/queue").status_code == 303

    idle = log_in(world, Role.OPERATOR)
    with clock.moved_to(NOW + timedelta(hours=12, minutes=2)):
        assert idle.get("/console/queue").status_code == 303

    shut_out = log_in(world, Role.OPERATOR)
    with agency_transaction() as session:
        actions.disable_user(session, user_id=world.users[Role.OPERATOR].user_id, now=NOW)
    assert shut_out.get("/console/queue").status_code == 303


def test_a_form_without_the_sessions_token_changes_nothing(world: World) -> None:
    console = log_in(world, Role.OPERATOR)
    stranger = log_in(world, Role.CLIENT_REVIEWER)
    for token in ("", "wrong", stranger.csrf):
        assert console.post("/console/logout", data={"csrf": token}).status_code == 403
    assert console.get("/console/queue").status_code == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Sec-Fetch-Site": "same-origin"}, 303),
        ({"Sec-Fetch-Site": "same-site"}, 403),  # another host of the same registrable domain
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "none"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "http://console.example"}, 403),
        ({"Sec-Fetch-Site": "", "Origin": "http://console.example"}, 403),
    ],
)
def test_another_sites_page_cannot_post(world: World, headers: dict[str, str], status: int) -> None:
    console = log_in(world, Role.OPERATOR)
    assert console.post("/console/logout", data={"csrf": console.csrf}, headers=headers).status_code == status


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("http://console.example", 303),
        ("https://console.example", 403),
        ("http://console.example:8080", 403),
        ("http://evil.example", 403),
        ("null", 403),
        (None, 403),
    ],
)
def test_an_old_browser_must_say_our_exact_origin(world: World, origin: str | None, status: int) -> None:
    console = log_in(world, Role.OPERATOR)
    asking = super(Console, console).request  # without the header that a newer browser sends
    headers = {} if origin is None else {"Origin": origin}
    assert asking("POST", "/console/logout", data={"csrf": console.csrf}, headers=headers).status_code == status


@pytest.mark.parametrize(
    ("path", "is_own"),
    [
        ("/console/queue", True),
        ("/console", True),
        ("//evil.example/console/", False),
        ("/\\evil.example/console", False),
        ("https://evil.example/console/", False),
        ("/console.evil.example", False),
        ("/t/token", False),
        ("", False),
    ],
)
def test_a_log_in_leads_into_the_console_only(path: str, is_own: bool) -> None:
    assert is_own_page(path) is is_own


def test_a_log_in_leads_back_to_where_one_wanted_to_go(world: World) -> None:
    console = Console(console_app())
    location = console.get("/console/leads").headers["location"]
    assert location == "/console/login?next=/console/leads"
    words = {"email": world.users[Role.OPERATOR].email, "password": PASSWORD, "next": "/console/leads"}
    assert console.post("/console/login", data=words).headers["location"] == "/console/leads"


def test_a_forgotten_password_is_answered_the_same_for_everybody(world: World) -> None:
    visitor = Console(console_app())
    known = visitor.post("/console/forgotten", data={"email": world.users[Role.OPERATOR].email})
    unknown = visitor.post("/console/forgotten", data={"email": "nobody@nowhere.example"})
    assert known.text == unknown.text
    assert known.status_code == 200


def test_a_mailed_link_sets_a_password_once(world: World) -> None:
    user = world.users[Role.OPERATOR]
    old = log_in(world, Role.OPERATOR)
    with agency_transaction() as session:
        token = logins.issue_password_token(session, user_id=user.user_id, kind=TokenKind.RESET, now=NOW)
    visitor, path = Console(console_app()), f"/console/password/{token}"
    assert visitor.get(path).status_code == 200
    assert visitor.get(path).headers["referrer-policy"] == "no-referrer"
    weak = visitor.post(path, data={"password": "short", "again": "short"})
    assert weak.status_code == 422
    unequal = visitor.post(path, data={"password": "new horse new battery", "again": "new horse new batterie"})
    assert unequal.status_code == 422
    fine = {"password": "new horse new battery", "again": "new horse new battery"}
    assert visitor.post(path, data=fine).headers["location"] == "/console/login?set=1"
    assert visitor.get(path).status_code == 404
    assert visitor.post(path, data=fine).status_code == 404
    assert old.get("/console/queue").status_code == 303, "a new password ends every session"
    wrong = visitor.post("/console/login", data={"email": user.email, "password": PASSWORD})
    right = visitor.post("/console/login", data={"email": user.email, "password": "new horse new battery"})
    assert (wrong.status_code, right.status_code) == (422, 303)


def test_a_reader_chooses_language_and_zone(world: World) -> None:
    console = log_in(world, Role.OPERATOR, lang="en")
    assert '<html lang="en">' in console.get("/console/queue").text
    saved = console.act("/console/me", name="O", locale="ja", timezone="Europe/Vienna", phone="090-1111-2222")
    assert saved.status_code == 303
    page = console.get("/console/me?done=saved").text
    assert '<html lang="ja">' in page
    assert "保存しました" in page
    assert "+819011112222" in page
    refused = console.act("/console/me", name="O", locale="ja", timezone="Europe/Vienna", phone="not a number")
    assert refused.status_code == 422


def test_the_log_in_speaks_the_browsers_language_until_told(world: World) -> None:
    visitor = Console(console_app())
    assert '<html lang="ja">' in visitor.get("/console/login").text
    assert '<html lang="en">' in visitor.get("/console/login", headers={"Accept-Language": "en-GB,en;q=0.8"}).text
    assert '<html lang="en">' in visitor.get("/console/login?lang=en").text
    assert '<html lang="en">' in visitor.get("/console/login", headers={"Accept-Language": "ja"}).text


def test_lists_can_be_narrowed_to_one_client_and_no_other(world: World) -> None:
    console = log_in(world, Role.ACCOUNT_MANAGER)
    assert console.act("/console/view", tenant_id=str(world.acme.tenant_id)).status_code == 303
    page = console.get("/console/tenants").text
    assert f"tenant-{world.acme.tenant_id}" in page
    assert f"tenant-{world.stranger.tenant_id}" not in page
    assert console.act("/console/view", tenant_id=str(new_id())).status_code == 404
    reviewer = log_in(world, Role.CLIENT_REVIEWER)
    assert reviewer.act("/console/view", tenant_id=str(world.stranger.tenant_id)).status_code == 404


def test_cookie_names() -> None:
    assert cookie_name(is_secure=True) == "__Host-modori"
    assert cookie_name(is_secure=False) == "modori_session"
