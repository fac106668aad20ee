"""A round of retention in one client's transaction."""

from datetime import datetime
from typing import Any

from sqlmodel import Session

from modori.kernel.ids import TenantId
from modori.outreach.retention import queries
from modori.outreach.retention.rules import LOOK_AGAIN, Horizons, kept_until
from modori.people import forgetting as people


def forget_past(session: Session, *, tenant_id: TenantId, since: Horizons, now: datetime, limit: int) -> dict[str, int]:
    """Forget a round of what is past: of each kind at most `limit` rows. Returns how many of each.

    Whatever a lead in progress may need stays. Stops, receipts, ledger and the proofs that results copied are not
    touched: none of them names anybody (G5, G9).
    """
    captured: dict[str, Any] = {"tenant_id": tenant_id, "captured_since": since.captured_since, "limit": limit}
    evidence: dict[str, Any] = {"tenant_id": tenant_id, "evidence_since": since.evidence_since, "limit": limit}
    return {
        "episodes": queries.empty_past_episodes(session, **captured, now=now),
        "replies": queries.forget_replies(session, **captured),
        "notes": queries.forget_notes(session, **captured),
        "visitors": queries.delete_old_visitors(session, **captured),
        "texts": queries.forget_texts(session, **evidence),
        "choices": queries.delete_old_choices(session, **evidence),
        "consents": queries.delete_old_consents(session, **evidence),
    }


def release_contacts(
    session: Session, *, tenant_id: TenantId, captured_days: int, now: datetime, limit: int
) -> tuple[int, int]:
    """Look at a round of contact points, and forget the values that nothing holds on to (decision 0031).

    A hash is left: a stop keeps standing by it, and the person may be met again. Locks contact points, skipping locked
    ones. Returns how many were looked at, and how many forgotten.
    """
    looked_at = queries.lock_points_to_look_at(
        session, tenant_id=tenant_id, met_before=now - LOOK_AGAIN, now=now, limit=limit
    )
    if not looked_at:
        return 0, 0
    held, free = {}, []
    for one in queries.list_held(session, tenant_id=tenant_id, contact_point_ids=looked_at):
        until = kept_until(one.holding, captured_days=captured_days, now=now)
        if until is None:
            free.append(one.contact_point_id)
        else:
            held[one.contact_point_id] = until
    queries.note_kept(session, tenant_id=tenant_id, until=held)
    return len(looked_at), people.forget_values(session, tenant_id=tenant_id, ids=free)
