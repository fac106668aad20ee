"""Every query and lock about contracts, ledger and statements; and the rows that a proof copies."""

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlmodel import Session, col, select

from modori.billing.model import ContractVersion, EntryKind, LedgerEntry, Statement
from modori.kernel.errors import NotFound
from modori.kernel.ids import TenantId


def find_contract(session: Session, *, tenant_id: TenantId, at: datetime) -> ContractVersion | None:
    """Return the contract version in force at an instant: the newest whose beginning has passed."""
    return session.exec(
        select(ContractVersion)
        .where(ContractVersion.tenant_id == tenant_id, ContractVersion.valid_from_at <= at)
        .order_by(col(ContractVersion.valid_from_at).desc(), col(ContractVersion.number).desc())
        .limit(1)
    ).one_or_none()


def list_contract_versions(session: Session, *, tenant_id: TenantId) -> list[ContractVersion]:
    """List a client's contract versions, newest first, at most 200."""
    return list(
        session.exec(
            select(ContractVersion)
            .where(ContractVersion.tenant_id == tenant_id)
            .order_by(col(ContractVersion.number).desc())
            .limit(200)
        )
    )


def lock_chain(session: Session, *, tenant_id: TenantId) -> None:
    """Let one transaction at a time append to a client's ledger, or close its months. The last lock that is taken.

    An advisory lock: the app role may not update a ledger row, so it cannot lock one either.
    """
    session.connection().execute(
        text("select pg_advisory_xact_lock(hashtextextended('ledger:' || cast(:tenant_id as text), 0))"),
        {"tenant_id": tenant_id},
    )


def find_last_entry(session: Session, *, tenant_id: TenantId) -> LedgerEntry | None:
    return session.exec(
        select(LedgerEntry).where(LedgerEntry.tenant_id == tenant_id).order_by(col(LedgerEntry.seq).desc()).limit(1)
    ).one_or_none()


def insert_entry(session: Session, entry: LedgerEntry) -> None:
    session.add(entry)
    session.flush()


def find_fee_entry(session: Session, *, tenant_id: TenantId, result_id: UUID) -> LedgerEntry | None:
    return session.exec(
        select(LedgerEntry).where(
            LedgerEntry.tenant_id == tenant_id,
            LedgerEntry.result_id == result_id,
            LedgerEntry.kind == EntryKind.FEE,
        )
    ).one_or_none()


def list_reversal_entries(session: Session, *, tenant_id: TenantId, result_id: UUID) -> list[LedgerEntry]:
    """List what was taken back of one result, by seq."""
    return list(
        session.exec(
            select(LedgerEntry)
            .where(
                LedgerEntry.tenant_id == tenant_id,
                LedgerEntry.result_id == result_id,
                LedgerEntry.kind == EntryKind.REVERSAL,
            )
            .order_by(col(LedgerEntry.seq))
        )
    )


def iter_entries(session: Session, *, tenant_id: TenantId, batch: int = 500) -> Iterator[LedgerEntry]:
    """Stream a client's whole ledger by seq."""
    after = 0
    while True:
        rows = list(
            session.exec(
                select(LedgerEntry)
                .where(LedgerEntry.tenant_id == tenant_id, LedgerEntry.seq > after)
                .order_by(col(LedgerEntry.seq))
                .limit(batch)
            )
        )
        yield from rows
        if len(rows) < batch:
            return
        after = rows[-1].seq


def list_month_entries(session: Session, *, tenant_id: TenantId, month_on: date) -> list[LedgerEntry]:
    """List a month's entries by seq. Bounded by what one client bills in a month."""
    return list(
        session.exec(
            select(LedgerEntry)
            .where(LedgerEntry.tenant_id == tenant_id, LedgerEntry.month_on == month_on)
            .order_by(col(LedgerEntry.seq))
        )
    )


def list_entries_of_results(session: Session, *, tenant_id: TenantId, result_ids: Sequence[UUID]) -> list[LedgerEntry]:
    """List every entry of some results, whatever its month, by seq."""
    return list(
        session.exec(
            select(LedgerEntry)
            .where(LedgerEntry.tenant_id == tenant_id, col(LedgerEntry.result_id).in_(result_ids))
            .order_by(col(LedgerEntry.seq))
        )
    )


