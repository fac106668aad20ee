"""Rubbish at every door: whatever is sent, the answer is a named one of ours; never a 5xx, never a traceback."""

import json
from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any, Final
from urllib.parse import quote
from uuid import uuid4

import httpx
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from twilio.request_validator import RequestValidator

from modori.channels.model import LinkKind
from modori.console import figures
from modori.console.views import sites, tenants
from modori.entrypoints.front import Front
from modori.kernel import clock
from modori.storage.roles import DatabaseUrls
from modori.tenants.model import Role
from tests.asking import Asking
from tests.captureworld import cart, consent, event, form
from tests.conftest import Cluster
from tests.consoleworld import Console, ConsoleWorld, furnish
from tests.wholeapp import PUBLIC_URL, TWILIO_TOKEN, make_front
from tests.world import NOW, World, connect, make_world

TRIES: Final = 20
rubbish = settings(
    max_examples=TRIES,
    phases=[Phase.generate],  # each try is a whole request: what fails is shown as it came
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)

NASTY: Final = (
    *("", " ", "\x00", "a\x00b", "²", "٣", "１２", "9" * 30, "9" * 4400, "-1", "1e309", "NaN", "0x10", "true", "null"),
    *("' or 1=1--", "{{7*7}}", "{% for", "<script>alert(1)</script>", "‮moc.live", "😀", "a" * 2_100, "%00", "../../x"),
    *(
        "2026-13-45",
        "0001-01-01",
        "9999-12-31",
        "9999-12",
        "0001-01",
        "2026-11-18T03:00:00+00:00",
        "24:00-25:00",
        "x-y",
    ),
    *("0001-01-01T00:00:00+00:00_00000000-0000-0000-0000-000000000000", "00000000-0000-0000-0000-000000000000"),
    *("https://[", "https://evil.example:99999", "//x", "javascript:alert(1)", "a@b", "@", "+81", "+8190" + "1" * 60),
)
texts = st.sampled_from(NASTY) | st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([2**31, 2**63, 10**20, -1, 0, 10**300])
    | st.floats()
    | texts
    | st.sampled_from(["\ud800", "a\udfff", "\x00"])
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4), max_leaves=8
)
latin = st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=60)


@st.composite
def spoilt(draw: Callable[..., Any], good: Any) -> Any:
    """A good document with one to three of its parts replaced, dropped, or joined by something else."""
    document = deepcopy(good)
    for _ in range(draw(st.integers(1, 3))):
        spot, key = document, None
        while isinstance(spot, dict | list) and spot:
            keys = list(spot) if isinstance(spot, dict) else list(range(len(spot)))
            parent, key = spot, draw(st.sampled_from(keys))
            spot = parent[key]
            if draw(st.integers(0, 2)) == 0:
                break
        if key is None:
            continue
        match draw(st.sampled_from(["replace", "replace", "drop", "join"])):
            case "replace":
                parent[key] = draw(values)
            case "drop":
                del parent[key]
            case _ if isinstance(parent, dict):
                parent[draw(texts)] = draw(values)
            case _:
                parent.append(draw(values))
    return document


@pytest.fixture(scope="module")
def own_database(clone_database: Callable[[], DatabaseUrls]) -> DatabaseUrls:
    """A database of this file alone: what rubbish switches off, or locks out by trying, is nobody else's."""
    return clone_database()


@pytest.fixture(scope="module")
def _house(own_database: DatabaseUrls, engines: Cluster) -> tuple[World, ConsoleWorld, Front]:
    connect(own_database)
    with clock.moved_to(NOW):
        world = make_world()
        return world, furnish(world.acme, now=NOW), make_front(own_database, engines)


@pytest.fixture(autouse=True)
def _now(_house: object, own_database: DatabaseUrls) -> Iterator[None]:
    connect(own_database)
    with clock.moved_to(NOW):
        yield


@pytest.fixture
def world(_house: tuple[World, ConsoleWorld, Front]) -> World:
    return _house[0]


@pytest.fixture
def furnished(_house: tuple[World, ConsoleWorld, Front]) -> ConsoleWorld:
    return _house[1]


