"""What follows the promises that concern leads."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlmodel import Session

from modori.background import work
from modori.kernel.ids import EpisodeId, TenantId
from modori.leads import actions


def make_lead_now(tenant_id: str, work_id: str) -> None:
    """episode.abandoned{episode_id}: make a lead of the episode, or store why there is none."""

    def make(session: Session, payload: dict[str, Any], now: datetime) -> None:
        episode_id = EpisodeId(UUID(payload["episode_id"]))
        actions.make_lead(session, tenant_id=TenantId(UUID(tenant_id)), episode_id=episode_id, now=now)

    work.run(tenant_id, work_id, make)
