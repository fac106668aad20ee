"""A visitor says "no thanks": what was captured goes, and with it whatever was planned for them (RULES 15)."""

from datetime import datetime
from uuid import UUID

from sqlmodel import Session

from modori.capture.forgetting import actions as forgetting
from modori.capture.forgetting.actions import Choice
from modori.kernel.ids import LeadId, TenantId
from modori.leads import queries as leads
from modori.leads.model import LeadState
from modori.outreach.actions import end_lead
from modori.sending.deliveries import queries as delivery_queries


def heed_choice(session: Session, *, tenant_id: TenantId, choice: Choice, now: datetime) -> None:
    """Take a visitor's word about capture: a refusal forgets what we hold of them, a grant is kept as evidence.

    A second call changes nothing but the evidence. Nothing begins after it is committed (G2). Of several words at once
    grants go first, so that a refusal knows how far it reaches.
    """
    if not choice.granted:
        until = forgetting.reach_of(
            session,
            tenant_id=tenant_id,
            site_id=choice.site_id,
            visitor=choice.visitor,
            said_at=choice.at,
            heard_at=now,
        )
        forget_visitor(
            session,
            tenant_id=tenant_id,
            site_id=choice.site_id,
            visitor=choice.visitor,
            until=until,
            now=now,
        )
    forgetting.record_choice(session, tenant_id=tenant_id, choice=choice, now=now)


def forget_visitor(
    session: Session, *, tenant_id: TenantId, site_id: UUID, visitor: str, until: datetime, now: datetime
) -> int:
    """Empty a visitor's episodes, end their leads, forget contact points that nothing else holds on to.

    Locks in G2's order: episodes by id, leads, contact points by id. What was sent, and to whom, stays as evidence.
    returns  how many contact points were forgotten
    """
    emptied = forgetting.empty_episodes(session, tenant_id=tenant_id, site_id=site_id, visitor=visitor, until=until)
    for episode_id in emptied.episode_ids:
        lead = leads.find_lead_of_episode(session, tenant_id=tenant_id, episode_id=episode_id)
        if lead is not None:
            end_lead(
                session,
                tenant_id=tenant_id,
                lead_id=LeadId(lead.lead_id),
                state=LeadState.ERASED,
                because=f"capture:{episode_id}",
                now=now,
            )
    return forgetting.release_contacts(
        session,
        tenant_id=tenant_id,
        contact_point_ids=emptied.contact_point_ids,
        kept=delivery_queries.list_delivered_to(
            session, tenant_id=tenant_id, contact_point_ids=emptied.contact_point_ids
        ),
    )
