"""Throw and release the kill switch of one channel. What was stopped and by whom stays on record."""

from datetime import datetime
from typing import Final

from sqlmodel import Session

from modori.background import live
from modori.kernel.ids import TenantId, UserId, new_id
from modori.people.model import Channel
from modori.sending.model import AgencyKillSwitch, KillSwitch
from modori.sending.switches import queries

SWITCHED: Final = (Channel.EMAIL, Channel.SMS, Channel.CALL)
"""The channels that something goes out on."""


def stop_channel(
    session: Session,
    *,
    tenant_id: TenantId | None,
    channel: Channel,
    reason: str,
    user_id: UserId | None,
    now: datetime,
) -> bool:
    """Throw the kill switch of one channel: of one client, or (tenant_id None) of every client. It shuts at once.

    returns  False where it was thrown already: the first reason stays
    """
    if tenant_id is None:
        agencys = AgencyKillSwitch(
            switch_id=new_id(), channel=channel, engaged_at=now, engaged_by=user_id, reason=reason
        )
        return queries.insert_switch(session, agencys)
    clients = KillSwitch(
        tenant_id=tenant_id, switch_id=new_id(), channel=channel, engaged_at=now, engaged_by=user_id, reason=reason
    )
    has_moved = queries.insert_switch(session, clients)
    _tell_the_queue(session, tenant_id)
    return has_moved


def resume_channel(
    session: Session, *, tenant_id: TenantId | None, channel: Channel | None, user_id: UserId | None, now: datetime
) -> bool:
    """Release what `stop_channel` has shut. Says whether it was shut.

    channel  None: a client's switch of all channels, which only the database's owner can have thrown
    """
    if tenant_id is None:
        return channel is not None and queries.release_agency_switch(session, channel=channel, user_id=user_id, now=now)
    has_moved = queries.release_switch(session, tenant_id=tenant_id, channel=channel, user_id=user_id, now=now)
    _tell_the_queue(session, tenant_id)
    return has_moved


def _tell_the_queue(session: Session, tenant_id: TenantId) -> None:
    live.announce(session, tenant_id=tenant_id, topic="queue", subject="switch")
