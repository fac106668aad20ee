"""Every query of the ground: data keys, promises, work."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from psycopg.types.json import Jsonb
from sqlalchemy import text
from sqlmodel import Session

from modori.kernel.ids import TenantId, new_id


class WorkRef(NamedTuple):
    """One work row as the relay sees it: no payload, since the scan role may not read one."""

    tenant_id: UUID
    work_id: UUID
    subscriber: str


class ClaimedWork(NamedTuple):
    """A claim on one work row; `claims` is the ticket that finishing must present."""

    topic: str
    payload: dict[str, Any]
    claims: int
    subscriber: str


def insert_data_key(session: Session, *, tenant_id: TenantId, wrapped: bytes) -> None:
    session.connection().execute(
        text("insert into data_key (tenant_id, wrapped) values (:tenant_id, :wrapped) on conflict do nothing"),
        {"tenant_id": tenant_id, "wrapped": wrapped},
    )


def find_data_key(session: Session, *, tenant_id: TenantId) -> bytes | None:
    found = session.connection().execute(
        text("select wrapped from data_key where tenant_id = :tenant_id and destroyed_at is null"),
        {"tenant_id": tenant_id},
    )
    wrapped = found.scalar_one_or_none()
    return None if wrapped is None else bytes(wrapped)


def insert_promise(
    session: Session,
    *,
    tenant_id: TenantId,
    promise_id: UUID,
    topic: str,
    key: str,
    payload: Mapping[str, Any],
    promised_at: datetime,
    due_at: datetime | None,
) -> None:
    session.connection().execute(
        text(
            "insert into promise (tenant_id, promise_id, topic, key, payload, promised_at, due_at)"
            " values (:tenant_id, :promise_id, :topic, :key, :payload, :promised_at, :due_at)"
            " on conflict (tenant_id, key) do nothing"
        ),
        {
            "tenant_id": tenant_id,
            "promise_id": promise_id,
            "topic": topic,
            "key": key,
            "payload": Jsonb(dict(payload)),
            "promised_at": promised_at,
            "due_at": due_at,
        },
    )


def relay_promises(session: Session, *, subscribers: Mapping[str, Sequence[str]], limit: int = 500) -> list[WorkRef]:
    """Turn unrelayed promises of all tenants into work rows, one per subscriber. For the scan role.

    A topic nobody subscribes to is relayed into nothing.
    """
    rows = session.connection().execute(
        text(
            "select tenant_id, promise_id, topic from promise where relayed_at is null"
            " and (due_at is null or due_at <= now()) order by promised_at limit :limit for update skip locked"
        ),
        {"limit": limit},
    )
    promises = rows.all()
    if not promises:
        return []
    made = [
        WorkRef(tenant_id=row.tenant_id, work_id=new_id(), subscriber=subscriber)
        for row in promises
        for subscriber in subscribers.get(row.topic, ())
    ]
    promise_of = [row.promise_id for row in promises for _ in subscribers.get(row.topic, ())]
    if made:
        session.connection().execute(
            text(
                "insert into work (tenant_id, work_id, promise_id, subscriber, state, claims, made_at, hinted_at)"
                " select t, w, p, s, 'waiting', 0, now(), now() from unnest("
                " cast(:tenants as uuid[]), cast(:works as uuid[]), cast(:promises as uuid[]),"
                " cast(:subscribers as text[])) as u(t, w, p, s)"
                " on conflict (tenant_id, promise_id, subscriber) do nothing"
            ),
            {
                "tenants": [ref.tenant_id for ref in made],
                "works": [ref.work_id for ref in made],
                "promises": promise_of,
                "subscribers": [ref.subscriber for ref in made],
            },
        )
    session.connection().execute(
        text(
            "update promise set relayed_at = now() from unnest(cast(:tenants as uuid[]), cast(:ids as uuid[]))"
            " as u(t, p) where tenant_id = u.t and promise_id = u.p"
        ),
        {"tenants": [row.tenant_id for row in promises], "ids": [row.promise_id for row in promises]},
    )
    return made


def list_unfinished_work(session: Session, *, lease_s: int, limit: int = 500) -> list[WorkRef]:
    """Take waiting work of all tenants whose last hint is older than the lease, and mark it hinted. Scan role."""
    rows = session.connection().execute(
        text(
            "update work set hinted_at = now() where (tenant_id, work_id) in ("
            " select tenant_id, work_id from work where state = 'waiting'"
            " and hinted_at < now() - make_interval(secs => :lease_s)"
            " order by hinted_at limit :limit for update skip locked)"
            " returning tenant_id, work_id, subscriber"
        ),
        {"lease_s": lease_s, "limit": limit},
    )
    return [WorkRef(*row) for row in rows]


def claim_work(
    session: Session, *, tenant_id: TenantId, work_id: UUID, lease_s: int, most_claims: int
) -> ClaimedWork | None:
    """Claim one waiting work row for `lease_s`; None where it is done, quarantined, or somebody else's for now.

    The claim after `most_claims` fruitless ones quarantines the row instead.
    """
    row = (
        session.connection()
        .execute(
            text(
                "update work set claims = claims + 1, claimed_at = now(),"
                " state = case when claims >= :most_claims then 'quarantined' else state end"
                " where tenant_id = :tenant_id and work_id = :work_id and state = 'waiting'"
                " and (claimed_at is null or claimed_at < now() - make_interval(secs => :lease_s))"
                " returning promise_id, claims, state, subscriber"
            ),
            {"tenant_id": tenant_id, "work_id": work_id, "lease_s": lease_s, "most_claims": most_claims},
        )
        .one_or_none()
    )
    if row is None or row.state != "waiting":
        return None
    promise = session.connection().execute(
        text("select topic, payload from promise where tenant_id = :tenant_id and promise_id = :promise_id"),
        {"tenant_id": tenant_id, "promise_id": row.promise_id},
    )
    topic, payload = promise.one()
    return ClaimedWork(topic=topic, payload=payload, claims=row.claims, subscriber=row.subscriber)


def finish_work(session: Session, *, tenant_id: TenantId, work_id: UUID, claims: int) -> bool:
    """Mark work done in the transaction of its effect. False where the claim was lost: the caller rolls back."""
    done = session.connection().execute(
        text(
            "update work set state = 'done', done_at = now(), last_error = null"
            " where tenant_id = :tenant_id and work_id = :work_id and state = 'waiting' and claims = :claims"
        ),
        {"tenant_id": tenant_id, "work_id": work_id, "claims": claims},
    )
    return bool(done.rowcount)


def record_work_error(session: Session, *, tenant_id: TenantId, work_id: UUID, error: str) -> None:
    session.connection().execute(
        text("update work set last_error = :error where tenant_id = :tenant_id and work_id = :work_id"),
        {"tenant_id": tenant_id, "work_id": work_id, "error": error[:500]},
    )


def list_quarantined(session: Session, *, limit: int = 1000) -> list[WorkRef]:
    """List work of all tenants that was claimed in vain, oldest first. Scan role."""
    rows = session.connection().execute(
        text(
            "select tenant_id, work_id, subscriber from work where state = 'quarantined'"
            " order by made_at, work_id limit :limit"
        ),
        {"limit": limit},
    )
    return [WorkRef(*row) for row in rows]


def release_quarantined(session: Session, *, tenant_id: TenantId, work_id: UUID) -> None:
    """Give quarantined work its tries back; the sweep will hint it."""
    session.connection().execute(
        text(
            "update work set state = 'waiting', claims = 0, hinted_at = now() - interval '1 day', claimed_at = null"
            " where tenant_id = :tenant_id and work_id = :work_id and state = 'quarantined'"
        ),
        {"tenant_id": tenant_id, "work_id": work_id},
    )


def find_work_error(session: Session, *, tenant_id: TenantId, work_id: UUID) -> str | None:
    found = session.connection().execute(
        text("select last_error from work where tenant_id = :tenant_id and work_id = :work_id"),
        {"tenant_id": tenant_id, "work_id": work_id},
    )
    error: str | None = found.scalar_one_or_none()
    return error


def delete_finished(session: Session, *, older_than_days: int, limit: int = 5000) -> int:
    """Delete done work and its relayed promises after a while. Scan role; returns the number of work rows."""
    gone = session.connection().execute(
        text(
            "delete from work where (tenant_id, work_id) in (select tenant_id, work_id from work"
            " where state = 'done' and done_at < now() - make_interval(days => :days) limit :limit)"
        ),
        {"days": older_than_days, "limit": limit},
    )
    session.connection().execute(
        text(
            "delete from promise p where relayed_at < now() - make_interval(days => :days) and not exists"
            " (select 1 from work w where w.tenant_id = p.tenant_id and w.promise_id = p.promise_id)"
        ),
        {"days": older_than_days},
    )
    return int(gone.rowcount)


def note_scheduled_run(session: Session, *, name: str) -> None:
    session.connection().execute(
        text(
            "insert into scheduled_run (name, ran_at) values (:name, now())"
            " on conflict (name) do update set ran_at = excluded.ran_at"
        ),
        {"name": name},
    )
