"""Every query and lock about orders, reversals and results."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import Session, col, select

from modori.kernel.errors import NotFound
from modori.kernel.ids import TenantId
from modori.outcomes.model import Order, OrderSource, Result, Reversal


@dataclass(frozen=True, slots=True)
class MatchKeys:
    """By what an order finds episodes again: blind indexes, and ids that hold no personal value."""

    site_id: UUID
    visitor: str | None = None
    cart_id: str | None = None
    email_index: bytes | None = None
    phone_index: bytes | None = None
    member_index: bytes | None = None

    @classmethod
    def of(cls, order: Order) -> "MatchKeys":
        """Return the keys of an order on record."""
        return cls(
            site_id=order.site_id,
            visitor=order.visitor,
            cart_id=order.cart_id,
            email_index=order.email_index,
            phone_index=order.phone_index,
            member_index=order.member_index,
        )

    def names_nobody(self) -> bool:
        return not any(self._each())

    def is_part_of(self, more: "MatchKeys") -> bool:
        """Say whether `more` has all of these keys, and perhaps others."""
        return all(mine is None or mine == other for mine, other in zip(self._each(), more._each(), strict=True))

    def _each(self) -> tuple[str | bytes | None, ...]:
        return (self.visitor, self.cart_id, self.email_index, self.phone_index, self.member_index)


@dataclass(frozen=True, slots=True)
class Matched:
    """One episode that an order's key leads to; `by` is the strongest key that does."""

    episode_id: UUID
    by: str
    started_at: datetime


# Strongest first: what names this very cart, then this browser, then this person.
_MATCH = text(
    """
    select distinct on (m.episode_id) m.episode_id, m.by, m.started_at from (
      select e.episode_id, 'cart' as by, 0 as rank, e.started_at from episode e
        where e.tenant_id = :tenant_id and e.site_id = :site_id and e.cart_id = :cart_id
      union all
      select e.episode_id, 'visitor', 1, e.started_at from episode e
        where e.tenant_id = :tenant_id and e.site_id = :site_id and e.visitor = :visitor
      union all
      select e.episode_id, c.kind, 2, e.started_at from contact_point c
        join episode_contact k on k.tenant_id = c.tenant_id and k.contact_point_id = c.contact_point_id
        join episode e on e.tenant_id = k.tenant_id and e.episode_id = k.episode_id
        where c.tenant_id = :tenant_id
          and ((c.kind = 'email' and c.value_index = :email_index)
            or (c.kind = 'phone' and c.value_index = :phone_index))
      union all
      select e.episode_id, 'member', 3, e.started_at from person p
        join episode e on e.tenant_id = p.tenant_id and e.person_id = p.person_id
        where p.tenant_id = :tenant_id and p.member_index = :member_index
    ) m
    where m.started_at <= :until_at and m.started_at > :since_at
    order by m.episode_id, m.rank
    limit 200
    """
)


def list_matches(
    session: Session, *, tenant_id: TenantId, keys: MatchKeys, since_at: datetime, until_at: datetime
) -> list[Matched]:
    """List the episodes that an order's keys lead to, by id: begun in (since_at, until_at]. Takes no lock."""
    rows = session.connection().execute(
        _MATCH,
        {
            "tenant_id": tenant_id,
            "site_id": keys.site_id,
            "visitor": keys.visitor,
            "cart_id": keys.cart_id,
            "email_index": keys.email_index,
            "phone_index": keys.phone_index,
            "member_index": keys.member_index,
            "since_at": since_at,
            "until_at": until_at,
        },
    )
    return [Matched(*row) for row in rows]


def list_points_of_episodes(session: Session, *, tenant_id: TenantId, episode_ids: Sequence[UUID]) -> list[UUID]:
    """List the contact points captured in some episodes, by id."""
    rows = session.connection().execute(
        text(
            "select distinct contact_point_id from episode_contact"
            " where tenant_id = :tenant_id and episode_id = any(:ids) order by 1 limit 500"
        ),
        {"tenant_id": tenant_id, "ids": list(episode_ids)},
    )
    return list(rows.scalars())


def list_points_by_index(
    session: Session, *, tenant_id: TenantId, email_index: bytes | None, phone_index: bytes | None
) -> list[UUID]:
    """List the contact points that have these blind indexes, by id."""
    rows = session.connection().execute(
        text(
            "select contact_point_id from contact_point where tenant_id = :tenant_id"
            " and ((kind = 'email' and value_index = :email) or (kind = 'phone' and value_index = :phone))"
            " order by 1 limit 2"
        ),
        {"tenant_id": tenant_id, "email": email_index, "phone": phone_index},
    )
    return list(rows.scalars())


