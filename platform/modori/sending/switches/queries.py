"""Queries of the switches. At most one is engaged for a channel: two unique indexes see to it."""

from datetime import datetime

from sqlalchemy import text
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import Session, col

from modori.kernel.ids import TenantId, UserId
from modori.people.model import Channel
from modori.sending.model import AgencyKillSwitch, KillSwitch


def insert_switch(session: Session, switch: KillSwitch | AgencyKillSwitch) -> bool:
    """Engage a client's or the agency's switch; False where one of the same channel is engaged already."""
    table = type(switch)
    engaging = insert(table).values(switch.model_dump()).on_conflict_do_nothing().returning(col(table.switch_id))
    return session.connection().execute(engaging).one_or_none() is not None


def release_switch(
    session: Session, *, tenant_id: TenantId, channel: Channel | None, user_id: UserId | None, now: datetime
) -> bool:
    """Release a client's engaged switch of one channel (None: the one of all channels). Says whether there was one."""
    released = session.connection().execute(
        text(
            "update kill_switch set released_at = :now, released_by = :user_id where tenant_id = :tenant_id"
            " and channel is not distinct from :channel and released_at is null"
        ),
        {"tenant_id": tenant_id, "channel": channel and channel.value, "user_id": user_id, "now": now},
    )
    return bool(released.rowcount)


def release_agency_switch(session: Session, *, channel: Channel, user_id: UserId | None, now: datetime) -> bool:
    """Release the agency's engaged switch of one channel. Says whether there was one. Of every client."""
    released = session.connection().execute(
        text(
            "update agency_kill_switch set released_at = :now, released_by = :user_id"
            " where channel = :channel and released_at is null"
        ),
        {"channel": channel.value, "user_id": user_id, "now": now},
    )
    return bool(released.rowcount)