@pytest.fixture
def front(_house: tuple[World, ConsoleWorld, Front]) -> Front:
    return _house[2]


@pytest.fixture
def anybody(front: Front) -> Asking:
    return Asking(front, base_url=PUBLIC_URL)


@pytest.fixture(scope="module")
def admin(_house: tuple[World, ConsoleWorld, Front]) -> Console:
    with clock.moved_to(NOW):
        world, _, front = _house
        return Console(front, public_url=PUBLIC_URL).log_in(world.users[Role.AGENCY_ADMIN].email)


def is_ours(answer: httpx.Response, *, told: object = None) -> None:
    """No mistake of ours, no traceback; and a refusal of the JSON edge has its name."""
    assert answer.status_code < 500, (answer.status_code, answer.text[:500], told)
    assert "Traceback" not in answer.text
    if answer.status_code >= 400 and answer.request.url.path.startswith(("/v1/", "/hooks/")):
        assert answer.headers["content-type"] == "application/problem+json", answer.text
        problem = answer.json()
        assert problem["status"] == answer.status_code
        assert problem["type"] == f"urn:modori:problem:{problem['code']}"


def dumped(document: Any) -> bytes:
    return json.dumps(document).encode()


@rubbish
@given(st.data())
def test_events(anybody: Asking, world: World, data: st.DataObject) -> None:
    tenant, visitor = world.acme, uuid4().hex
    good = {
        "site": tenant.site_key,
        "sdk": "1.0.0",
        "sent_at": NOW.isoformat(),
        "events": [
            cart(tenant, visitor=visitor, id="c-1"),
            form(tenant, visitor=visitor, email="a@b.example", tel="090-1234-5678", name="花子"),
            consent(tenant, "email", visitor=visitor),
            event(tenant, "identify", {"email": "a@b.example", "member_id": "7", "name": "花子"}, visitor=visitor),
            event(tenant, "order", {"id": "A-1", "currency": "JPY", "value": 4980, "items": []}, visitor=visitor),
        ],
    }
    sent = data.draw(spoilt(good))
    body = dumped(sent)
    answer = anybody.post("/v1/events", content=body, headers={"Origin": tenant.origin, "Content-Type": "text/plain"})
    is_ours(answer, told=sent)
    if answer.status_code == 202:
        told = answer.json()
        assert told["accepted"] + len(told["refused"]) == len(sent["events"])


@rubbish
@given(st.data())
def test_the_server_api(anybody: Asking, world: World, data: st.DataObject) -> None:
    path, good = data.draw(
        st.sampled_from(
            [
                (
                    "/v1/orders",
                    {
                        "id": "A-7",
                        "currency": "JPY",
                        "value": 4980,
                        "at": NOW.isoformat(),
                        "items": [{"id": "p", "name": "x", "price": 4980, "quantity": 1, "url": "https://x.example/"}],
                        "email": "a@b.example",
                        "tel": "090-1234-5678",
                        "visitor": "v",
                        "cart": "c",
                        "member_id": "m",
                    },
                ),
                ("/v1/orders/A-1001/reversals", {"id": "R-1", "reason": "return", "value": 1, "at": NOW.isoformat()}),
                (
                    "/v1/consents",
                    {"channel": "email", "granted": True, "text": "x", "email": "a@b.example", "page": "x"},
                ),
                ("/v1/stops", {"tel": "090-1234-5678"}),
                ("/v1/erasures", {"email": "erased@b.example"}),
            ]
        )
    )
    sent = data.draw(spoilt(good))
    headers = {"Authorization": f"Bearer {world.acme.secret_key}", "Content-Type": "application/json"}
    is_ours(anybody.post(path, content=dumped(sent), headers=headers), told=sent)


@rubbish
@given(
    path=st.sampled_from(["/v1/events", "/v1/orders", "/v1/stops", "/u/x", "/hooks/twilio/inbound"]), body=st.binary()
)
def test_any_bytes(anybody: Asking, world: World, path: str, body: bytes) -> None:
    headers = {"Authorization": f"Bearer {world.acme.secret_key}", "Content-Type": "application/json"}
    is_ours(anybody.post(path, content=body, headers=headers))


