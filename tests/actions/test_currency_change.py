"""A client's currency changes while its month's first spending is being written: what is counted is of one currency."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timedelta
from time import monotonic, sleep
from typing import Any

import pytest
from sqlalchemy import text
from sqlmodel import Session

from modori.kernel import clock
from modori.kernel.digest import content_digest
from modori.people.model import Channel
from modori.sending import actions as sending
from modori.sending.ports import Permit
from modori.storage.db import agency_transaction, tenant_transaction
from modori.tenants import actions as tenants
from modori.tenants.model import Role
from modori.tenants.rules import CurrencyCounted
from modori.tenants.wire import TenantChange
from tests.actions.test_prices import PRICED, Postbox, billed_in, dialler, dispatch, on_desk, receipt_of
from tests.leadworld import ITEMS, LeadWorld, make_lead
from tests.questions import ask_one
from tests.world import NOW, TenantWorld, World

LIMIT = 100_000
SMS_YEN, SMS_CENTS, DIAL_CENTS = 30, 4, 45
"""What an SMS of two parts and a dial count, by PRICED."""


def change_currency(session: Session, tenant: TenantWorld, *, now: datetime = NOW) -> None:
    change = TenantChange(currency="USD", monthly_spend_limit_minor=LIMIT)
    tenants.change_tenant(session, tenant_id=tenant.tenant_id, change=change, priced=["JPY", "USD"], now=now)


def spent(tenant: TenantWorld) -> tuple[str, int]:
    """The client's currency, and what its month has counted."""
    currency = ask_one(tenant.tenant_id, "select currency from tenant")
    return currency, int(ask_one(tenant.tenant_id, "select coalesce(sum(spent_minor), 0) from spend"))


def counted_in(lead: LeadWorld) -> tuple[str, int]:
    """What the touch's newest receipt says that it counts."""
    receipt = receipt_of(lead)
    return receipt["policy"]["currency"], receipt["facts"]["cost_minor"]


@contextmanager
def beside(session: Session) -> Iterator[Callable[[Callable[[], object]], Future[Any]]]:
    """Give a way to begin a deed beside a transaction: it returns when the deed waits for that one, or is done."""
    pid = session.connection().execute(text("select pg_backend_pid()")).scalar_one()

    def is_waited_for() -> bool:
        question = text("select count(*) from pg_stat_activity where cast(:pid as int) = any(pg_blocking_pids(pid))")
        with agency_transaction() as asking:
            return bool(asking.connection().execute(question, {"pid": pid}).scalar_one())

    def begin(deed: Callable[[], object]) -> Future[Any]:
        begun = threads.submit(deed)
        until = monotonic() + 60
        while not begun.done() and not is_waited_for():
            assert monotonic() < until, "it neither waits nor comes to its end"
            sleep(0.01)
        return begun

    with ThreadPoolExecutor(1) as threads:
        yield begin


def test_a_message_prepared_at_the_old_price_counts_at_the_new_one(world: World) -> None:
    billed_in(world.acme, "JPY", LIMIT)
    lead, post = make_lead(world.acme, channel=Channel.SMS), Postbox()
    with tenant_transaction(world.acme.tenant_id) as holder, beside(holder) as begin:
        holder.connection().execute(
            text("select from episode where episode_id = :id for update"), {"id": lead.episode_id}
        )
        dispatching = begin(lambda: dispatch(post, PRICED, lead))
        with tenant_transaction(world.acme.tenant_id) as session:
            change_currency(session, world.acme)
        holder.rollback()
        dispatching.result(60)
    assert len(post.taken) == 1
    assert (spent(world.acme), counted_in(lead)) == (("USD", SMS_CENTS), ("USD", SMS_CENTS))


def test_a_message_that_meets_a_change_of_currency_waits_and_counts_at_the_new_price(world: World) -> None:
    billed_in(world.acme, "JPY", LIMIT)
    lead, post = make_lead(world.acme, channel=Channel.SMS), Postbox()
    with tenant_transaction(world.acme.tenant_id) as changing, beside(changing) as begin:
        change_currency(changing, world.acme)
        changing.flush()
        dispatching = begin(lambda: dispatch(post, PRICED, lead))
        changing.commit()
        dispatching.result(60)
    assert (spent(world.acme), counted_in(lead)) == (("USD", SMS_CENTS), ("USD", SMS_CENTS))


def test_a_months_first_message_waits_for_a_change_of_currency_begun_in_the_month_before(world: World) -> None:
    billed_in(world.acme, "JPY", LIMIT)
    lead, post = make_lead(world.acme, channel=Channel.SMS), Postbox()
    month_begins_at = NOW.replace(day=1, hour=0)
    with tenant_transaction(world.acme.tenant_id) as changing, beside(changing) as begin:
        change_currency(changing, world.acme, now=month_begins_at - timedelta(seconds=1))
        changing.flush()
        dispatching = begin(lambda: dispatch(post, PRICED, lead))
        changing.commit()
        dispatching.result(60)
    assert (spent(world.acme), counted_in(lead)) == (("USD", SMS_CENTS), ("USD", SMS_CENTS))


def test_a_dial_that_meets_a_change_of_currency_waits_and_counts_at_the_new_price(world: World) -> None:
    billed_in(world.acme, "JPY", LIMIT)
    task_id, post = on_desk(world), Postbox()

    def dial() -> None:
        with clock.moved_to(NOW):
            dialler(post, PRICED).dial(
                tenant_id=world.acme.tenant_id, task_id=task_id, user_id=world.users[Role.OPERATOR].user_id
            )

    with tenant_transaction(world.acme.tenant_id) as changing, beside(changing) as begin:
        change_currency(changing, world.acme)
        changing.flush()
        dialling = begin(dial)
        changing.commit()
        dialling.result(60)
    assert len(post.rung) == 1
    assert spent(world.acme) == ("USD", DIAL_CENTS)


def test_a_change_of_currency_waits_for_the_months_first_message_and_is_refused(world: World) -> None:
    billed_in(world.acme, "JPY", LIMIT)
    lead = make_lead(world.acme, channel=Channel.SMS)
    content = sending.Content(
        None, "本文", content_digest(ITEMS, 4980, "JPY"), parts=2, costs={"JPY": SMS_YEN, "USD": SMS_CENTS}
    )

    def change_apart() -> None:
        with tenant_transaction(world.acme.tenant_id) as session:
            change_currency(session, world.acme)

    with tenant_transaction(world.acme.tenant_id) as session, beside(session) as begin:
        permit = sending.begin_touch(
            session,
            tenant_id=world.acme.tenant_id,
            touch_id=lead.touch_id,
            content=content,
            deadline_s=30,
            now=NOW,
        )
        assert isinstance(permit, Permit)
        changing = begin(change_apart)
        session.commit()
        with pytest.raises(CurrencyCounted):
            changing.result(60)
    assert (spent(world.acme), counted_in(lead)) == (("JPY", SMS_YEN), ("JPY", SMS_YEN))
