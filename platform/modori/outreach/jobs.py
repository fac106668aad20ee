"""Outreach's answers to promises. Wiring makes actors of them."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlmodel import Session

from modori.background import work
from modori.calls.model import Disposition
from modori.capture import episodes
from modori.capture.forgetting import actions as forgetting
from modori.kernel.ids import LeadId, TenantId
from modori.outreach import actions
from modori.outreach.forgetting import forget_visitor


def plan_lead_now(tenant_id: str, work_id: str) -> None:
    """Plan a new (or released) lead's touches."""

    def do(session: Session, payload: dict[str, Any], now: datetime) -> None:
        actions.plan_lead(
            session, tenant_id=TenantId(UUID(tenant_id)), lead_id=LeadId(UUID(payload["lead_id"])), now=now
        )

    work.run(tenant_id, work_id, do)


def end_stopped_leads_now(tenant_id: str, work_id: str) -> None:
    """End the leads that may use a value that was stopped."""

    def do(session: Session, payload: dict[str, Any], now: datetime) -> None:
        actions.end_stopped_leads(
            session,
            tenant_id=TenantId(UUID(tenant_id)),
            kind=payload["kind"],
            value_index=bytes.fromhex(payload["value_index"]),
            stop_id=UUID(payload["stop_id"]),
            now=now,
        )

    work.run(tenant_id, work_id, do)


def end_erased_leads_now(tenant_id: str, work_id: str) -> None:
    """End the leads that may use a contact point that was erased."""

    def do(session: Session, payload: dict[str, Any], now: datetime) -> None:
        actions.end_erased_leads(
            session,
            tenant_id=TenantId(UUID(tenant_id)),
            contact_point_id=UUID(payload["contact_point_id"]),
            now=now,
        )

    work.run(tenant_id, work_id, do)


def forget_erased_events_now(tenant_id: str, work_id: str) -> None:
    """Blot out a round of events of an erased contact point, and what was being typed when it was erased."""

    def do(session: Session, payload: dict[str, Any], now: datetime) -> None:
        tenant, point = TenantId(UUID(tenant_id)), UUID(payload["contact_point_id"])
        episodes.forget_contacts(session, tenant_id=tenant, contact_point_ids=[point])
        forgetting.erase_events(
            session,
            tenant_id=tenant,
            contact_point_id=point,
            erasure=payload.get("erasure", str(point)),  # one promised before there were rounds
            round_number=payload.get("round", 1),
            now=now,
        )

    work.run(tenant_id, work_id, do)


def settle_lead_now(tenant_id: str, work_id: str) -> None:
    """End a lead whose plan is done once its call is, or its last message's fate is known; a buyer is waited for."""

    def do(session: Session, payload: dict[str, Any], now: datetime) -> None:
        if payload.get("disposition") != Disposition.WILL_BUY:
            actions.settle_lead(
                session, tenant_id=TenantId(UUID(tenant_id)), lead_id=LeadId(UUID(payload["lead_id"])), now=now
            )

    work.run(tenant_id, work_id, do)


def clear_expired_lead_now(tenant_id: str, work_id: str) -> None:
    """Cancel what was planned for a lead that time has ended."""

    def do(session: Session, payload: dict[str, Any], now: datetime) -> None:
        lead_id = LeadId(UUID(payload["lead_id"]))
        actions.clear_lead(
            session, tenant_id=TenantId(UUID(tenant_id)), lead_id=lead_id, because="episode:expired", now=now
        )

    work.run(tenant_id, work_id, do)


def forget_visitor_now(tenant_id: str, work_id: str) -> None:
    """Delete a round of what a visitor's browser sent, and look once more for episodes that were just being written."""

    def do(session: Session, payload: dict[str, Any], now: datetime) -> None:
        whose: Any = {
            "tenant_id": TenantId(UUID(tenant_id)),
            "site_id": UUID(payload["site_id"]),
            "visitor": payload["visitor"],
        }
        said_at = datetime.fromisoformat(payload["said_at"])
        look_again_at = datetime.fromisoformat(payload["look_again_at"])
        until = forgetting.reach_of(session, **whose, said_at=said_at, heard_at=look_again_at)
        forget_visitor(session, **whose, until=until, now=now)
        forgetting.forget_events(
            session,
            **whose,
            until=until,
            said_at=said_at,
            look_again_at=look_again_at,
            round_number=payload["round"],
            now=now,
        )

    work.run(tenant_id, work_id, do)
