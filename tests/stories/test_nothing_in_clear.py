"""G8 and G13: after whole stories, no personal value and no card number stands in clear in any column, nor in a log.

Several people live through everything that the product does: mail, SMS, calls, clicks, stops, orders, refusals,
reversals, erasure, requests of servers, browsers and operators, good and bad. Then the whole database is read as its
owner, past row security, and every log line that was written meanwhile.
"""

import logging as library_logging
from collections.abc import Iterator, Sequence
from copy import deepcopy
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import httpx
import psycopg
import pytest
import structlog
from psycopg import sql
from twilio.request_validator import RequestValidator

from modori.capture.context import context_of
from modori.capture.pages import LINK_PARAMETER
from modori.entrypoints import logging, wiring
from modori.entrypoints.demo_story import DemoStory, DemoUrls
from modori.entrypoints.front import Front
from modori.entrypoints.seed import seed_demo, site_of_key
from modori.entrypoints.seed_history import History
from modori.entrypoints.seed_stories import Story
from modori.entrypoints.settings import Settings
from modori.kernel import clock
from modori.kernel.ids import PLATFORM, UserId, new_id
from modori.sandbox.app import Sandbox
from modori.sandbox.settings import SandboxSettings
from modori.storage.db import agency_transaction, tenant_transaction
from modori.storage.roles import DatabaseUrls
from modori.tenants.sites.queries import get_site
from modori.tenants.users.queries import find_user_by_email
from modori.tenants.users.values import email_index
from tests.asking import Asking
from tests.conftest import Cluster
from tests.consoleworld import Console
from tests.drain import drain
from tests.wholeapp import TWILIO_TOKEN, make_front
from tests.world import KEY_SETTINGS, connect

NOW: Final = datetime.fromisoformat("2026-11-18T02:40:00+00:00")
"""A Wednesday, 11:40 in Tokyo; a story of today began half an hour before."""

WEB: Final = "http://127.0.0.1:9"
"""Nobody listens there: requests go into the application, and the sandbox's own callbacks nowhere."""

STORIES: Final = (
    Story(7, 2, "鬼龍院", "翠蓮子", "furaipan", ("mail", "click", "order", "approve", "reverse"), tel="+819010010001"),
    Story(6, 20, "勅使河原", "瑠璃彦", "kyusu", ("mail", "sms", "call_refused"), tel="+819010010002"),
    Story(5, 8, "小比類巻", "緋奈乃", "furaipan", ("mail", "sms", "stop"), tel="+819010010003"),
    Story(5, 26, "東海林", "佐和里", "hocho", ("mail", "click", "order", "refuse"), tel="+819010010004"),
    Story(4, 3, "武者小路", "朔太朗", "kyusu", ("mail", "sms", "call_buy", "order"), tel="+819010010005"),
    Story(3, 3, "万里小路", "鞠江乃", "kyusu", ("mail", "unsubscribe"), tel="+819010010006"),
    Story(0, 26, "長曽我部", "桔梗之", "cheap", ("mail", "sms", "call_task"), tel="+819010010007"),
)
PERSONAL: Final = (
    *(name for story in STORIES for name in (story.family, story.given)),
    *("@example.jp", "guest0", "server-side", "browser-side", "mistyped-", "unknown-user", "reset-of"),
    *(
        "1001000",
        "3-1415-92",
        "竜宮町",
        "シマリスソウ",
        "四方木田",
        "MEMBER-271828",
        "Uffffffffffffffffffffffffffffffff",
    ),
    *("子どもの誕生日", "折り返しは姉へ", "203.0.113.77"),
)
"""What people typed, said or were called, in forms short enough to be found however it was written."""

USERS: Final = ("operator@agency.example", "admin@agency.example", "+819055550000", "90-5555-0000")
"""A console user's name is the agency's own and stands in clear; address and telephone do not."""

