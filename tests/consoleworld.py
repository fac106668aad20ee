"""A client with something on every screen, and a browser that is logged in to the console."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cache
from itertools import count
from typing import Any
from uuid import UUID, uuid4

import httpx
from fastapi import FastAPI
from sqlalchemy import event
from starlette.types import ASGIApp

from modori.billing import actions as billing
from modori.billing.wire import ContractTerms
from modori.calls import actions as calls
from modori.calls.desk import Dialler
from modori.channels import actions as channels
from modori.channels.model import LinkKind
from modori.channels.wire import Prices, Visit
from modori.connectors.csv import actions as uploads
from modori.connectors.csv.checking import finish_checking_part
from modori.connectors.csv.context import context_of
from modori.connectors.csv.judging import judge_rows
from modori.connectors.csv.model import UploadKind
from modori.connectors.csv.parts import open_part
from modori.connectors.csv.tables import Table, read_table
from modori.console.config import ConsoleConfig
from modori.console.door import cookie_name
from modori.console.routes import add_console
from modori.entrypoints import resources
from modori.entrypoints.sdk import sdk_integrity
from modori.kernel import clock
from modori.kernel.ids import CallTaskId, LeadId, OrderId, ResultId, ScenarioId, UserId, new_id
from modori.leads.model import LeadState
from modori.outcomes import actions as outcomes
from modori.outcomes.model import OrderSource
from modori.outcomes.wire import OrderIn
from modori.outreach import actions as outreach
from modori.outreach.standard import standard_steps
from modori.people.model import Channel
from modori.people.naming import name_person
from modori.sending import actions as sending
from modori.sending.ports import Accepted, Answer, Permit
from modori.storage import db
from modori.storage.db import agency_transaction, tenant_transaction
from modori.tenants.logins import actions as logins
from tests.asking import Asking
from tests.channelworld import SentWorld, send
from tests.leadworld import LeadWorld, make_lead
from tests.questions import ask_one, change
from tests.world import PASSWORD, TenantWorld, World

PUBLIC_URL = "http://console.example"
PRICES = Prices(sms_part_minor={"JPY": 15, "EUR": 2, "KWD": 9}, dial_minor={"JPY": 60, "EUR": 45, "KWD": 120})
PHONE = Visit("Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) Mobile Safari/604.1")
NAMES = ("山田 花子", "佐藤 健一", "鈴木 美咲", "高橋 大輔", "田中 裕子")


@dataclass
class Voice:
    """Whoever dials, for tests: takes real permits, and remembers which phones it rang, and what they showed."""

    answer: Answer = field(default_factory=lambda: Accepted("CA1"))
    rang: list[str] = field(default_factory=list)
    showed: list[str] = field(default_factory=list)

    def dial(self, permit: Permit, *, operator_phone: str, voice_from: str) -> Answer:
        permit.assert_real()
        assert not db.in_transaction()
        self.rang.append(operator_phone)
        self.showed.append(voice_from)
        return self.answer


@dataclass(frozen=True)
class ConsoleWorld:
    """What stands on the screens of one client."""

    tenant: TenantWorld
    scenario_id: ScenarioId
    draft_version_id: UUID
    sent: SentWorld
    call: LeadWorld
    task_id: CallTaskId
    held: LeadWorld
    pending_id: ResultId
    approved_id: ResultId
    upload_id: UUID
    now: datetime

    @property
    def month(self) -> str:
        return f"{self.now:%Y-%m}"


def furnish(tenant: TenantWorld, *, now: datetime) -> ConsoleWorld:
    """Put a scenario, leads in several states, a waiting call, results and a ledger entry on a client's screens."""
    tenant_id = tenant.tenant_id
    long_ago = now - timedelta(days=40)
    with tenant_transaction(tenant_id) as session:
        terms = ContractTerms(valid_from_at=long_ago, fee_bp=1500, hold_s=0, call_hold_s=0)
        billing.make_contract_version(session, tenant_id=tenant_id, terms=terms, now=long_ago)
        scenario_id = outreach.make_scenario(session, tenant_id=tenant_id, name="標準（3段階）", now=now)
        version_id = outreach.add_version(
            session, tenant_id=tenant_id, scenario_id=scenario_id, steps=standard_steps(), now=now
        )
        outreach.approve_version(session, tenant_id=tenant_id, version_id=version_id, user_id=None, now=now)
        draft_id = outreach.add_version(
            session, tenant_id=tenant_id, scenario_id=scenario_id, steps=standard_steps((1800, 7200, 86400)), now=now
        )
    sent = send(tenant, now=now)
    name_lead(sent.lead, NAMES[0])
    results = [_result(tenant, number, now=now) for number in (1, 2)]
    with tenant_transaction(tenant_id) as session:
        billing.approve_result(session, tenant_id=tenant_id, result_id=results[1], user_id=None, now=now)
    call = make_lead(tenant, channel=Channel.CALL, now=now)
    name_lead(call, NAMES[3])
    held = make_lead(tenant, now=now)
    name_lead(held, NAMES[4])
    change(
        tenant_id,
        "update lead set state = :state, held_reason = 'quarantine' where lead_id = :id",
        state=LeadState.HELD.value,
        id=held.lead_id,
    )
    return ConsoleWorld(
        tenant,
        scenario_id,
        draft_id,
        sent,
        call,
        queue_call(call, now=now),
        held,
        results[0],
        results[1],
        checked_upload(tenant, now=now),
        now,
    )


