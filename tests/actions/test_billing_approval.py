"""A result on real PostgreSQL: held, then the client's to approve or refuse, by silence where the contract says so."""

from datetime import timedelta

import pytest

from modori.billing import actions, queries, scans
from modori.billing.errors import NoteMissing, ResultDecided, ResultHeld
from modori.billing.model import EntryKind
from modori.kernel import clock
from modori.kernel.errors import NotFound
from modori.outcomes.model import ResultState
from modori.storage.db import tenant_transaction
from tests.billworld import (
    DECEMBER,
    ORDERED_AT,
    RELEASED_AT,
    approve,
    entries,
    ordered,
    refuse,
    release,
    replayed,
    reviewer,
    statement,
)
from tests.orderworld import (
    DAY,
    make_contract,
    result_of,
    reverse,
    settle,
)
from tests.world import World


def test_a_result_waits_out_its_hold_and_is_then_the_clients_to_decide(world: World) -> None:
    make_contract(world.acme)
    _, _, result = ordered(world.acme)
    with pytest.raises(ResultHeld):
        approve(world.acme, result, reviewer(world), now=ORDERED_AT)
    with pytest.raises(ResultHeld):
        refuse(world.acme, result, reviewer(world), now=ORDERED_AT)
    assert not release(world.acme, result, now=result.hold_until - timedelta(seconds=1))
    with clock.moved_to(RELEASED_AT):
        scans.release_holds()
    entry = approve(world.acme, result, reviewer(world), now=RELEASED_AT)
    assert entry is not None
    assert (entry.kind, entry.amount_minor, entry.tax_rate_bp, entry.month_on) == (
        EntryKind.FEE,
        747,
        1000,
        DECEMBER,
    )
    assert entry.proof["chain"] == result.proof
    assert entry.proof["approval"]["by"] == str(reviewer(world))
    again = approve(world.acme, result, reviewer(world), now=RELEASED_AT + DAY)
    assert again is not None
    assert again.seq == entry.seq
    with pytest.raises(ResultDecided):
        refuse(world.acme, result, reviewer(world), now=RELEASED_AT)
    assert len(entries(world.acme)) == 1


def test_a_refusal_needs_its_reason_and_is_final(world: World) -> None:
    make_contract(world.acme)
    _, order, result = ordered(world.acme)
    release(world.acme, result, now=RELEASED_AT)
    with pytest.raises(NoteMissing):
        refuse(world.acme, result, reviewer(world), now=RELEASED_AT, note=" ")
    assert refuse(world.acme, result, reviewer(world), now=RELEASED_AT).decision_note == "店頭の注文"
    refuse(world.acme, result, reviewer(world), now=RELEASED_AT + DAY, note="別の理由")
    with pytest.raises(ResultDecided):
        approve(world.acme, result, reviewer(world), now=RELEASED_AT)
    reverse(world.acme, order.order.external_id, now=RELEASED_AT)
    known = result_of(world.acme, order)
    assert known is not None
    assert (known.state, known.decision_note) == (ResultState.REFUSED, "店頭の注文")
    assert entries(world.acme) == []


def test_silence_approves_where_the_contract_says_so(world: World) -> None:
    make_contract(world.acme, approve_after_s=7 * 86400)
    _, _, result = ordered(world.acme)
    release(world.acme, result, now=RELEASED_AT)
    with clock.moved_to(result.hold_until + 7 * DAY - timedelta(minutes=1)):
        scans.approve_silent_results()
    assert entries(world.acme) == []
    with clock.moved_to(result.hold_until + 7 * DAY):
        scans.approve_silent_results()
    [entry] = entries(world.acme)
    assert entry.proof["approval"]["by"] == "silence"


def test_without_such_a_term_silence_approves_nothing(world: World) -> None:
    make_contract(world.acme)
    _, _, result = ordered(world.acme)
    release(world.acme, result, now=RELEASED_AT)
    with clock.moved_to(RELEASED_AT + 300 * DAY):
        scans.approve_silent_results()
    assert entries(world.acme) == []


@pytest.mark.parametrize("released", [False, True])
def test_a_reversal_before_billing_takes_from_the_value(world: World, released: bool) -> None:
    make_contract(world.acme)
    _, order, result = ordered(world.acme)
    if released:
        release(world.acme, result, now=RELEASED_AT)
    reverse(world.acme, order.order.external_id, now=RELEASED_AT, value=2000)
    less = result_of(world.acme, order)
    assert less is not None
    assert (less.value_minor, less.fee_minor) == (2980, 447)
    reverse(world.acme, order.order.external_id, now=RELEASED_AT)
    gone = result_of(world.acme, order)
    assert gone is not None
    assert (gone.state, gone.fee_minor) == (ResultState.REVERSED, 0)
    with pytest.raises(ResultDecided):
        approve(world.acme, result, reviewer(world), now=RELEASED_AT)
    assert entries(world.acme) == []


def test_an_approval_counts_a_reversal_whose_job_has_not_run(world: World) -> None:
    make_contract(world.acme)
    _, order, result = ordered(world.acme)
    release(world.acme, result, now=RELEASED_AT)
    reverse(world.acme, order.order.external_id, now=RELEASED_AT, value=2000, settled=False)
    entry = approve(world.acme, result, reviewer(world), now=RELEASED_AT)
    assert entry is not None
    assert entry.amount_minor == 447
    settle([world.acme], now=RELEASED_AT)
    assert len(entries(world.acme)) == 1  # and is not taken off twice
    assert replayed(world.acme, DECEMBER).agrees


def test_g7_a_strangers_result_is_not_found(world: World) -> None:
    make_contract(world.stranger)
    _, _, result = ordered(world.stranger)
    with pytest.raises(NotFound):
        approve(world.acme, result, reviewer(world), now=RELEASED_AT)
    with pytest.raises(NotFound):
        refuse(world.acme, result, reviewer(world), now=RELEASED_AT)
    with pytest.raises(NotFound), tenant_transaction(world.acme.tenant_id) as session:
        actions.get_statement(session, tenant_id=world.stranger.tenant_id, month_on=DECEMBER)
    release(world.stranger, result, now=RELEASED_AT)
    approve(world.stranger, result, None, now=RELEASED_AT)
    with tenant_transaction(world.acme.tenant_id) as session:
        assert list(queries.iter_entries(session, tenant_id=world.stranger.tenant_id)) == []
        assert queries.list_month_entries(session, tenant_id=world.stranger.tenant_id, month_on=DECEMBER) == []
    assert statement(world.acme, DECEMBER).totals.entries == 0