CARDS: Final = (
    *(
        "4111111111111111",
        "4111 1111 1111 1111",
        "4111-1111-1111-1111",
        "４１１１１１１１１１１１１１１１",
        "378282246310005",
    ),
    *("2026-11-18 4111111111111111 12/29", "カード 30569309025904 です", "4111\u20111111\u20111111\u20111111"),
)
CARD_DIGITS: Final = (
    "4111111111111111",
    "4111 1111",
    "4111-1111",
    "４１１１１",
    "3782822463",
    "3056930902",
    "4111\u20111111",
)
PASSWORD: Final = "hunter2-hunter2"


class House:
    """The demo's client on a database of this test's own, and what was logged."""

    def __init__(self, urls: DatabaseUrls, front: Front, story: DemoStory, history: History, log: "Log") -> None:
        self.urls, self.front, self.story, self.history, self.log = urls, front, story, history, log
        self.site = history.site


class Log(library_logging.Handler):
    """Every line as the product's own chain writes it."""

    def __init__(self, formatter: library_logging.Formatter) -> None:
        super().__init__()
        self.setFormatter(formatter)
        self.lines: list[str] = []

    def emit(self, record: library_logging.LogRecord) -> None:
        self.lines.append(self.format(record))


@pytest.fixture
def log() -> Iterator[Log]:
    """Configure logs as production has them, at their most talkative, and keep what is said."""
    root = library_logging.getLogger()
    before, level = root.handlers[:], root.level
    levels = {name: library_logging.getLogger(name).level for name in logging.QUIET}
    logging.configure(is_development=False, level="debug", process="test")
    formatter = root.handlers[0].formatter
    assert formatter is not None
    kept = Log(formatter)
    root.handlers[:] = [kept]
    yield kept
    root.handlers[:] = before
    root.setLevel(level)
    for name, one in levels.items():
        library_logging.getLogger(name).setLevel(one)
    structlog.reset_defaults()


@pytest.fixture
def house(fresh_database: DatabaseUrls, engines: Cluster, tmp_path: Path, log: Log) -> Iterator[House]:
    database = connect(fresh_database)
    sandbox_settings = SandboxSettings(
        shop_port=0,
        world_port=0,
        smtp_port=0,
        site_key="pk_demo",
        secret_key="sk_demo",
        web_url=WEB,
        state_dir=tmp_path,
        account_sid="AC" + "0" * 32,
        auth_token=TWILIO_TOKEN,
    )
    with Sandbox(sandbox_settings) as sandbox:
        world_url = sandbox.settings.world_url
        told: dict[str, Any] = {
            "smtp_url": sandbox.settings.smtp_url,
            "twilio_api_base": world_url,
            "public_url": WEB,
            "trusted_proxies": "192.0.2.0/24",
        }
        front = make_front(fresh_database, engines, **told)
        urls = DemoUrls(web=WEB, shop="http://localhost:8010", console=WEB, inbox=world_url)
        with clock.moved_to(NOW - timedelta(days=9)):
            story = seed_demo(database, urls=urls, now=NOW - timedelta(days=9), known=None)
        seed_demo(database, urls=urls, now=NOW, known=story)
        tenant_id, site_id = site_of_key(story.site_key)
        with tenant_transaction(tenant_id) as session:
            site = get_site(session, tenant_id=tenant_id, site_id=site_id)
        keys = {name.removeprefix("MODORI_").lower(): value for name, value in KEY_SETTINGS.items()}
        settings = Settings.model_validate(
            keys
            | {"env": "development", "public_url": WEB, "twilio_account_sid": sandbox_settings.account_sid}
            | {"twilio_auth_token": TWILIO_TOKEN, "smtp_url": told["smtp_url"], "twilio_api_base": world_url}
        )
        history = History(
            site=context_of(site, key_id="history", is_secret=False),
            shop=urls.shop,
            inbox=urls.inbox,
            dispatcher=wiring.make_dispatcher(settings),
            operator=_user(story, "operator"),
            reviewer=_user(story, "client_reviewer"),
            now=NOW,
        )
        yield House(fresh_database, front, story, history, log)


def _user(story: DemoStory, role: str) -> UserId:
    with agency_transaction() as session:
        found = find_user_by_email(session, email_index=email_index(story.logins[role].email))
        assert found is not None
        return UserId(found.user_id)