def list_closed_months(session: Session, *, tenant_id: TenantId, from_on: date) -> list[date]:
    """List the closed months from one on, oldest first."""
    rows = session.connection().execute(
        text(
            "select month_on from statement where tenant_id = :tenant_id and month_on >= :from_on order by 1 limit 600"
        ),
        {"tenant_id": tenant_id, "from_on": from_on},
    )
    return list(rows.scalars())


def find_statement(session: Session, *, tenant_id: TenantId, month_on: date) -> Statement | None:
    return session.get(Statement, (tenant_id, month_on))


def list_statements(session: Session, *, tenant_id: TenantId) -> list[Statement]:
    """List closed months, newest first, at most ten years."""
    return list(
        session.exec(
            select(Statement)
            .where(Statement.tenant_id == tenant_id)
            .order_by(col(Statement.month_on).desc())
            .limit(120)
        )
    )


def get_terms_of_tenant(session: Session, *, tenant_id: TenantId) -> Row[Any]:
    """Read (currency, tax_rate_bp, tax_rounding): the client's, and the agency's way to round. raises NotFound"""
    row = (
        session.connection()
        .execute(
            text(
                "select t.currency, t.tax_rate_bp, a.tax_rounding from tenant t cross join agency a"
                " where t.tenant_id = :tenant_id"
            ),
            {"tenant_id": tenant_id},
        )
        .one_or_none()
    )
    if row is None:
        raise NotFound("There is no such client.")
    return row


def get_lead_for_proof(session: Session, *, tenant_id: TenantId, lead_id: UUID) -> Row[Any]:
    """Read what a proof copies of a lead, its episode and the site's notice as it stood when the episode began.

    Of a site whose first notice is younger, that one: `notice_from_at` says so.
    """
    return (
        session.connection()
        .execute(
            text(
                "select l.lead_id, l.made_at, l.arm, l.arm_draw::text as arm_draw, l.holdout_pct, l.site_id,"
                " e.episode_id, e.started_at, e.abandoned_at, e.cart_minor, v.notice_version_id,"
                " coalesce(v.capture_mode, s.capture_mode) as capture_mode, v.text_hash as notice_hash,"
                " v.from_at as notice_from_at, v.recorded_at as notice_recorded_at"
                " from lead l join episode e on e.tenant_id = l.tenant_id and e.episode_id = l.episode_id"
                " join site s on s.tenant_id = l.tenant_id and s.site_id = l.site_id"
                " left join lateral (select * from notice_version n where n.tenant_id = l.tenant_id"
                "   and n.site_id = l.site_id order by (n.from_at <= e.started_at) desc,"
                "   abs(extract(epoch from e.started_at - n.from_at)), n.notice_version_id desc limit 1) v on true"
                " where l.tenant_id = :tenant_id and l.lead_id = :lead_id"
            ),
            {"tenant_id": tenant_id, "lead_id": lead_id},
        )
        .one()
    )


def list_consents_for_proof(session: Session, *, tenant_id: TenantId, lead_id: UUID) -> list[Row[Any]]:
    """List the consents that bind to a lead's episode or to its contact points, oldest first, at most 100."""
    rows = session.connection().execute(
        text(
            "select c.consent_id, c.channel, c.granted, c.text_hash, c.source, c.given_at, c.recorded_at from ("
            "   select o.consent_id from lead l join consent o on o.tenant_id = l.tenant_id"
            "   and o.episode_id = l.episode_id where l.tenant_id = :tenant_id and l.lead_id = :lead_id"
            "   union select o.consent_id from lead_contact k join consent o on o.tenant_id = k.tenant_id"
            "   and o.contact_point_id = k.contact_point_id where k.tenant_id = :tenant_id and k.lead_id = :lead_id"
            " ) bound join consent c on c.tenant_id = :tenant_id and c.consent_id = bound.consent_id"
            " order by c.given_at, c.consent_id limit 100"
        ),
        {"tenant_id": tenant_id, "lead_id": lead_id},
    )
    return list(rows)