@rubbish
@given(
    where=st.sampled_from(["/v1/orders/{}/reversals", "/v1/sites/{}/config", "/t/{}", "/u/{}", "/console/password/{}"]),
    text=texts.filter(lambda one: one not in (".", "..")),
    query=st.dictionaries(st.sampled_from(["lang", "before", "limit", "month"]), texts, max_size=2),
    method=st.sampled_from(["GET", "POST"]),
)
def test_any_path(anybody: Asking, world: World, where: str, text: str, query: dict[str, str], method: str) -> None:
    headers = {"Authorization": f"Bearer {world.acme.secret_key}", "Sec-Fetch-Site": "same-origin"}
    path = where.format(quote(text[:2000], safe=""))
    is_ours(anybody.request(method, path, params=query, headers=headers), told=text)


@rubbish
@given(
    path=st.sampled_from(["/v1/leads", "/v1/results", "/v1/statements"]),
    query=st.dictionaries(st.sampled_from(["before", "limit", "month"]), texts, min_size=1),
)
def test_any_query_of_the_server_api(anybody: Asking, world: World, path: str, query: dict[str, str]) -> None:
    is_ours(anybody.get(path, params=query, headers={"Authorization": f"Bearer {world.acme.secret_key}"}), told=query)


@rubbish
@given(
    name=st.sampled_from(
        [
            *(
                "Origin",
                "Authorization",
                "Content-Type",
                "Content-Encoding",
                "Idempotency-Key",
                "X-Forwarded-For",
                "Cookie",
            ),
            *(
                "Accept-Language",
                "X-Request-Id",
                "X-Twilio-Signature",
                "User-Agent",
                "Host",
                "Sec-Fetch-Site",
                "HX-Request",
            ),
        ]
    ),
    value=latin | st.sampled_from(["modori_session=ü", "Bearer sk_ü", "Basic ü", "1.2.3.4, ü", "https://["]),
    spot=st.sampled_from(
        [
            "POST /v1/events",
            "OPTIONS /v1/events",
            "POST /v1/orders",
            "GET /v1/leads",
            "POST /hooks/twilio/inbound",
            "GET /t/x",
            "POST /u/x",
            "GET /console/me",
            "POST /console/login",
            "GET /metrics",
            "GET /healthz",
            "GET /assets/modori.css",
        ]
    ),
)
def test_any_header(anybody: Asking, world: World, name: str, value: str, spot: str) -> None:
    method, path = spot.split(" ")
    headers = [("Authorization", f"Bearer {world.acme.secret_key}"), ("Content-Type", "application/json")]
    given_headers = [(key, said) for key, said in headers if key != name] + [(name, value.encode("latin-1"))]
    body = dumped({"id": "A-9", "currency": "JPY", "value": 1, "site": world.acme.site_key, "events": []})
    content = body if method == "POST" else None
    is_ours(
        Asking(anybody._app, base_url=PUBLIC_URL).request(method, path, content=content, headers=given_headers),
        told=value,
    )


@rubbish
@given(
    fields=st.dictionaries(
        st.sampled_from(
            [
                *("MessageStatus", "MessageSid", "ErrorCode", "CallStatus", "CallSid", "CallDuration", "From", "To"),
                *("Body", "DialCallStatus", "DialCallDuration"),
            ]
        ),
        texts | st.sampled_from(["completed", "delivered", "+819012345678", "停止"]),
    ),
    data=st.data(),
)
def test_signed_webhooks(
    anybody: Asking, world: World, furnished: ConsoleWorld, fields: dict[str, str], data: st.DataObject
) -> None:
    ids = [str(furnished.sent.permit.delivery_id), str(uuid4()), "x", "%00"]
    template = data.draw(
        st.sampled_from(["inbound", "sms/{}/{}", "voice/{}/{}", "voice/{}/{}/status", "voice/{}/{}/dialled"])
    )
    path = "/hooks/twilio/" + template.format(world.acme.tenant_id, data.draw(st.sampled_from(ids)))
    fields = fields | ({"To": world.acme.sms_from} if data.draw(st.booleans()) else {})
    signature = RequestValidator(TWILIO_TOKEN).compute_signature(PUBLIC_URL + path, fields)
    is_ours(anybody.post(path, data=fields, headers={"X-Twilio-Signature": signature}), told=fields)