def columns_with(urls: DatabaseUrls, values: Sequence[str]) -> dict[str, set[str]]:
    """Return where any of the values stands: value → tables. Texts, jsonb and bytes alike, in any case of letters."""
    found: dict[str, set[str]] = {}
    with psycopg.connect(urls.owner) as owner:
        tables = owner.execute(
            "select relname from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p')"
            " and not relispartition"
        ).fetchall()
        for (table,) in tables:
            rows = sql.SQL("select lower(t::text) from {} t").format(sql.Identifier(table))
            stored = "\n".join(str(row) for (row,) in owner.execute(rows).fetchall())
            for value in values:
                forms = (
                    value.lower(),
                    value.encode().hex(),
                    value.lower().encode().hex(),
                )  # a row's text shows bytes as hexadecimal
                if any(form in stored for form in forms):
                    found.setdefault(value, set()).add(str(table))
    return found


def test_the_search_finds_what_is_there(house: House) -> None:
    """Else the tests below would show nothing."""
    assert columns_with(house.urls, ["みなと道具店"])["みなと道具店"] >= {"tenant"}
    with psycopg.connect(house.urls.owner) as owner:
        owner.execute("update user_account set phone = %s", (b"guest01@example.jp",))
    assert columns_with(house.urls, ["guest01@EXAMPLE.jp"]) == {"guest01@EXAMPLE.jp": {"user_account"}}


def test_g13_after_whole_stories_nothing_personal_stands_in_clear(house: House) -> None:
    house.history.play(STORIES)
    with clock.moved_to(NOW):
        browsers(house)
        servers(house)
        hooks(house)
        console(house)
        drain([house.site.tenant_id, PLATFORM], subscribers=wiring.subscribers(), jobs=wiring.jobs())
    with psycopg.connect(house.urls.owner) as owner:
        counts = [owner.execute(f"select count(*) from {table}").fetchone() for table in LIVED]
    assert all(row is not None and row[0] > 0 for row in counts), dict(zip(LIVED, counts, strict=True))
    assert columns_with(house.urls, [*PERSONAL, *USERS, LINK_PARAMETER]) == {}
    assert len(house.log.lines) > 50
    said = "\n".join(house.log.lines)
    assert [value for value in (*PERSONAL, *USERS) if value in said] == []


def test_g8_a_card_number_in_any_field_of_any_event_is_never_stored(house: House) -> None:
    visitor, item = new_id().hex, {"id": "p1", "name": "急須", "price": 1, "url": f"{house.history.shop}/p1"}
    cart = {"id": "c1", "currency": "JPY", "value": 1, "items": [item], "url": f"{house.history.shop}/cart"}
    typed = dict.fromkeys(("email", "tel", "name", "postal-code", "address-line1", "organization"), "x")
    who = dict.fromkeys(("email", "tel", "line", "name", "member_id"), "x")
    good: list[tuple[str, dict[str, Any]]] = [
        ("page", {"more": "x"}),
        ("cart", cart),
        ("form", {"form": "checkout", "fields": typed | {"cc-number": "x"}, "last_field": "tel"}),
        *(("form", {"form": "checkout", "fields": {name: "x"}}) for name in typed),
        *(("identify", {name: "x"}) for name in who),
        ("consent", {"channel": "email", "granted": True, "text": "はい", "control": "#optin"}),
        ("order", {"id": "A-1", "currency": "JPY", "value": 1, "items": [item]}),
    ]
    with clock.moved_to(NOW):
        spoilt = [
            one
            for card in CARDS
            for kind, data in good
            for one in with_card_everywhere(told(house, visitor, kind, data), card)
        ]
        assert len(spoilt) > 500
        for number, start in enumerate(range(0, len(spoilt), 20)):
            answer = post_events(house, spoilt[start : start + 20], ip=f"198.51.100.{number}")
            assert answer.status_code == 202, answer.text
            assert not any(digits in answer.text for digits in CARD_DIGITS)
        card = {"currency": "JPY", "value": 378282246310005, "items": []}
        assert post_events(house, [told(house, visitor, "cart", card)]).json()["accepted"] == 0
        order = {"id": "S-9", "currency": "JPY", "value": 1, "items": [{"id": "p", "name": CARDS[0], "price": 1}]}
        bearer = {"Authorization": f"Bearer {house.story.secret_key}"}
        assert Asking(house.front, base_url=WEB).post("/v1/orders", json=order, headers=bearer).status_code == 201
    assert columns_with(house.urls, CARD_DIGITS) == {}
    assert not any(digits in line for digits in CARD_DIGITS for line in house.log.lines)


