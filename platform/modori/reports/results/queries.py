"""Results over several tenants, and one with its proof."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import text

from modori.kernel.errors import NotFound
from modori.kernel.ids import LeadId, ResultId, TenantId
from modori.outcomes.model import ResultState
from modori.reports.opening import masked_name
from modori.reports.paging import Cursor
from modori.storage.db import ReadSession


@dataclass(frozen=True, slots=True)
class ResultRow:
    """One result. value and fee are in minor units, without tax. vouched_by: who brought its order by a file."""

    tenant_id: TenantId
    result_id: ResultId
    lead_id: LeadId
    site_name: str
    person: str | None
    external_id: str
    placed_at: datetime
    basis: str
    basis_at: datetime
    currency: str
    value_minor: int
    fee_minor: int
    state: ResultState
    hold_until: datetime
    made_at: datetime
    decided_at: datetime | None
    decided_by: str | None
    decision_note: str | None
    vouched_by: Sequence[str]


@dataclass(frozen=True, slots=True)
class LedgerLine:
    """One ledger entry of a result."""

    seq: int
    kind: str
    amount_minor: int
    currency: str
    month_on: Any
    entered_at: datetime
    entry_hash: bytes


@dataclass(frozen=True, slots=True)
class ResultPage:
    """A result with the proof that it copied when it was made, and its ledger entries."""

    row: ResultRow
    proof: dict[str, Any]
    contract_number: int | None
    entries: list[LedgerLine]


_COLUMNS = """
  r.tenant_id, r.result_id, r.lead_id, s.name as site_name, l.person_id, p.name as sealed_name, o.external_id,
  o.placed_at, r.basis, r.basis_at, r.currency, r.value_minor, r.fee_minor, r.state, r.hold_until, r.made_at,
  r.decided_at, u.name as decided_by, r.decision_note, coalesce(o.vouched_by, '[]'::jsonb) as vouched_by
"""
_JOINS = """
join lateral (select external_id, placed_at, vouched_by from purchase_order
  where tenant_id = r.tenant_id and order_id = r.order_id offset 0) o on true
join lateral (select name from site where tenant_id = r.tenant_id and site_id = r.site_id offset 0) s on true
join lateral (select person_id from lead where tenant_id = r.tenant_id and lead_id = r.lead_id offset 0) l on true
join lateral (select name from person
  where tenant_id = r.tenant_id and person_id = l.person_id offset 0) p on true
left join user_account u on u.user_id = r.decided_by
"""
# The page is cut before anything is joined to it: over a thousand clients the planner would join first, for a minute.
# `offset 0` keeps each look-up by its key whole, as in the queue.
_LIST = f"""
with page as materialized (select r.*
from unnest(cast(:tenants as uuid[])) as mine(tenant_id)
cross join lateral (
  select * from result where result.tenant_id = mine.tenant_id
    and (cast(:state as text) is null or result.state = :state)
    and (cast(:after_at as timestamptz) is null
      or (result.made_at, result.result_id) < (:after_at, cast(:after_id as uuid)))
  order by result.made_at desc, result.result_id desc limit :limit
) r
order by r.made_at desc, r.result_id desc limit :limit)
select {_COLUMNS} from page r
{_JOINS}
order by r.made_at desc, r.result_id desc
"""  # noqa: S608  # two constants of this file
_ONE = f"""
select {_COLUMNS}, r.proof, c.number as contract_number from result r
{_JOINS}
left join contract_version c on c.tenant_id = r.tenant_id and c.contract_version_id = r.contract_version_id
where r.tenant_id = :tenant_id and r.result_id = :result_id
"""  # noqa: S608  # two constants of this file


def list_results(
    session: ReadSession, *, tenant_ids: Sequence[TenantId], state: ResultState | None, after: Cursor | None, limit: int
) -> list[ResultRow]:
    """List results of several tenants, newest first, those after `after`."""
    rows = session.connection().execute(
        text(_LIST),
        {
            "tenants": list(tenant_ids),
            "state": state,
            "after_at": after.at if after else None,
            "after_id": after.row_id if after else None,
            "limit": limit,
        },
    )
    return [_row(session, row._mapping) for row in rows.all()]


def count_results(session: ReadSession, *, tenant_ids: Sequence[TenantId]) -> dict[ResultState, int]:
    """Count the results that still wait for something, by state."""
    rows = session.connection().execute(
        text(
            "select state, count(*) from result where tenant_id = any(cast(:tenants as uuid[]))"
            " and state in ('held', 'pending') group by state"
        ),
        {"tenants": list(tenant_ids)},
    )
    return {ResultState(state): count for state, count in rows}


def get_result(session: ReadSession, *, tenant_id: TenantId, result_id: ResultId) -> ResultRow:
    """Read one result as the list shows it. raises NotFound"""
    return get_result_page(session, tenant_id=tenant_id, result_id=result_id).row


def get_result_page(session: ReadSession, *, tenant_id: TenantId, result_id: ResultId) -> ResultPage:
    """Read one result with its proof and ledger entries. raises NotFound"""
    row = session.connection().execute(text(_ONE), {"tenant_id": tenant_id, "result_id": result_id}).one_or_none()
    if row is None:
        raise NotFound("there is no such result")
    entries = session.connection().execute(
        text(
            "select seq, kind, amount_minor, currency, month_on, entered_at, entry_hash from ledger_entry"
            " where tenant_id = :tenant_id and result_id = :result_id order by seq limit 100"
        ),
        {"tenant_id": tenant_id, "result_id": result_id},
    )
    return ResultPage(
        _row(session, row._mapping), row.proof, row.contract_number, [LedgerLine(*entry) for entry in entries]
    )


def _row(session: ReadSession, found: Any) -> ResultRow:
    given = {name: found[name] for name in ResultRow.__slots__ if name in found}
    given["state"] = ResultState(given["state"])
    person = masked_name(
        session, tenant_id=found["tenant_id"], person_id=found["person_id"], sealed=found["sealed_name"]
    )
    return ResultRow(**given, person=person)