CLIENT: Final = dict.fromkeys(tenants.TEXTS, "x") | {
    "mail_from": "a@b.example",
    "sms_from": "+815031234567",
    "voice_from": "+815031234567",
    "currency": "JPY",
    **dict.fromkeys(("consent_duty", "record_duty", "opt_out_duty"), "agency"),
    "tax_rate_pct": "10",
    "order_feed_max_age_min": "60",
    "spend_limit": "1000",
}
SITE: Final = {
    "name": "x",
    "country": "JP",
    "timezone": "Asia/Tokyo",
    "locale": "ja",
    "capture_mode": "off",
    "origins": "https://x.example",
    "notice_selector": "#x",
    "notice_text": "x",
    "cart_url": "https://x.example/cart",
    **{one.field: "1" for one in figures.OF_SITE.values()},
    **{f"hours_{channel}_{day}": "10:00-12:00" for channel in sites.CHANNELS for day in sites.DAYS},
}
ON_DESK: Final = "leads/{t}/{l}/call/{c}/"
FORMS: Final[dict[str, dict[str, str]]] = {
    "login": {"email": "a@b.example", "password": "x", "next": "/console"},
    "forgotten": {"email": "a@b.example"},
    "password/{m}": {"password": "x", "again": "x"},
    "view": {"tenant_id": "x"},
    "me": {"name": "x", "locale": "ja", "timezone": "Asia/Tokyo", "phone": "090-1234-5678"},
    "queue/next": {},
    "tenants": CLIENT,
    "tenants/{t}": CLIENT,
    "tenants/{t}/terms": dict.fromkeys(("fee_pct", "window_days", "hold_days", "call_hold_days"), "1"),
    "tenants/{t}/stop": {"reason": "x"},
    "tenants/{t}/resume": {},
    "tenants/{t}/sites": SITE,
    "tenants/{t}/sites/{s}": SITE,
    "tenants/{t}/sites/{s}/keys": {"kind": "secret"},
    "tenants/{t}/sites/{s}/notice": {"locale": "ja"},
    "tenants/{t}/sites/{s}/signed-mode": {"wanted": "on"},
    "tenants/{t}/sites/{s}/stop": {"reason": "x"},
    "tenants/{t}/sites/{s}/resume": {},
    "users": {"email": "a@b.example", "name": "x", "role": "operator", "tenant": "", "locale": "ja"},
    "users/{u}/roles": {"role": "operator", "tenant": ""},
    "users/{u}/roles/remove": {"tenant": ""},
    "results/{t}/{r}/approve": {"note": "x"},
    "results/{t}/{r}/refuse": {"note": "x"},
    "statements/{t}/{m}/close": {},
    ON_DESK + "claim": {},
    ON_DESK + "dial": {},
    ON_DESK + "disposition": {"disposition": "no_answer", "note": "x", "callback": "2026-11-19T11:00"},
    ON_DESK + "openings/{m}": {},
    "uploads/{t}/{s}": {"kind": "orders", "file": "x"},
    "uploads/{t}/{m}/apply": {},
    "uploads/{t}/{f}/stop": {"confirmed": "yes"},
    "uploads/{t}/{f}/drop": {},
    "agency/stop": {"reason": "x"},
    "agency/resume": {},
    "agency/limits": dict.fromkeys((one.field for one in figures.OF_AGENCY.values()), "1"),
    "leads/{t}/{l}/release": {},
    "leads/{t}/{l}/reveal": {},
    "nothing": {"x": "x"},
}
"""Every form as it should be: each try spoils one or two of its fields."""
GETS: Final = (
    *("login", "leads", "results", "statements", "statements/{t}/{m}", "audit", "queue", "scenarios", "tenants/{t}"),
    *("tenants/{t}/sites/{s}", "tenants/{t}/sites/{s}/events", "tenants/{t}/sites/{s}/events/rows"),
    *("tenants/{t}/sites/{s}/fields", "tenants/{t}/sites/{s}/live", "tenants/{t}/sites/{m}/notice"),
    *("scenarios/{t}/{k}", "scenarios/{t}/{k}/{r}/{m}/preview", "leads/{t}/{l}", "users/{u}", "me", "x/y"),
    *(
        "uploads",
        "uploads/new",
        "uploads/{t}/{f}",
        "uploads/{t}/{f}/progress",
        "uploads/{t}/{m}",
        "uploads/{t}/{f}/report.csv",
    ),
)