def with_card_everywhere(event: dict[str, Any], card: str) -> Iterator[dict[str, Any]]:
    """Yield the event with the card in the place of each of its texts, one at a time, and behind each address."""
    for path in texts_of(event):
        if path[-1] in ("id", "at", "type") and len(path) == 1:
            continue  # a UUID, an instant and a word of ours hold nothing else
        made = deepcopy(event) | {"id": str(new_id())}
        inner: Any = made
        for key in path[:-1]:
            inner = inner[key]
        was = str(inner[path[-1]])
        inner[path[-1]] = f"{was}/{card}" if was.startswith("http") else card
        yield made


def texts_of(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if isinstance(value, str):
        yield path
    elif isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from texts_of(inner, (*path, key))


LIVED: Final = (
    *(
        "event",
        "episode",
        "person",
        "contact_point",
        "consent",
        "stop",
        "erasure",
        "lead",
        "touch",
        "receipt",
        "delivery",
    ),
    *("link", "click", "reply", "call", "purchase_order", "reversal", "result", "ledger_entry", "audit_entry", "work"),
    *("idempotent_answer", "console_session", "login_throttle"),
)
"""Each of these must have rows, else the stories did not reach it."""


def browsers(house: House) -> None:
    """Good and bad events, of a browser behind a proxy."""
    visitor = new_id().hex
    typed = {
        "email": "browser-side@example.jp",
        "tel": "+81 (0)90-1001-0008",
        "name": "四方木田 保",
        "family-name": "四方木田",
        "given-name-kana": "シマリスソウ",
        "postal-code": "314-1592",
        "address-line1": "竜宮町3-1415-92",
        "organization": "四方木田商店",
    }
    who = {"email": "browser-side@example.jp", "name": "四方木田", "member_id": "MEMBER-271828"}
    events = [
        told(house, visitor, "form", {"form": "checkout", "fields": typed, "last_field": "tel", "progress": 0.5}),
        told(house, visitor, "identify", who | {"line": "U" + "f" * 32}),
        told(house, visitor, "form", {"form": "checkout", "fields": {"email": "mistyped-@", "tel": "1001000"}}),
        told(house, visitor, "identify", {"email": "mistyped-@"}),  # refused
        told(house, visitor, "page", {}, url=f"{house.history.shop}/x?email=browser-side@example.jp#tel=090-1001-0008"),
        told(
            house,
            visitor,
            "page",
            {},
            url=f"{house.history.shop}/u/browser-side%40example.jp/090-1001-0008?utm_term=browser-side@example.jp",
            title="四方木田 保様のカート browser-side@example.jp（09010010008）",
        ),
        told(house, visitor, "zap", {"email": "browser-side@example.jp"}),
        told(house, visitor, "order", {"id": "B-1", "currency": "JPY", "value": 1, "email": "browser-side@example.jp"}),
    ]
    answer = post_events(house, events)
    assert (answer.status_code, answer.json()["accepted"]) == (202, 6), answer.text
    assert post_events(house, events, site="pk_none").status_code == 403


def servers(house: House) -> None:
    """The client's own server, with what it knows of people."""
    email, tel = "server-side@example.jp", "090-1001-0009"
    consent = {"channel": "email", "granted": True, "text": "はい", "email": email}
    for path, body, status in (
        (
            "orders",
            {"id": "S-1", "currency": "JPY", "value": 5, "email": email, "tel": tel, "member_id": "MEMBER-271828"},
            201,
        ),
        ("orders", {"id": "S-2", "currency": "JPY", "value": 5, "email": "mistyped-@", "tel": "1001000"}, 400),
        ("orders", {"id": "S-1", "currency": "JPY", "value": 6, "email": email}, 409),
        ("consents", consent | {"page": f"https://shop.example/x?email={email}"}, 201),
        ("stops", {"tel": tel}, 201),
        ("erasures", {"email": "guest04@example.jp"}, 201),
        ("erasures", {"tel": "+819010010004"}, 201),
        ("stops", {"email": "mistyped-@"}, 400),
    ):
        answer = Asking(house.front, base_url=WEB).post(
            f"/v1/{path}",
            json=body,
            headers={"Authorization": f"Bearer {house.story.secret_key}", "Idempotency-Key": new_id().hex},
        )
        assert answer.status_code == status, (path, body, answer.text)
        assert not any(value in answer.text for value in PERSONAL)


def hooks(house: House) -> None:
    """An SMS that says more than a stop word."""
    fields = {
        "From": "+819010010001",
        "To": "+815031234567",
        "Body": "子どもの誕生日に 四方木田より",
        "MessageSid": "SM77",
    }
    signature = RequestValidator(TWILIO_TOKEN).compute_signature(f"{WEB}/hooks/twilio/inbound", fields)
    asking = Asking(house.front, base_url=WEB)
    answer = asking.post("/hooks/twilio/inbound", data=fields, headers={"X-Twilio-Signature": signature})
    assert answer.status_code == 200
    assert asking.post("/hooks/twilio/inbound", data=fields, headers={"X-Twilio-Signature": "no"}).status_code == 403


def console(house: House) -> None:
    """An operator reveals a person, works them, and writes a note; somebody unknown tries to log in."""
    stranger = Console(house.front, public_url=WEB)
    stranger.post("/console/login", data={"email": "unknown-user@example.jp", "password": PASSWORD})
    stranger.post("/console/forgotten", data={"email": "reset-of-nobody@example.jp"})
    login = house.story.logins["operator"]
    stranger.post("/console/login", data={"email": login.email, "password": PASSWORD})
    operator = LoggedIn(house.front, public_url=WEB).enter(login.email, login.password)
    operator.act("/console/me", name="高橋 優", locale="ja", timezone="Asia/Tokyo", phone="090-5555-0000")
    taken = operator.act("/console/queue/next")
    page = taken.headers["location"]
    assert page.startswith("/console/leads/"), page
    revealed = operator.act(f"{page}/reveal").text
    assert "guest07@example.jp" in revealed
    assert "長曽我部" in revealed
    task_id = page_task(operator, page)
    operator.htmx(f"{page}/call/{task_id}/dial")
    note = "折り返しは姉へ 090-1001-0007"
    answer = operator.htmx(f"{page}/call/{task_id}/disposition", disposition="refused", note=note)
    assert answer.status_code == 200, answer.text


def page_task(operator: Console, page: str) -> str:
    found = operator.get(page).text.partition("/call/")[2].partition("/")[0]
    assert len(found) == 36, found
    return found


class LoggedIn(Console):
    """A browser that knows its own password."""

    def enter(self, email: str, password: str) -> "LoggedIn":
        assert self.post("/console/login", data={"email": email, "password": password}).status_code == 303
        self.csrf = self.get("/console/me").text.partition('name="csrf" value="')[2].partition('"')[0]
        return self


def told(house: House, visitor: str, kind: str, data: dict[str, Any], **page: str) -> dict[str, Any]:
    return {
        "id": str(new_id()),
        "type": kind,
        "at": clock.now().isoformat(),
        "visitor": visitor,
        "page": {"url": f"{house.history.shop}/checkout", "title": "ご注文"} | page,
        "data": data,
    }


def post_events(house: House, events: Sequence[Any], ip: str = "203.0.113.77", **envelope: Any) -> httpx.Response:
    sent = {"site": house.story.site_key, "sdk": "1.0.0", "events": list(events)} | envelope
    headers = {"Origin": house.history.shop, "X-Forwarded-For": ip}
    return Asking(house.front, base_url=WEB).post("/v1/events", json=sent, headers=headers)