def list_open_leads(
    session: Session,
    *,
    tenant_id: TenantId,
    episode_ids: Sequence[UUID],
    contact_point_ids: Sequence[UUID],
    until_at: datetime,
) -> list[Row[Any]]:
    """List the open leads of some episodes, or that may use some contact points: (lead_id, episode_id), by episode.

    until_at  a lead whose episode began after this is another try, which the order does not end
    """
    rows = session.connection().execute(
        text(
            "select l.lead_id, l.episode_id from ("
            "   select lead_id from lead where tenant_id = :tenant_id and episode_id = any(:episodes)"
            "   union select lead_id from lead_contact where tenant_id = :tenant_id and contact_point_id = any(:points)"
            " ) reached join lead l on l.tenant_id = :tenant_id and l.lead_id = reached.lead_id"
            " join episode e on e.tenant_id = l.tenant_id and e.episode_id = l.episode_id"
            " where l.state in ('held', 'active') and e.started_at <= :until_at"
            " order by l.episode_id limit 500"
        ),
        {
            "tenant_id": tenant_id,
            "episodes": list(episode_ids),
            "points": list(contact_point_ids),
            "until_at": until_at,
        },
    )
    return list(rows)


def lock_leads(session: Session, *, tenant_id: TenantId, lead_ids: Sequence[UUID]) -> None:
    """Lock leads by id, after their episodes and before any contact point (G2)."""
    session.connection().execute(
        text(
            "select 1 from lead where tenant_id = :tenant_id and lead_id = any(:ids) order by lead_id for no key update"
        ),
        {"tenant_id": tenant_id, "ids": list(lead_ids)},
    )


def insert_order(session: Session, order: Order) -> bool:
    """Insert an order unless its id is known on the site; waits for one that is being inserted. False: it was known."""
    made = session.connection().execute(
        insert(Order)
        .values(order.model_dump())
        .on_conflict_do_nothing(index_elements=["tenant_id", "site_id", "external_id"])
        .returning(col(Order.order_id))
    )
    return made.one_or_none() is not None


