"""From an order to a line of a statement: attribute, release, approve or refuse, reverse, close.

Locks: the order, its result, then the ledger's chain.
"""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlmodel import Session

from modori.background import live
from modori.billing import ledger, queries, rules
from modori.billing.attribution import ask_rule, new_result
from modori.billing.errors import (
    BadTerms,
    MixedCurrencies,
    MonthNotOver,
    NoteMissing,
    OwnWord,
    ResultDecided,
    ResultHeld,
)
from modori.billing.model import ContractVersion, EntryKind, LedgerEntry, Statement
from modori.billing.proof import copy_reversal
from modori.billing.wire import ContractTerms
from modori.kernel.ids import LeadId, OrderId, ResultId, TenantId, UserId, new_id
from modori.leads import queries as leads
from modori.outcomes import actions as outcomes
from modori.outcomes import queries as orders
from modori.outcomes.model import Order, Result, ResultState
from modori.outcomes.rules import NoResult


def make_contract_version(
    session: Session, *, tenant_id: TenantId, terms: ContractTerms, now: datetime
) -> ContractVersion:
    """Agree new price terms. Versions never change; a later one begins now or in the future.

    raises  BadTerms where a version after the first would begin in the past
    """
    queries.lock_chain(session, tenant_id=tenant_id)
    known = queries.list_contract_versions(session, tenant_id=tenant_id)
    if known and terms.valid_from_at < now:
        raise BadTerms("Terms that follow others cannot begin in the past.", field="valid_from_at")
    version = ContractVersion(
        tenant_id=tenant_id,
        contract_version_id=new_id(),
        number=known[0].number + 1 if known else 1,
        made_at=now,
        **terms.model_dump(),
    )
    session.add(version)
    session.flush()
    return version


def attribute_order(session: Session, *, tenant_id: TenantId, order_id: OrderId, now: datetime) -> Result | NoResult:
    """Ask the contract's rule whose an order is: make its result with a copy of the proof, or note why there is none.

    A second call changes nothing once there is a result; without one it asks again.
    """
    outcomes.settle_order(session, tenant_id=tenant_id, order_id=order_id, now=now)
    order = orders.lock_order(session, tenant_id=tenant_id, order_id=order_id)
    known = orders.find_result_of_order(session, tenant_id=tenant_id, order_id=order_id)
    if known is not None:
        return known
    contract = queries.find_contract(session, tenant_id=tenant_id, at=order.placed_at)
    answer = ask_rule(session, tenant_id=tenant_id, order=order, contract=contract)
    order.attributed_at = now
    session.add(order)
    if isinstance(answer, NoResult):
        order.attribution = answer.value
        session.flush()
        return answer
    assert contract is not None  # the rule finds no basis without one
    order.attribution = "result"
    result = new_result(session, tenant_id=tenant_id, order=order, basis=answer, contract=contract, now=now)
    orders.insert_result(session, result)
    session.flush()
    live.announce(session, tenant_id=tenant_id, topic="result", subject=str(result.result_id))
    return orders.get_result(session, tenant_id=tenant_id, result_id=result.result_id)


def attribute_lead(
    session: Session, *, tenant_id: TenantId, lead_id: LeadId, now: datetime
) -> Result | NoResult | None:
    """Ask again about the order that ended a lead: the word of a click or a call may come after the order's.

    None where no order has. A second call changes nothing.
    """
    ended_by = leads.get_lead(session, tenant_id=tenant_id, lead_id=lead_id).ended_by or ""
    kind, _, order_id = ended_by.partition(":")
    if kind != "order":
        return None
    return attribute_order(session, tenant_id=tenant_id, order_id=OrderId(UUID(order_id)), now=now)


def release_result(session: Session, *, tenant_id: TenantId, result_id: ResultId, now: datetime) -> bool:
    """Hand a result whose hold has ended to the client for approval. Says whether it moved."""
    _, result = _lock(session, tenant_id=tenant_id, result_id=result_id)
    if result.state is not ResultState.HELD or result.hold_until > now:
        return False
    result.state = ResultState.PENDING
    session.add(result)
    session.flush()
    live.announce(session, tenant_id=tenant_id, topic="result", subject=str(result_id))
    return True


