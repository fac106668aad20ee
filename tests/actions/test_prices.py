"""What a contact counts against a client's month is money of the client's currency, or it is not known."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, cast

import pytest
from sqlalchemy import text
from structlog.testing import capture_logs

from modori.calls import actions as calls
from modori.calls import desk
from modori.calls.desk import Dialler
from modori.channels.adapters import Adapters
from modori.channels.wire import Prepared
from modori.console.explain import checks, why
from modori.console.speaker import Speaker
from modori.entrypoints import runtime, wiring
from modori.entrypoints.settings import Settings
from modori.kernel import clock
from modori.kernel.ids import CallTaskId
from modori.outreach.dispatch import Dispatcher
from modori.people.model import Channel
from modori.sending.ports import Accepted, Answer, Permit
from modori.storage.db import read_transaction
from modori.tenants.model import Role
from tests.leadworld import LeadWorld, make_lead
from tests.orderworld import queued_task
from tests.questions import ask_one, change
from tests.world import NOW, TenantWorld, World

PRICED: Final = {"sms_part_minor": "JPY:15,USD:2,KWD:9", "dial_minor": "JPY:60,USD:45,KWD:120"}
UNSAID: Final[Mapping[str, str]] = {}
"""Nobody has set a price: the defaults, yen alone."""
ENGLISH: Final = Speaker("en", "UTC", NOW, lambda message, **values: message % values if values else message)


@dataclass
class Postbox:
    """Whoever carries, for tests: remembers what it took."""

    taken: list[Prepared] = field(default_factory=list)
    rung: list[str] = field(default_factory=list)

    def deliver(self, permit: Permit, prepared: Prepared) -> Answer:
        permit.assert_real()
        self.taken.append(prepared)
        return Accepted("SM1")

    def dial(self, permit: Permit, *, operator_phone: str, voice_from: str) -> Answer:
        permit.assert_real()
        self.rung.append(operator_phone)
        return Accepted("CA1")


def settings(said: Mapping[str, str]) -> Settings:
    return Settings.model_validate({"env": "development", **said})


def dispatcher(post: Postbox, said: Mapping[str, str]) -> Dispatcher:
    return replace(wiring.make_dispatcher(settings(said)), adapters=cast(Adapters, post))


def dialler(post: Postbox, said: Mapping[str, str]) -> Dialler:
    return replace(wiring.make_dialler(settings(said)), voice=post)


def billed_in(tenant: TenantWorld, currency: str, limit: int | None) -> None:
    change(
        tenant.tenant_id,
        "update tenant set currency = :currency, monthly_spend_limit_minor = :minor",
        currency=currency,
        minor=limit,
    )


def dispatch(post: Postbox, said: Mapping[str, str], lead: LeadWorld) -> None:
    with clock.moved_to(NOW):
        dispatcher(post, said).dispatch_touches(str(lead.tenant.tenant_id), [str(lead.touch_id)])


def touch_of(lead: LeadWorld) -> tuple[str, str | None]:
    row = ask_one(
        lead.tenant.tenant_id,
        "select array[state, deferred_because] from touch where touch_id = :id",
        id=lead.touch_id,
    )
    return row[0], row[1]


def spent(tenant: TenantWorld) -> int:
    return int(ask_one(tenant.tenant_id, "select coalesce(sum(spent_minor), 0) from spend"))


def deliveries(tenant: TenantWorld) -> int:
    return int(ask_one(tenant.tenant_id, "select count(*) from delivery"))


def receipt_of(lead: LeadWorld) -> dict[str, Any]:
    with read_transaction([lead.tenant.tenant_id]) as session:
        row = session.connection().execute(
            text(
                "select verdict, reason, facts, policy, subject, until_at, :channel as channel from receipt"
                " where touch_id = :id order by judged_at desc, receipt_id desc limit 1"
            ),
            {"id": lead.touch_id, "channel": lead.channel.value},
        )
        return dict(row.mappings().one())


def test_g14_an_sms_whose_price_nobody_knows_is_held_and_counts_nothing(world: World) -> None:
    """60 yen are not 60 cents: a limit in dollars cannot be kept by a price in yen."""
    billed_in(world.acme, "USD", 100_000)
    lead, post = make_lead(world.acme, channel=Channel.SMS), Postbox()
    dispatch(post, UNSAID, lead)
    assert (post.taken, deliveries(world.acme), spent(world.acme)) == ([], 0, 0)
    assert touch_of(lead) == ("planned", "no_price")


def test_g14_a_call_whose_price_nobody_knows_waits_for_no_operator(world: World) -> None:
    billed_in(world.acme, "USD", 100_000)
    lead = make_lead(world.acme, channel=Channel.CALL)
    dispatch(Postbox(), UNSAID, lead)
    assert touch_of(lead) == ("planned", "no_price")


def test_g14_a_dial_whose_price_nobody_knows_rings_nobody(world: World) -> None:
    billed_in(world.acme, "USD", 100_000)
    task_id, post = on_desk(world), Postbox()
    with clock.moved_to(NOW):
        refused = dialler(post, UNSAID).dial(
            tenant_id=world.acme.tenant_id, task_id=task_id, user_id=world.users[Role.OPERATOR].user_id
        )
    assert isinstance(refused, calls.DialRefused)
    assert (refused.reason, post.rung, spent(world.acme)) == ("no_price", [], 0)


@pytest.mark.parametrize(("currency", "part", "dial"), [("USD", 2, 45), ("KWD", 9, 120), ("JPY", 15, 60)])
def test_what_is_counted_is_the_price_in_the_clients_currency(
    world: World, currency: str, part: int, dial: int
) -> None:
    billed_in(world.acme, currency, 100_000)
    post = Postbox()
    dispatch(post, PRICED, make_lead(world.acme, channel=Channel.SMS))
    (message,) = post.taken
    assert spent(world.acme) == (message.parts or 0) * part > 0
    task_id, before = on_desk(world), spent(world.acme)
    with clock.moved_to(NOW):
        dialler(post, PRICED).dial(
            tenant_id=world.acme.tenant_id, task_id=task_id, user_id=world.users[Role.OPERATOR].user_id
        )
    assert spent(world.acme) == before + dial


def test_a_limit_in_dollars_stops_at_its_cents(world: World) -> None:
    billed_in(world.acme, "USD", 7)
    post, leads = Postbox(), [make_lead(world.acme, channel=Channel.SMS) for _ in range(2)]
    for lead in leads:
        dispatch(post, PRICED, lead)
    assert (len(post.taken), spent(world.acme)) == (1, 4)  # two parts each, of two cents
    assert touch_of(leads[1]) == ("planned", "spend")


def test_without_a_limit_nothing_needs_a_price_and_the_receipt_says_that_none_was_known(world: World) -> None:
    billed_in(world.acme, "USD", None)
    lead, post = make_lead(world.acme, channel=Channel.SMS), Postbox()
    dispatch(post, UNSAID, lead)
    assert (len(post.taken), touch_of(lead)[0], spent(world.acme)) == (1, "sent", 0)
    receipt = receipt_of(lead)
    assert (receipt["facts"]["cost_minor"], receipt["policy"]["currency"]) == (None, "USD")


def test_a_mail_counts_nothing_in_any_currency(world: World) -> None:
    billed_in(world.acme, "USD", 0)
    lead, post = make_lead(world.acme), Postbox()
    dispatch(post, UNSAID, lead)
    assert (len(post.taken), touch_of(lead)[0]) == (1, "sent")


def test_a_held_touch_goes_out_once_its_price_is_said(world: World) -> None:
    billed_in(world.acme, "USD", 100_000)
    lead, post = make_lead(world.acme, channel=Channel.SMS), Postbox()
    dispatch(post, UNSAID, lead)
    assert post.taken == []
    change(lead.tenant.tenant_id, "update touch set state = 'claimed' where touch_id = :id", id=lead.touch_id)
    dispatch(post, PRICED, lead)
    assert (len(post.taken), touch_of(lead)) == (1, ("sent", None))


def test_the_receipt_says_in_money_what_was_missing(world: World) -> None:
    billed_in(world.acme, "USD", 100_000)
    lead = make_lead(world.acme, channel=Channel.SMS)
    dispatch(Postbox(), UNSAID, lead)
    receipt = receipt_of(lead)
    assert why(receipt["reason"], ENGLISH).startswith("no price is known in the client's currency")
    (decided,) = [one.text for one in checks(receipt, ENGLISH) if not one.is_ok]
    assert decided == "Spent this month: $0.00 of $1,000.00; in USD nobody has said what this counts"


def test_a_receipt_from_before_currencies_were_told_shows_its_numbers(world: World) -> None:
    billed_in(world.acme, "JPY", 5)
    lead = make_lead(world.acme, channel=Channel.SMS)
    dispatch(Postbox(), UNSAID, lead)
    receipt = receipt_of(lead)
    (decided,) = [one.text for one in checks(receipt, ENGLISH) if not one.is_ok]
    assert decided == "Spent this month: ¥0 of ¥5; this counts ¥30"
    del receipt["policy"]["currency"]
    (decided,) = [one.text for one in checks(receipt, ENGLISH) if not one.is_ok]
    assert decided == "Spent this month: 0 of 5; this counts 30"


def test_a_process_says_at_its_start_whose_limit_cannot_be_kept(world: World) -> None:
    billed_in(world.acme, "CHF", 100_000)
    billed_in(world.stranger, "SEK", None)
    with capture_logs() as logged:
        runtime.warn_of_missing_prices(wiring.prices(settings(PRICED)))
    said = {one["currency"]: one["clients"] for one in logged if one["event"] == "prices.missing"}
    assert (said.get("CHF"), "SEK" in said, "USD" in said, "JPY" in said) == (1, False, False, False)


def on_desk(world: World) -> CallTaskId:
    task_id = CallTaskId(queued_task(make_lead(world.acme, channel=Channel.CALL)).call_task_id)
    with clock.moved_to(NOW):
        held = desk.claim_next([world.acme.tenant_id], user_id=world.users[Role.OPERATOR].user_id)
    assert held is not None
    return task_id