def _path(template: str, furnished: ConsoleWorld, world: World, odd: str) -> str:
    known = {
        "t": furnished.tenant.tenant_id,
        "s": furnished.tenant.site_id,
        "l": furnished.call.lead_id,
        "c": furnished.task_id,
        "r": furnished.pending_id,
        "k": furnished.scenario_id,
        "f": furnished.upload_id,
        "u": world.users[Role.OPERATOR].user_id,
        "m": quote(odd[:200], safe=""),
    }
    return "/console/" + template.format(**known)


@settings(rubbish, max_examples=TRIES * 4)
@given(
    template=st.sampled_from(sorted(FORMS)),
    odd=texts.filter(lambda one: one.strip(".") != "" and "/" not in one),
    is_htmx=st.booleans(),
    data=st.data(),
)
def test_console_forms(
    admin: Console, world: World, furnished: ConsoleWorld, template: str, odd: str, is_htmx: bool, data: st.DataObject
) -> None:
    good = FORMS[template]
    spoilt_fields = data.draw(st.dictionaries(st.sampled_from(sorted(good)), texts, max_size=2)) if good else {}
    headers = {"HX-Request": "true"} if is_htmx else {}
    sent = good | spoilt_fields | {"csrf": admin.csrf}
    is_ours(
        admin.post(_path(template, furnished, world, odd), data=sent, headers=headers), told=(template, spoilt_fields)
    )


@pytest.mark.parametrize("template", sorted(FORMS))
def test_a_character_that_no_column_holds_is_refused_in_every_field(
    admin: Console, world: World, furnished: ConsoleWorld, template: str
) -> None:
    for name in FORMS[template]:
        for bad in ("a\x00b", "\x00"):
            sent = FORMS[template] | {name: bad, "csrf": admin.csrf}
            is_ours(admin.post(_path(template, furnished, world, "x"), data=sent), told=(template, name))


@settings(rubbish, max_examples=TRIES * 2)
@given(
    template=st.sampled_from(GETS),
    query=st.dictionaries(
        st.sampled_from(
            [
                "state",
                "arm",
                "site",
                "channel",
                "since",
                "until",
                "least",
                "after",
                "kind",
                "days",
                "outcome",
                "version",
                "lang",
                "done",
                "next",
            ]
        ),
        texts,
        max_size=4,
    ),
    odd=texts.filter(lambda one: one.strip(".") != "" and "/" not in one),
)
def test_console_queries(
    admin: Console, world: World, furnished: ConsoleWorld, template: str, query: dict[str, str], odd: str
) -> None:
    is_ours(admin.get(_path(template, furnished, world, odd), params=query), told=query)


@rubbish
@given(body=st.binary(max_size=300), boundary=st.sampled_from(["b", "", "ü", "b; charset=x"]))
def test_broken_multipart(admin: Console, anybody: Asking, furnished: ConsoleWorld, body: bytes, boundary: str) -> None:
    headers = {
        "Content-Type": f"multipart/form-data; boundary={boundary}".encode("latin-1"),
        "X-CSRF-Token": admin.csrf,
    }
    for path in ("/console/me", "/console/login", f"/console/tenants/{furnished.tenant.tenant_id}"):
        is_ours(admin.post(path, content=b"--b\r\n" + body, headers=headers), told=body)
    token = furnished.sent.token(LinkKind.UNSUBSCRIBE)
    is_ours(anybody.post(f"/u/{token}", content=body, headers={"Content-Type": headers["Content-Type"]}))