UPLOADED = "注文番号,金額,注文日時\nU-1,4980,{at}\nU-2,-1,{at}\n"


def checked_upload(tenant: TenantWorld, *, now: datetime) -> UUID:
    """A file of two orders, one of which cannot be taken, that waits for somebody's approval."""
    tenant_id, raw = tenant.tenant_id, UPLOADED.format(at=f"{now:%Y/%m/%d} 0:05").encode()
    table = read_table(raw, kind="orders")
    assert isinstance(table, Table)
    with tenant_transaction(tenant_id) as session:
        upload = uploads.keep_upload(
            session,
            tenant_id=tenant_id,
            site_id=tenant.site_id,
            kind=UploadKind.ORDERS,
            file=uploads.File("orders.csv", raw, table),
            user_id=UserId(new_id()),
            now=now,
        )
        rows = open_part(session, tenant_id=tenant_id, upload_id=upload.upload_id, part_number=0)
        context = context_of(session, upload, now=now)
        judged = judge_rows(session, upload_id=upload.upload_id, kind=upload.kind, rows=rows or [], context=context)
        finish_checking_part(
            session, tenant_id=tenant_id, upload_id=upload.upload_id, part_number=0, judged=judged, now=now
        )
    return upload.upload_id


def queue_call(lead: LeadWorld, *, now: datetime) -> CallTaskId:
    """Let a claimed call step pass the gate into the operators' queue."""
    tenant_id = lead.tenant.tenant_id
    with tenant_transaction(tenant_id) as session:
        admitted = sending.admit_call_step(session, tenant_id=tenant_id, touch_id=lead.touch_id, costs=None, now=now)
        assert isinstance(admitted, sending.Admitted), admitted
        task_id = calls.queue_task(session, tenant_id=tenant_id, touch_id=lead.touch_id, now=now)
    assert task_id is not None
    return task_id


def name_lead(lead: LeadWorld, name: str) -> None:
    tenant_id = lead.tenant.tenant_id
    person_id = ask_one(tenant_id, "select person_id from lead where lead_id = :id", id=lead.lead_id)
    with tenant_transaction(tenant_id) as session:
        name_person(session, tenant_id=tenant_id, person_id=person_id, name=name, overwrite=True)


def _result(tenant: TenantWorld, number: int, *, now: datetime) -> ResultId:
    """Let a mail be clicked and an order follow: a result that waits for approval."""
    tenant_id, then = tenant.tenant_id, now - timedelta(hours=3)
    sent = send(tenant, now=then)
    name_lead(sent.lead, NAMES[number])
    clicked_at = then + timedelta(minutes=9)
    token = sent.token(LinkKind.RESTORE)
    with agency_transaction() as session:
        link = channels.resolve_link(session, token=token)
    assert link is not None
    with tenant_transaction(tenant_id) as session:
        channels.open_restore_link(session, tenant_id=tenant_id, link_id=link.link_id, visit=PHONE, now=clicked_at)
        channels.confirm_click(
            session, tenant_id=tenant_id, token=token, event_id=uuid4(), at=clicked_at + timedelta(seconds=5)
        )
    order = OrderIn(
        id=f"A-{1000 + number}",
        currency="JPY",
        value=Decimal(4980),
        at=then + timedelta(hours=1),
        email=sent.lead.value,
    )
    with tenant_transaction(tenant_id) as session:
        recorded = outcomes.record_order(
            session,
            tenant_id=tenant_id,
            site_id=tenant.site_id,
            order=order,
            source=OrderSource.SERVER,
            now=then + timedelta(hours=1),
        )
        result = billing.attribute_order(
            session, tenant_id=tenant_id, order_id=OrderId(recorded.order.order_id), now=then + timedelta(hours=1)
        )
        assert not isinstance(result, str), result
        result_id = ResultId(result.result_id)
        assert billing.release_result(session, tenant_id=tenant_id, result_id=result_id, now=now)
    return result_id


