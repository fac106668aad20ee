"""Somebody asks to be forgotten: all that names them goes at once, whichever lead was open (RULES 18)."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlmodel import Session

from modori.capture import episodes
from modori.kernel.ids import LeadId, TenantId
from modori.outreach import queries
from modori.people import actions as people


def erase_person(
    session: Session, *, tenant_id: TenantId, lead_id: LeadId, requested_by: str, now: datetime
) -> Sequence[UUID]:
    """Erase every contact point of a lead and of its person, and what was typed with them. A second call erases none.

    Nothing to them begins after this commit; their leads end, and what was written is forgotten, by the promise
    `contact.erased`. Stops, receipts, digests and what results have copied stay: none of them names anybody (G5, G9).
    Locks in G2's order: episodes by id, contact points by id.

    requested_by  who asked, as `user:…`; never a personal value
    returns       the contact points that were erased
    raises        NotFound
    """
    points = queries.list_points_of_person(session, tenant_id=tenant_id, lead_id=lead_id)
    living = [point for point in points if point.erased_at is None]
    ids = [point.contact_point_id for point in living]
    episodes.forget_contacts(session, tenant_id=tenant_id, contact_point_ids=ids)
    for point in living:
        people.erase_contact(
            session,
            tenant_id=tenant_id,
            kind=point.kind,
            value_index=point.value_index,
            requested_by=requested_by,
            now=now,
        )
    return ids