def lock_order_by_external_id(
    session: Session, *, tenant_id: TenantId, site_id: UUID, external_id: str
) -> Order | None:
    """Lock an order by the id that the client gave it. The order is locked after everything of G2."""
    return session.exec(
        select(Order)
        .where(Order.tenant_id == tenant_id, Order.site_id == site_id, Order.external_id == external_id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    ).one_or_none()


def find_placed_at(
    session: Session, *, tenant_id: TenantId, site_id: UUID, external_id: str, source: OrderSource
) -> datetime | None:
    """Find when an order that this source has said was placed: it does not move while the source stays. No lock."""
    return session.exec(
        select(Order.placed_at).where(
            Order.tenant_id == tenant_id,
            Order.site_id == site_id,
            Order.external_id == external_id,
            Order.source == source,
        )
    ).one_or_none()


def get_order(session: Session, *, tenant_id: TenantId, order_id: UUID) -> Order:
    """Read one order. raises NotFound"""
    found = session.get(Order, (tenant_id, order_id))
    if found is None:
        raise NotFound("There is no such order.")
    return found


def lock_order(session: Session, *, tenant_id: TenantId, order_id: UUID) -> Order:
    """Lock one order. raises NotFound"""
    found = session.exec(
        select(Order)
        .where(Order.tenant_id == tenant_id, Order.order_id == order_id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    ).one_or_none()
    if found is None:
        raise NotFound("There is no such order.")
    return found


def insert_reversal(session: Session, reversal: Reversal) -> bool:
    """Insert a reversal unless its id is known on the order. False: it was known."""
    made = session.connection().execute(
        insert(Reversal)
        .values(reversal.model_dump())
        .on_conflict_do_nothing(index_elements=["tenant_id", "site_id", "order_external_id", "external_id"])
        .returning(col(Reversal.reversal_id))
    )
    return made.one_or_none() is not None


def lock_reversal_by_external_id(
    session: Session, *, tenant_id: TenantId, site_id: UUID, order_external_id: str, external_id: str
) -> Reversal | None:
    return session.exec(
        select(Reversal)
        .where(
            Reversal.tenant_id == tenant_id,
            Reversal.site_id == site_id,
            Reversal.order_external_id == order_external_id,
            Reversal.external_id == external_id,
        )
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    ).one_or_none()


def get_reversal(session: Session, *, tenant_id: TenantId, reversal_id: UUID) -> Reversal:
    """Read one reversal. raises NotFound"""
    found = session.get(Reversal, (tenant_id, reversal_id))
    if found is None:
        raise NotFound("There is no such reversal.")
    return found


def lock_waiting_reversals(
    session: Session, *, tenant_id: TenantId, site_id: UUID, order_external_id: str
) -> list[Reversal]:
    """Lock the reversals that came before their order, oldest first; the caller holds the order's lock."""
    return list(
        session.exec(
            select(Reversal)
            .where(
                Reversal.tenant_id == tenant_id,
                Reversal.site_id == site_id,
                Reversal.order_external_id == order_external_id,
                col(Reversal.applied_at).is_(None),
            )
            .order_by(col(Reversal.recorded_at), col(Reversal.reversal_id))
            .with_for_update(key_share=True)
            .execution_options(populate_existing=True)
        )
    )


def list_applied_reversals(session: Session, *, tenant_id: TenantId, order_id: UUID) -> list[Reversal]:
    """List what has been reversed of an order, oldest first."""
    return list(
        session.exec(
            select(Reversal)
            .where(
                Reversal.tenant_id == tenant_id,
                Reversal.order_id == order_id,
                col(Reversal.applied_at).is_not(None),
            )
            .order_by(col(Reversal.applied_at), col(Reversal.reversal_id))
        )
    )


def list_candidate_leads(
    session: Session, *, tenant_id: TenantId, site_id: UUID, order_id: UUID, episode_ids: Sequence[UUID]
) -> list[Row[Any]]:
    """List the leads of some episodes of a site: (lead_id, arm, converted_before).

    converted_before  another proven order ended it, or a result of another order stands on it
    """
    rows = session.connection().execute(
        text(
            "select l.lead_id, l.arm,"
            " exists (select 1 from result r where r.tenant_id = l.tenant_id and r.lead_id = l.lead_id"
            "   and r.order_id <> :order_id and r.state <> 'reversed')"
            " or (l.state = 'converted' and exists (select 1 from purchase_order o where o.tenant_id = l.tenant_id"
            "   and o.order_id <> :order_id and o.proven_at is not null"
            "   and l.ended_by = 'order:' || o.order_id::text)) as converted_before"
            " from lead l where l.tenant_id = :tenant_id and l.site_id = :site_id and l.episode_id = any(:episodes)"
            " order by l.lead_id limit 200"
        ),
        {"tenant_id": tenant_id, "site_id": site_id, "order_id": order_id, "episodes": list(episode_ids)},
    )
    return list(rows)


def list_contacts(
    session: Session, *, tenant_id: TenantId, lead_ids: Sequence[UUID], until_at: datetime
) -> list[Row[Any]]:
    """List clicks and calls of some leads up to an instant, oldest first, at most 1,000.

    Rows: kind (click or call), contact_id, lead_id, touch_id, at, accepted, confirmed, suspect, talked.
    """
    rows = session.connection().execute(
        text(
            """
            select 'click' as kind, c.click_id as contact_id, c.lead_id, k.touch_id, c.clicked_at as at,
              d.state = 'accepted' as accepted, c.confirmed_at is not null as confirmed,
              c.suspect is not null as suspect, false as talked
            from click c
            join link k on k.tenant_id = c.tenant_id and k.link_id = c.link_id
            join delivery d on d.tenant_id = k.tenant_id and d.delivery_id = k.delivery_id
            where c.tenant_id = :tenant_id and c.lead_id = any(:leads) and c.clicked_at <= :until_at
              and k.kind = 'restore'
            union all
            select 'call', c.call_id, c.lead_id, c.touch_id, c.bridged_at,
              exists (select 1 from delivery d where d.tenant_id = c.tenant_id and d.call_id = c.call_id
                and d.state = 'accepted'),
              true, false, c.talk_s > 0 or (c.talk_s is null and c.state = 'talking')
            from call c
            where c.tenant_id = :tenant_id and c.lead_id = any(:leads) and c.bridged_at <= :until_at
            order by at, contact_id limit 1000
            """
        ),
        {"tenant_id": tenant_id, "leads": list(lead_ids), "until_at": until_at},
    )
    return list(rows)


def insert_result(session: Session, result: Result) -> bool:
    """Insert a result unless the order has one. False: it had."""
    made = session.connection().execute(
        insert(Result)
        .values(result.model_dump())
        .on_conflict_do_nothing(index_elements=["tenant_id", "order_id"])
        .returning(col(Result.result_id))
    )
    return made.one_or_none() is not None


def find_result_of_order(session: Session, *, tenant_id: TenantId, order_id: UUID) -> Result | None:
    return session.exec(select(Result).where(Result.tenant_id == tenant_id, Result.order_id == order_id)).one_or_none()


def get_result(session: Session, *, tenant_id: TenantId, result_id: UUID) -> Result:
    """Read one result. raises NotFound"""
    found = session.get(Result, (tenant_id, result_id))
    if found is None:
        raise NotFound("There is no such result.")
    return found


def lock_result_of_order(session: Session, *, tenant_id: TenantId, order_id: UUID) -> Result | None:
    """Lock an order's result, after the order itself."""
    return session.exec(
        select(Result)
        .where(Result.tenant_id == tenant_id, Result.order_id == order_id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    ).one_or_none()
