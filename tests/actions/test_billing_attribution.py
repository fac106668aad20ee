"""From an order to a result on real PostgreSQL: whose it is, what its proof holds, or why it is nobody's (G9, G11)."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from modori.billing import actions, queries
from modori.billing.errors import BadTerms
from modori.billing.wire import ContractTerms
from modori.calls.model import Disposition
from modori.kernel.ids import OrderId
from modori.outcomes.model import OrderSource, Result, ResultState
from modori.sending.ports import Unknown
from modori.storage.db import tenant_transaction
from modori.tenants.model import CaptureMode, Role
from modori.tenants.sites.actions import change_site
from modori.tenants.sites.queries import list_notice_versions
from modori.tenants.wire import SiteChange
from tests.billworld import (
    HOUR,
    ORDERED_AT,
    RELEASED_AT,
    ordered,
)
from tests.leadworld import make_lead
from tests.orderworld import (
    DAY,
    attribution_of,
    click,
    clicked_lead,
    confirm,
    make_contract,
    place,
    result_of,
    reverse,
    send,
    settle,
    talked_lead,
)
from tests.world import NOW, World


def test_g9_a_click_makes_a_result_with_its_whole_proof(world: World) -> None:
    contract = make_contract(world.acme)
    lead, order, result = ordered(world.acme)
    assert (result.state, result.basis, result.value_minor, result.fee_minor) == (ResultState.HELD, "click", 4980, 747)
    assert result.hold_until == ORDERED_AT + 14 * DAY
    proof = result.proof
    assert proof["notice"]["capture_mode"] == "notice"
    assert [one["channel"] for one in proof["consents"]] == ["email"]
    assert proof["lead"]["id"] == str(lead.lead_id)
    [touch] = proof["touches"]
    assert [one["verdict"] for one in touch["receipts"]] == ["allow"]
    assert [one["state"] for one in touch["deliveries"]] == ["accepted"]
    assert proof["basis"]["delivery_id"] == touch["deliveries"][0]["id"]
    assert proof["basis"]["confirmed_by"] is not None
    assert (proof["order"]["id"], proof["order"]["value_minor"]) == (str(order.order.order_id), 4980)
    assert (proof["contract"]["number"], proof["contract"]["fee_bp"]) == (contract.number, 1500)
    assert lead.value not in str(proof)  # nothing personal in what stays for seven years
    assert attribution_of(world.acme, order) == "result"


def test_g9_the_proof_names_the_notice_that_was_in_force_when_the_try_began(world: World) -> None:
    """A text that is published between the cart and the order was not what the person saw."""
    make_contract(world.acme)
    lead = clicked_lead(world.acme)
    with tenant_transaction(world.acme.tenant_id) as session:
        [shown] = list_notice_versions(session, tenant_id=world.acme.tenant_id, site_id=world.acme.site_id)
        change_site(
            session,
            tenant_id=world.acme.tenant_id,
            site_id=world.acme.site_id,
            change=SiteChange(notice_text="あとから公開した文", capture_mode=CaptureMode.AFTER_CONSENT),
            now=ORDERED_AT - HOUR / 2,
        )
    result = result_of(world.acme, place(world.acme, now=ORDERED_AT, email=lead.value))
    assert result is not None
    assert shown.text_hash is not None
    assert result.proof["notice"] == {
        "site_id": str(world.acme.site_id),
        "version_id": str(shown.notice_version_id),
        "capture_mode": "notice",
        "text_sha256": shown.text_hash.hex(),
        "in_force_from_at": shown.from_at.astimezone(UTC).isoformat(timespec="microseconds"),
        "recorded_at": shown.recorded_at.astimezone(UTC).isoformat(timespec="microseconds"),
    }


def test_attribution_asked_again_changes_nothing(world: World) -> None:
    make_contract(world.acme)
    _, order, result = ordered(world.acme)
    with tenant_transaction(world.acme.tenant_id) as session:
        again = actions.attribute_order(
            session, tenant_id=world.acme.tenant_id, order_id=OrderId(order.order.order_id), now=RELEASED_AT
        )
    assert isinstance(again, Result)
    assert (again.result_id, again.made_at) == (result.result_id, result.made_at)


def test_rules_13_a_call_makes_a_result_that_waits_longer(world: World) -> None:
    make_contract(world.acme)
    lead = talked_lead(world.acme, world.users[Role.OPERATOR].user_id)
    order = place(world.acme, now=ORDERED_AT, tel=lead.value)
    result = result_of(world.acme, order)
    assert result is not None
    assert (result.basis, result.hold_until) == ("call", ORDERED_AT + 22 * DAY)
    assert result.proof["basis"]["talk_s"] == 60
    assert set(result.proof["basis"]["openings"]) == {"seller", "caller", "goods", "purpose"}


def test_a_call_that_nobody_took_bills_nothing(world: World) -> None:
    make_contract(world.acme)
    lead = talked_lead(world.acme, world.users[Role.OPERATOR].user_id, talk_s=0, outcome=Disposition.NO_ANSWER)
    order = place(world.acme, now=ORDERED_AT, tel=lead.value)
    assert attribution_of(world.acme, order) == "no_contact"


def test_g11_a_match_by_a_browsers_word_alone_bills_nothing(world: World) -> None:
    make_contract(world.acme)
    clicked_lead(world.acme, visitor="v-1")
    order = place(world.acme, now=ORDERED_AT, source=OrderSource.BROWSER, id="A-1", visitor="v-1")
    place(world.acme, now=ORDERED_AT, id="A-1")
    assert attribution_of(world.acme, order) == "no_lead"
    assert result_of(world.acme, order) is None


def test_g11_a_browsers_order_bills_once_a_server_says_it(world: World) -> None:
    make_contract(world.acme)
    clicked_lead(world.acme, visitor="v-1")
    order = place(world.acme, now=ORDERED_AT, source=OrderSource.BROWSER, id="A-1", visitor="v-1")
    assert result_of(world.acme, order) is None
    place(world.acme, now=ORDERED_AT, id="A-1", visitor="v-1")
    assert result_of(world.acme, order) is not None


@pytest.mark.parametrize(
    ("why", "reason"),
    [
        ("no contract", "no_contract"),
        ("outside the window", "outside_window"),
        ("never clicked", "no_contact"),
        ("click never confirmed", "no_contact"),
        ("delivery unknown", "no_contact"),
        ("holdout", "holdout"),
        ("stranger's lead", "no_lead"),
        ("other currency", "other_currency"),
    ],
)
def test_why_an_order_is_nobodys_result(world: World, why: str, reason: str) -> None:
    if why != "no contract":
        make_contract(world.acme)
    lead = make_lead(world.stranger if why == "stranger's lead" else world.acme)
    unknown = Unknown("time-out") if why == "delivery unknown" else None
    token = send(lead, answer=unknown)
    if why != "never clicked":
        click(lead, token, now=NOW + timedelta(minutes=10), confirmed=why != "click never confirmed")
    if why == "holdout":
        with tenant_transaction(world.acme.tenant_id) as session:
            session.connection().execute(text("update lead set arm = 'holdout'"))
    ordered_at = NOW + 8 * DAY if why == "outside the window" else ORDERED_AT
    money: dict[str, Any] = {"currency": "USD", "value": 49.8} if why == "other currency" else {}
    order = place(world.acme, now=ordered_at, email=lead.value, **money)
    assert attribution_of(world.acme, order) == reason
    assert result_of(world.acme, order) is None


def test_a_click_that_is_confirmed_after_the_order_still_counts(world: World) -> None:
    make_contract(world.acme)
    lead = make_lead(world.acme)
    token = send(lead)
    click(lead, token, now=NOW + timedelta(minutes=10), confirmed=False)
    order = place(world.acme, now=ORDERED_AT, email=lead.value)
    assert attribution_of(world.acme, order) == "no_contact"
    confirm(lead, token, at=NOW + timedelta(minutes=11))  # the page's event came late
    settle([world.acme], now=ORDERED_AT)
    assert attribution_of(world.acme, order) == "result"


def test_one_lead_is_one_result(world: World) -> None:
    make_contract(world.acme)
    lead, _, _ = ordered(world.acme)
    second = place(world.acme, now=ORDERED_AT + HOUR, email=lead.value)
    assert attribution_of(world.acme, second) == "converted_before"


def test_the_same_order_twenty_times_at_once_is_one_result(world: World) -> None:
    make_contract(world.acme)
    lead = clicked_lead(world.acme)
    order = place(world.acme, now=ORDERED_AT, email=lead.value, settled=False)

    def ask(_: int) -> str:
        with tenant_transaction(world.acme.tenant_id) as session:
            made = actions.attribute_order(
                session, tenant_id=world.acme.tenant_id, order_id=OrderId(order.order.order_id), now=ORDERED_AT
            )
        return str(made.result_id) if isinstance(made, Result) else made.value

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(ask, range(20)))) == 1
    settle([world.acme], now=ORDERED_AT)


def test_a_later_contract_version_does_not_reach_back(world: World) -> None:
    make_contract(world.acme)
    make_contract(world.acme, now=NOW, valid_from_at=ORDERED_AT + HOUR, fee_bp=9000)
    _, _, result = ordered(world.acme)
    assert (result.fee_minor, result.proof["contract"]["number"]) == (747, 1)
    with pytest.raises(BadTerms):
        make_contract(world.acme, now=NOW, valid_from_at=NOW - timedelta(seconds=1))
    make_contract(world.stranger, fee_bp=100)
    with tenant_transaction(world.acme.tenant_id) as session:
        assert [one.number for one in queries.list_contract_versions(session, tenant_id=world.acme.tenant_id)] == [2, 1]
        assert queries.list_contract_versions(session, tenant_id=world.stranger.tenant_id) == []


def test_a_reversal_that_came_before_attribution_is_taken_off(world: World) -> None:
    make_contract(world.acme)
    lead = clicked_lead(world.acme)
    reverse(world.acme, "A-1", now=NOW, value=1000)
    order = place(world.acme, now=ORDERED_AT, id="A-1", email=lead.value)
    result = result_of(world.acme, order)
    assert result is not None
    assert (result.value_minor, result.fee_minor) == (3980, 597)


def test_a_wholly_reversed_order_is_no_result(world: World) -> None:
    make_contract(world.acme)
    lead = clicked_lead(world.acme)
    reverse(world.acme, "A-1", now=NOW)
    order = place(world.acme, now=ORDERED_AT, id="A-1", email=lead.value)
    assert attribution_of(world.acme, order) == "reversed"


def test_terms_have_bounds() -> None:
    for wrong in ({"fee_bp": 10_001}, {"fee_bp": -1}, {"window_s": 91 * 86400}, {"window_s": 0}, {"hold_s": -1}):
        with pytest.raises(ValueError, match="validation error"):
            ContractTerms.model_validate({"valid_from_at": NOW, "fee_bp": 1500} | wrong)
