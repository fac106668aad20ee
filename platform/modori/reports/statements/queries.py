"""Months of the ledger: which there are, and the entries of one, each with what it opens to."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import text

from modori.kernel.ids import LeadId, ResultId, TenantId
from modori.storage.db import ReadSession


@dataclass(frozen=True, slots=True)
class MonthRow:
    """A client's month. net is without tax, in minor units; closed_at None: still open."""

    tenant_id: TenantId
    month_on: date
    entries: int
    net_minor: int
    currency: str
    closed_at: datetime | None


@dataclass(frozen=True, slots=True)
class EntryRow:
    """One line of a statement and the ids that open it to its proof."""

    seq: int
    kind: str
    result_id: ResultId
    lead_id: LeadId
    external_id: str
    site_name: str
    placed_at: datetime
    basis: str
    value_minor: int
    amount_minor: int
    currency: str
    tax_rate_bp: int
    entered_at: datetime
    entry_hash: bytes


def list_months(session: ReadSession, *, tenant_ids: Sequence[TenantId], months: int = 24) -> list[MonthRow]:
    """List the newest months that have entries or are closed, over several tenants."""
    rows = session.connection().execute(
        text(
            "select m.tenant_id, m.month_on, m.entries, m.net_minor, m.currency, s.closed_at"
            " from unnest(cast(:tenants as uuid[])) as mine(tenant_id)"
            " cross join lateral (select tenant_id, month_on, count(*) as entries,"
            "   cast(sum(amount_minor) as bigint) as net_minor, min(currency) as currency from ledger_entry"
            "   where ledger_entry.tenant_id = mine.tenant_id group by tenant_id, month_on"
            "   order by month_on desc limit :months) m"
            " left join statement s on s.tenant_id = m.tenant_id and s.month_on = m.month_on"
            " order by m.month_on desc, m.tenant_id limit :months * 20"
        ),
        {"tenants": list(tenant_ids), "months": months},
    )
    return [MonthRow(*row) for row in rows]


def list_entries(
    session: ReadSession, *, tenant_id: TenantId, month_on: date, after_seq: int, limit: int
) -> list[EntryRow]:
    """List the entries of a month in ledger order, those after `after_seq`."""
    rows = session.connection().execute(
        text(
            "select e.seq, e.kind, e.result_id, r.lead_id, o.external_id, s.name, o.placed_at, r.basis, o.value_minor,"
            " e.amount_minor, e.currency, e.tax_rate_bp, e.entered_at, e.entry_hash"
            " from ledger_entry e join result r using (tenant_id, result_id)"
            " join purchase_order o using (tenant_id, order_id)"
            " join site s on s.tenant_id = r.tenant_id and s.site_id = r.site_id"
            " where e.tenant_id = :tenant_id and e.month_on = :month_on and e.seq > :after_seq"
            " order by e.seq limit :limit"
        ),
        {"tenant_id": tenant_id, "month_on": month_on, "after_seq": after_seq, "limit": limit},
    )
    return [EntryRow(*row) for row in rows]