def approve_result(
    session: Session,
    *,
    tenant_id: TenantId,
    result_id: ResultId,
    user_id: UserId | None,
    note: str | None = None,
    now: datetime,
) -> LedgerEntry | None:
    """Approve a pending result and enter its fee in the ledger. A second call returns the same entry.

    user_id  None: by silence, as the contract says
    returns  None where the whole order turns out to have been reversed: then the result is, too
    raises   ResultHeld, ResultDecided; OwnWord for who brought the order by a file
    """
    order, result = _lock(session, tenant_id=tenant_id, result_id=result_id)
    if result.state is ResultState.APPROVED:
        return queries.find_fee_entry(session, tenant_id=tenant_id, result_id=result_id)
    _assert_pending(result)
    if not rules.may_approve(None if user_id is None else str(user_id), vouched_by=order.vouched_by or ()):
        raise OwnWord()
    if _take_reversals(session, order, result):
        return None
    counted = orders.list_applied_reversals(session, tenant_id=tenant_id, order_id=order.order_id)
    terms = queries.get_terms_of_tenant(session, tenant_id=tenant_id)
    _decide(session, result, ResultState.APPROVED, user_id=user_id, note=note, now=now)
    return ledger.append(
        session,
        tenant_id=tenant_id,
        kind=EntryKind.FEE,
        result=result,
        reversal_id=None,
        amount_minor=result.fee_minor,
        tax_rate_bp=terms.tax_rate_bp,
        proof={
            "chain": result.proof,
            "value_minor": result.value_minor,
            "reversals_counted": [copy_reversal(one) for one in counted],
            "approval": {
                "by": "silence" if user_id is None else str(user_id),
                "at": now.isoformat(),
            },
        },
        now=now,
    )


def refuse_result(
    session: Session, *, tenant_id: TenantId, result_id: ResultId, user_id: UserId, note: str, now: datetime
) -> Result:
    """Refuse a pending result, with the reason. A second refusal changes nothing.

    raises  NoteMissing, ResultHeld, ResultDecided
    """
    _, result = _lock(session, tenant_id=tenant_id, result_id=result_id)
    if result.state is ResultState.REFUSED:
        return result
    _assert_pending(result)
    if not note.strip():
        raise NoteMissing(field="note")
    _decide(session, result, ResultState.REFUSED, user_id=user_id, note=note.strip(), now=now)
    return result


def reverse_result(session: Session, *, tenant_id: TenantId, reversal_id: UUID, now: datetime) -> LedgerEntry | None:
    """Let a reversal reach its order's result: before billing it takes from the value, after it writes the opposite.

    A second call changes nothing. Returns the entry that it wrote.
    """
    reversal = orders.get_reversal(session, tenant_id=tenant_id, reversal_id=reversal_id)
    if reversal.order_id is None or reversal.value_minor is None:
        return None
    order = orders.lock_order(session, tenant_id=tenant_id, order_id=reversal.order_id)
    result = orders.lock_result_of_order(session, tenant_id=tenant_id, order_id=reversal.order_id)
    if result is None:
        return None
    if result.state in (ResultState.HELD, ResultState.PENDING):
        _take_reversals(session, order, result)
        live.announce(session, tenant_id=tenant_id, topic="result", subject=str(result.result_id))
        return None
    if result.state is not ResultState.APPROVED:
        return None
    fee = queries.find_fee_entry(session, tenant_id=tenant_id, result_id=result.result_id)
    assert fee is not None
    before = queries.list_reversal_entries(session, tenant_id=tenant_id, result_id=result.result_id)
    counted = {one["id"] for one in fee.proof["reversals_counted"]} | {str(entry.reversal_id) for entry in before}
    if str(reversal_id) in counted:
        return None
    amount = rules.reversal_of(
        billed_minor=fee.proof["value_minor"],
        fee_bp=fee.proof["chain"]["contract"]["fee_bp"],
        reversed_before_minor=sum(entry.proof["reversal"]["value_minor"] for entry in before),
        value_minor=reversal.value_minor,
    )
    return ledger.append(
        session,
        tenant_id=tenant_id,
        kind=EntryKind.REVERSAL,
        result=result,
        reversal_id=reversal_id,
        amount_minor=amount,
        tax_rate_bp=fee.tax_rate_bp,
        proof={
            "fee": {"entry_id": str(fee.entry_id), "entry_hash": bytes(fee.entry_hash).hex(), "seq": fee.seq},
            "reversal": copy_reversal(reversal),
        },
        now=now,
    )


@dataclass(frozen=True, slots=True)
class MonthStatement:
    """A client's month. An open one is added up now; a closed one is as it was stored."""

    month_on: date
    currency: str
    totals: rules.Totals
    closed_at: datetime | None
    last_hash: bytes


