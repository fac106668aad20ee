"""What the person contacted opens (RULES 28, 30; G5, G8)."""

from datetime import timedelta

import pytest
from fastapi import FastAPI

from modori.channels.model import LinkKind
from modori.kernel import clock
from modori.people.model import Channel
from modori.public.routes import make_router
from modori.storage import db
from tests.asking import Asking
from tests.channelworld import SentWorld, send
from tests.questions import ask_one
from tests.world import NOW, World

BROWSER = {"user-agent": "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) Mobile Safari/604.1"}
ONE_CLICK = {"List-Unsubscribe": "One-Click"}
MULTIPART = (
    '--b\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--b--\r\n',
    {"content-type": "multipart/form-data; boundary=b"},
)


@pytest.fixture
def app(database: db.Database) -> Asking:
    made = FastAPI()
    made.include_router(make_router())
    return Asking(made)


def path(sent: SentWorld, kind: LinkKind) -> str:
    return f"/{'t' if kind is LinkKind.RESTORE else 'u'}/{sent.token(kind)}"


def stops(sent: SentWorld) -> list[str]:
    found = ask_one(
        sent.lead.tenant.tenant_id, "select coalesce(string_agg(reason, ',' order by recorded_at), '') from stop"
    )
    return [one for one in str(found).split(",") if one]


def clicks(sent: SentWorld) -> int:
    return int(ask_one(sent.lead.tenant.tenant_id, "select count(*) from click"))


def test_a_restore_link_redirects_to_the_cart_with_its_token(world: World, app: Asking) -> None:
    sent = send(world.acme)
    with clock.moved_to(NOW + timedelta(minutes=5)):
        answer = app.request("GET", path(sent, LinkKind.RESTORE), headers=BROWSER)
    assert answer.status_code == 302
    token = sent.token(LinkKind.RESTORE)
    assert answer.headers["location"] == f"https://shop.acme.example/cart?modori_t={token}"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert "set-cookie" not in answer.headers
    assert clicks(sent) == 1


@pytest.mark.parametrize(
    ("method", "headers", "kept"),
    [
        ("HEAD", BROWSER, 0),
        ("GET", BROWSER | {"sec-purpose": "prefetch;prerender"}, 1),
        ("GET", {"user-agent": "Mozilla/5.0 (compatible; bingbot/2.0)"}, 1),
    ],
)
def test_machines_are_sent_on_and_not_counted(
    world: World, app: Asking, method: str, headers: dict[str, str], kept: int
) -> None:
    sent = send(world.acme)
    with clock.moved_to(NOW + timedelta(minutes=5)):
        assert app.request(method, path(sent, LinkKind.RESTORE), headers=headers).status_code == 302
    assert clicks(sent) == kept
    counted = ask_one(world.acme.tenant_id, "select count(*) from click where suspect is null")
    assert counted == 0


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_opening_the_unsubscribe_page_changes_nothing(world: World, app: Asking, method: str) -> None:
    sent = send(world.acme)
    answer = app.request(method, path(sent, LinkKind.UNSUBSCRIBE), headers=BROWSER)
    assert answer.status_code == 200
    assert stops(sent) == []
    assert clicks(sent) == 0
    if method == "GET":
        for shown in ("acme商店", "東京都渋谷区道玄坂1-2-3", "support@acme.example", "停止する", '<html lang="ja">'):
            assert shown in answer.text
        assert sent.lead.value not in answer.text


def test_the_button_stops_at_once_and_a_second_press_changes_nothing(world: World, app: Asking) -> None:
    sent = send(world.acme)
    for _ in range(2):
        answer = app.request("POST", path(sent, LinkKind.UNSUBSCRIBE), headers=BROWSER, data={})
        assert answer.status_code == 200
        assert "停止しました" in answer.text
    assert stops(sent) == ["unsubscribe_page"]
    assert "停止しました" in app.request("GET", path(sent, LinkKind.UNSUBSCRIBE)).text


def test_one_click_works_without_cookie_origin_or_redirect(world: World, app: Asking) -> None:
    sent = send(world.acme)
    answer = app.request("POST", path(sent, LinkKind.UNSUBSCRIBE), data=ONE_CLICK)
    assert answer.status_code == 200
    assert stops(sent) == ["one_click"]