def list_touches_for_proof(session: Session, *, tenant_id: TenantId, lead_id: UUID) -> list[Row[Any]]:
    """List a lead's touches by step, each with its receipts and deliveries as JSON lists, at most 100."""
    rows = session.connection().execute(
        text(
            """
            select t.touch_id, t.step_number, t.channel, t.purpose, t.state, t.scenario_version_id,
              coalesce((select jsonb_agg(jsonb_build_object('id', r.receipt_id, 'subject', r.subject,
                  'verdict', r.verdict, 'reason', r.reason, 'judged_at', to_char(r.judged_at at time zone 'UTC',
                  'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')) order by r.judged_at, r.receipt_id)
                from receipt r where r.tenant_id = t.tenant_id and r.touch_id = t.touch_id), '[]') as receipts,
              coalesce((select jsonb_agg(jsonb_build_object('id', d.delivery_id, 'call_id', d.call_id,
                  'state', d.state, 'receipt_id', d.receipt_id, 'provider_ref', d.provider_ref, 'report', d.report,
                  'begun_at', to_char(d.begun_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
                  'content_sha256', encode(d.content_digest, 'hex')) order by d.begun_at, d.delivery_id)
                from delivery d where d.tenant_id = t.tenant_id and d.touch_id = t.touch_id), '[]') as deliveries
            from touch t where t.tenant_id = :tenant_id and t.lead_id = :lead_id
            order by t.step_number, t.touch_id limit 100
            """
        ),
        {"tenant_id": tenant_id, "lead_id": lead_id},
    )
    return list(rows)


def get_click_for_proof(session: Session, *, tenant_id: TenantId, click_id: UUID) -> Row[Any]:
    """Read what a proof copies of a click."""
    return (
        session.connection()
        .execute(
            text(
                "select c.clicked_at, c.confirmed_at, c.confirmed_by, k.link_id, k.delivery_id, k.channel"
                " from click c join link k on k.tenant_id = c.tenant_id and k.link_id = c.link_id"
                " where c.tenant_id = :tenant_id and c.click_id = :click_id"
            ),
            {"tenant_id": tenant_id, "click_id": click_id},
        )
        .one()
    )


def get_call_for_proof(session: Session, *, tenant_id: TenantId, call_id: UUID) -> Row[Any]:
    """Read what a proof copies of a call."""
    return (
        session.connection()
        .execute(
            text(
                "select dialled_at, bridged_at, talk_s, user_id, openings from call"
                " where tenant_id = :tenant_id and call_id = :call_id"
            ),
            {"tenant_id": tenant_id, "call_id": call_id},
        )
        .one()
    )


# ---- over all tenants, for the scan role: ids and due columns only


def list_ended_holds(session: Session, *, now: datetime, per_tenant: int = 100) -> list[tuple[UUID, UUID]]:
    """List results of every tenant whose hold has ended, at most `per_tenant` of each. Cross-tenant."""
    rows = session.connection().execute(
        text(
            "select d.tenant_id, d.result_id from tenant n cross join lateral ("
            " select r.tenant_id, r.result_id from result r where r.tenant_id = n.tenant_id and r.state = 'held'"
            " and r.hold_until <= :now order by r.hold_until limit :per_tenant) d"
        ),
        {"now": now, "per_tenant": per_tenant},
    )
    return [(row.tenant_id, row.result_id) for row in rows]


def list_tenants_with_pending(session: Session) -> list[UUID]:
    """List the tenants that have a result to decide. Cross-tenant."""
    rows = session.connection().execute(
        text(
            "select n.tenant_id from tenant n where exists (select 1 from result r"
            " where r.tenant_id = n.tenant_id and r.state = 'pending') order by 1"
        )
    )
    return list(rows.scalars())


def list_silent_results(session: Session, *, tenant_id: TenantId, now: datetime, limit: int = 100) -> list[UUID]:
    """List pending results that the contract approves by silence, longest waiting first."""
    rows = session.connection().execute(
        text(
            "select r.result_id from result r join contract_version c"
            " on c.tenant_id = r.tenant_id and c.contract_version_id = r.contract_version_id"
            " where r.tenant_id = :tenant_id and r.state = 'pending' and c.approve_after_s is not null"
            " and r.hold_until + make_interval(secs => c.approve_after_s) <= :now"
            " order by r.hold_until limit :limit"
        ),
        {"tenant_id": tenant_id, "now": now, "limit": limit},
    )
    return list(rows.scalars())