def get_statement(session: Session, *, tenant_id: TenantId, month_on: date) -> MonthStatement:
    """Return a month's statement. raises NotFound for an unknown tenant, MixedCurrencies"""
    closed = queries.find_statement(session, tenant_id=tenant_id, month_on=month_on)
    if closed is None:
        return _add_up(session, tenant_id=tenant_id, month_on=month_on)
    by_rate = tuple(rules.RateTotal(**one) for one in closed.by_rate)
    totals = rules.Totals(closed.entries, closed.net_minor, closed.tax_minor, by_rate)
    return MonthStatement(month_on, closed.currency, totals, closed.closed_at, bytes(closed.last_hash))


def close_month(
    session: Session, *, tenant_id: TenantId, month_on: date, user_id: UserId | None, now: datetime
) -> MonthStatement:
    """Close a month that is over: store its totals. What is entered later goes to the next open month.

    A second call changes nothing.
    raises  MonthNotOver, MixedCurrencies
    """
    if month_on.day != 1 or not rules.is_over(month_on, now=now):
        raise MonthNotOver(month=month_on.isoformat())
    queries.lock_chain(session, tenant_id=tenant_id)
    if queries.find_statement(session, tenant_id=tenant_id, month_on=month_on) is None:
        added = _add_up(session, tenant_id=tenant_id, month_on=month_on)
        session.add(
            Statement(
                tenant_id=tenant_id,
                month_on=month_on,
                entries=added.totals.entries,
                net_minor=added.totals.net_minor,
                tax_minor=added.totals.tax_minor,
                currency=added.currency,
                by_rate=[
                    {"tax_rate_bp": one.tax_rate_bp, "net_minor": one.net_minor, "tax_minor": one.tax_minor}
                    for one in added.totals.by_rate
                ],
                last_hash=added.last_hash,
                closed_at=now,
                closed_by=user_id,
            )
        )
        session.flush()
    return get_statement(session, tenant_id=tenant_id, month_on=month_on)


def _add_up(session: Session, *, tenant_id: TenantId, month_on: date) -> MonthStatement:
    entries = queries.list_month_entries(session, tenant_id=tenant_id, month_on=month_on)
    terms = queries.get_terms_of_tenant(session, tenant_id=tenant_id)
    currencies = {entry.currency for entry in entries} or {terms.currency}
    if len(currencies) > 1:
        raise MixedCurrencies(currencies=sorted(currencies))
    totals = rules.total(
        ((entry.tax_rate_bp, entry.amount_minor) for entry in entries), rules.Rounding(terms.tax_rounding)
    )
    last_hash = bytes(entries[-1].entry_hash) if entries else rules.GENESIS
    return MonthStatement(month_on, currencies.pop(), totals, None, last_hash)


def _lock(session: Session, *, tenant_id: TenantId, result_id: ResultId) -> tuple[Order, Result]:
    """Lock a result after its order. raises NotFound"""
    order_id = orders.get_result(session, tenant_id=tenant_id, result_id=result_id).order_id
    order = orders.lock_order(session, tenant_id=tenant_id, order_id=order_id)
    result = orders.lock_result_of_order(session, tenant_id=tenant_id, order_id=order_id)
    assert result is not None
    return order, result


def _assert_pending(result: Result) -> None:
    """Refuse to decide what waits out its hold, or was decided the other way."""
    match result.state:
        case ResultState.PENDING:
            pass
        case ResultState.HELD:
            raise ResultHeld(hold_until=result.hold_until.isoformat())
        case ResultState.APPROVED | ResultState.REFUSED | ResultState.REVERSED:
            raise ResultDecided(state=result.state.value)


def _decide(
    session: Session, result: Result, state: ResultState, *, user_id: UserId | None, note: str | None, now: datetime
) -> None:
    result.state, result.decided_at, result.decided_by, result.decision_note = state, now, user_id, note
    session.add(result)
    session.flush()
    live.announce(session, tenant_id=TenantId(result.tenant_id), topic="result", subject=str(result.result_id))


def _take_reversals(session: Session, order: Order, result: Result) -> bool:
    """Set an unbilled result's value to what is left of its order. True: nothing is, and the result is reversed."""
    fee_bp: int = result.proof["contract"]["fee_bp"]
    result.value_minor = order.value_minor - order.reversed_minor
    result.fee_minor = rules.fee_of(result.value_minor, fee_bp)
    if order.reversed_minor and result.value_minor == 0:
        result.state = ResultState.REVERSED
    session.add(result)
    session.flush()
    return result.state is ResultState.REVERSED