def test_one_click_may_come_as_multipart_and_from_any_origin(world: World, app: Asking) -> None:
    sent = send(world.acme)
    content, headers = MULTIPART
    foreign = headers | {"origin": "https://mail.provider.example", "sec-fetch-site": "cross-site"}
    assert app.request("POST", path(sent, LinkKind.UNSUBSCRIBE), content=content, headers=foreign).status_code == 200
    assert stops(sent) == ["one_click"]


@pytest.mark.parametrize("body", [b"", b"List-Unsubscribe=Two-Click", b"x" * 100_000, b"\xff\xfe\x00"])
def test_any_post_stops_whatever_its_body(world: World, app: Asking, body: bytes) -> None:
    sent = send(world.acme, channel=Channel.SMS)
    assert app.request("POST", path(sent, LinkKind.UNSUBSCRIBE), content=body).status_code == 200
    assert stops(sent) == ["unsubscribe_page"]


@pytest.mark.parametrize("token", ["x" * 22, "short", "x" * 500, "a'--", "%00", "%F0%9F%98%80"])
@pytest.mark.parametrize(("method", "where"), [("GET", "t"), ("HEAD", "t"), ("GET", "u"), ("POST", "u")])
def test_an_unknown_token_gets_a_page_that_says_what_to_do(app: Asking, method: str, where: str, token: str) -> None:
    answer = app.request(method, f"/{where}/{token}")
    assert answer.status_code == 404
    if method != "HEAD":
        assert "このリンクは使えません" in answer.text


def test_each_kind_of_token_opens_its_own_page_only(world: World, app: Asking) -> None:
    sent = send(world.acme)
    restore, stop = sent.token(LinkKind.RESTORE), sent.token(LinkKind.UNSUBSCRIBE)
    answers = [
        app.request("GET", f"/t/{stop}"),
        app.request("GET", f"/u/{restore}"),
        app.request("POST", f"/u/{restore}"),
    ]
    assert [answer.status_code for answer in answers] == [404, 404, 404]
    assert stops(sent) == []


@pytest.mark.parametrize(
    ("query", "accept", "title"),
    [
        ("", "en-GB,en;q=0.9", "This link does not work"),
        ("", "fr,ja;q=0.5", "このリンクは使えません"),
        ("", "zh", "このリンクは使えません"),
        ("?lang=en", "ja", "This link does not work"),
        ("?lang=<script>", "ja", "このリンクは使えません"),
    ],
)
def test_a_page_for_nobody_speaks_the_browsers_language(app: Asking, query: str, accept: str, title: str) -> None:
    answer = app.request("GET", f"/u/{'x' * 22}{query}", headers={"accept-language": accept})
    assert title in answer.text
    assert "<script>" not in answer.text


def test_the_pages_speak_the_persons_language_and_offer_the_other(world: World, app: Asking) -> None:
    english, japanese = send(world.acme, locale="en"), send(world.acme)
    page = app.request("GET", path(english, LinkKind.UNSUBSCRIBE)).text
    assert '<html lang="en">' in page
    assert "This stops e-mail from Acme Store." in page
    other = app.request("GET", path(japanese, LinkKind.UNSUBSCRIBE) + "?lang=en").text
    assert '<html lang="en">' in other


def test_without_the_database_the_page_says_that_nothing_was_done(world: World, app: Asking) -> None:
    sent = send(world.acme)
    app_url, scan_url = (
        engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
        for engine in (db.database().app, db.database().scan)
    )
    db.disconnect()
    nowhere = "postgresql://nobody:none@127.0.0.1:1/none"
    try:
        db.connect(app_url=nowhere, scan_url=nowhere)
        answer = app.request("POST", path(sent, LinkKind.UNSUBSCRIBE), data=ONE_CLICK)
    finally:
        db.disconnect()
        db.connect(app_url=app_url, scan_url=scan_url)
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "5"
    assert "手続きはまだ行われていません" in answer.text
    assert stops(sent) == []