def make_app(voice: Voice | None = None, public_url: str = PUBLIC_URL) -> FastAPI:
    """The console alone, on this process's database."""
    app = FastAPI()
    config = ConsoleConfig(
        public_url=public_url,
        ui=resources.operator_ui(),
        dialler=Dialler(voice or Voice(), deadline_s=30, prices=PRICES),
        now=clock.now,
        sdk_integrity=sdk_integrity,
    )
    add_console(app, config)
    return app


@cache
def console_app() -> FastAPI:
    """The console as `make_app` makes it, once in a process. For tests that add no route and ring no phone."""
    return make_app()


_addresses = (f"198.18.{number // 250 % 250}.{number % 250 + 1}" for number in count())
"""Each browser has an address of its own: after twenty wrong passwords, of whatever test, an address must wait."""


class Console(Asking):
    """A browser on the console: says where its requests come from, and sends the CSRF token that the pages carry."""

    def __init__(self, app: ASGIApp, *, public_url: str = PUBLIC_URL) -> None:
        super().__init__(app, base_url=public_url, ip=next(_addresses))
        self.csrf = ""

    def log_in(self, email: str, *, lang: str | None = None) -> "Console":
        """Log in by the password, on the page for it. Deriving a key of it costs as much as a dozen other pages."""
        answer = self.post("/console/login", data={"email": email, "password": PASSWORD})
        assert answer.status_code == 303, answer.text
        page = self.get("/console/me")
        found = re.search(r'name="csrf" value="([^"]+)"', page.text)
        assert found is not None, page.text
        self.csrf = found[1]
        return self._in(lang)

    def come_in(self, user_id: UserId, *, lang: str | None = None) -> "Console":
        """Be logged in as a user, as if the password had been right (`modori.console.views.login`)."""
        with agency_transaction() as session:
            opened = logins.open_session(session, user_id=user_id, now=clock.now())
        self.cookies.set(cookie_name(is_secure=False), opened.token)
        self.csrf = opened.csrf_token
        return self._in(lang)

    def _in(self, lang: str | None) -> "Console":
        if lang is not None:
            self.act("/console/me", name="Somebody", locale=lang, timezone="Asia/Tokyo", phone="090-1234-5678")
        return self

    def request(self, method: str, path: str, **words: Any) -> httpx.Response:
        words["headers"] = {"Sec-Fetch-Site": "same-origin", **words.get("headers", {})}
        return super().request(method, path, **words)

    def act(self, path: str, **fields: str) -> httpx.Response:
        """Post a form as a page would."""
        return self.post(path, data={"csrf": self.csrf, **fields})

    def htmx(self, path: str, **fields: str) -> httpx.Response:
        """Post a form as htmx would."""
        return self.post(path, data=fields, headers={"HX-Request": "true", "X-CSRF-Token": self.csrf})


def log_in(world: World, role: Any, *, voice: Voice | None = None, lang: str | None = None) -> Console:
    """A browser in which the world's user of this role is logged in."""
    return Console(make_app(voice) if voice else console_app()).come_in(world.users[role].user_id, lang=lang)


@contextmanager
def counted_statements(database: db.Database) -> Iterator[list[str]]:
    """Collect every statement that the application sends meanwhile, the binding of row security included."""
    seen: list[str] = []

    def note(_conn: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        seen.append(statement)

    event.listen(database.app, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(database.app, "before_cursor_execute", note)


def lead_path(lead: LeadWorld) -> str:
    return f"/console/leads/{lead.tenant.tenant_id}/{lead.lead_id}"


def lead_state(lead: LeadWorld) -> str:
    return str(ask_one(lead.tenant.tenant_id, "select state from lead where lead_id = :id", id=LeadId(lead.lead_id)))


def undated(page: str) -> str:
    """Return a page without the second of its making, which the address of its stream carries."""
    return re.sub(r"(?<=/stream\?since=)\d+", "", page)
