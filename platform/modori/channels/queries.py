"""Every query of channels: what a message shows, links, clicks, replies."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlmodel import Session, col, select

from modori.channels.model import Click, Link, Reply
from modori.channels.wire import LinkRef
from modori.kernel.errors import NotFound
from modori.kernel.ids import TenantId, TouchId


def get_message_row(session: Session, *, tenant_id: TenantId, touch_id: TouchId) -> Row[Any]:
    """Read all that one touch's message may show, sealed fields still sealed. raises NotFound"""
    row = (
        session.connection()
        .execute(
            text(
                "select t.touch_id, t.channel, t.contact_point_id, c.value, c.erased_at, c.dead_at,"
                " p.person_id, p.name as person_name, e.items, e.cart_minor, e.currency, e.cart_url,"
                " s.name as site_name, s.origins, s.picture_origins, s.cart_url as site_cart_url,"
                " n.sender_name, n.sender_name_en, n.postal_address, n.complaint_contact, n.mail_from, n.sms_from,"
                " n.goods_kind, n.goods_kind_en, n.dkim_domain, n.dkim_selector, n.dkim_key"
                " from touch t"
                " join lead l on l.tenant_id = t.tenant_id and l.lead_id = t.lead_id"
                " join person p on p.tenant_id = l.tenant_id and p.person_id = l.person_id"
                " join episode e on e.tenant_id = t.tenant_id and e.episode_id = t.episode_id"
                " join contact_point c on c.tenant_id = t.tenant_id and c.contact_point_id = t.contact_point_id"
                " join site s on s.tenant_id = t.tenant_id and s.site_id = t.site_id"
                " join tenant n on n.tenant_id = t.tenant_id"
                " where t.tenant_id = :tenant_id and t.touch_id = :touch_id"
            ),
            {"tenant_id": tenant_id, "touch_id": touch_id},
        )
        .one_or_none()
    )
    if row is None:
        raise NotFound("there is no such touch")
    return row


def insert_links(session: Session, links: Sequence[Link]) -> None:
    session.add_all(links)
    session.flush()


def resolve_link(session: Session, *, token_hash: bytes) -> LinkRef | None:
    """Find a link over all tenants by the SHA-256 of its token: nobody knows the tenant yet."""
    row = (
        session.connection()
        .execute(text("select tenant_id, link_id from resolve_link(:hash)"), {"hash": token_hash})
        .one_or_none()
    )
    return None if row is None else LinkRef(TenantId(row.tenant_id), row.link_id)


def find_link_by_token(session: Session, *, tenant_id: TenantId, token_hash: bytes) -> Link | None:
    return session.exec(select(Link).where(Link.tenant_id == tenant_id, Link.token_hash == token_hash)).one_or_none()


def get_opened_link(session: Session, *, tenant_id: TenantId, link_id: UUID) -> Row[Any]:
    """Read a link with what its pages and its redirect depend on. raises NotFound"""
    row = (
        session.connection()
        .execute(
            text(
                "select k.link_id, k.kind, k.lead_id, l.episode_id, l.site_id, k.channel, k.target_url, k.made_at,"
                " k.contact_point_id,"
                " coalesce(d.recorded_at, d.begun_at) as delivered_at, d.delivery_id,"
                " e.ordered_at, e.state as episode_state, coalesce(e.locale, s.locale) as locale,"
                " s.origins, s.episode_expires_after_s, l.state as lead_state,"
                " c.kind as contact_kind, c.value_index, c.masked, c.erased_at,"
                " exists (select from episode_contact x where x.tenant_id = l.tenant_id"
                " and x.episode_id = l.episode_id and x.contact_point_id = k.contact_point_id) as contact_in_episode,"
                " n.sender_name, n.sender_name_en, n.postal_address, n.complaint_contact"
                " from link k"
                " join delivery d on d.tenant_id = k.tenant_id and d.delivery_id = k.delivery_id"
                " join lead l on l.tenant_id = k.tenant_id and l.lead_id = k.lead_id"
                " join episode e on e.tenant_id = l.tenant_id and e.episode_id = l.episode_id"
                " join site s on s.tenant_id = l.tenant_id and s.site_id = l.site_id"
                " join contact_point c on c.tenant_id = k.tenant_id and c.contact_point_id = k.contact_point_id"
                " join tenant n on n.tenant_id = k.tenant_id"
                " where k.tenant_id = :tenant_id and k.link_id = :link_id"
            ),
            {"tenant_id": tenant_id, "link_id": link_id},
        )
        .one_or_none()
    )
    if row is None:
        raise NotFound("there is no such link")
    return row


def count_proof_try(session: Session, *, tenant_id: TenantId, link_id: UUID, most: int) -> bool:
    """Count one more try to prove the receiver of a link; False where `most` were made already."""
    counted = session.connection().execute(
        text(
            "update link set proof_tries = proof_tries + 1"
            " where tenant_id = :tenant_id and link_id = :link_id and proof_tries < :most"
        ),
        {"tenant_id": tenant_id, "link_id": link_id, "most": most},
    )
    return bool(counted.rowcount)


def insert_click(session: Session, click: Click, *, most: int) -> bool:
    """Insert a click unless the link has `most` already: a token in a loop must not fill the table."""
    made = session.connection().execute(
        text(
            "insert into click (tenant_id, click_id, link_id, lead_id, clicked_at, suspect)"
            " select :tenant_id, :click_id, :link_id, :lead_id, :clicked_at, :suspect"
            " where (select count(*) from click where tenant_id = :tenant_id and lead_id = :lead_id"
            " and link_id = :link_id) < :most"
        ),
        {
            "tenant_id": click.tenant_id,
            "click_id": click.click_id,
            "link_id": click.link_id,
            "lead_id": click.lead_id,
            "clicked_at": click.clicked_at,
            "suspect": click.suspect,
            "most": most,
        },
    )
    return bool(made.rowcount)


def lock_newest_click(session: Session, *, tenant_id: TenantId, link: Link, until_at: datetime) -> Click | None:
    """Lock the newest click of a link that a person made, not later than `until_at`."""
    return session.exec(
        select(Click)
        .where(
            Click.tenant_id == tenant_id,
            Click.lead_id == link.lead_id,
            Click.link_id == link.link_id,
            col(Click.suspect).is_(None),
            Click.clicked_at <= until_at,
        )
        .order_by(col(Click.clicked_at).desc(), col(Click.click_id).desc())
        .limit(1)
        .with_for_update(key_share=True)
    ).one_or_none()


def list_tenants_of_number(session: Session, *, number: str) -> list[TenantId]:
    """List the clients, over all tenants, that send SMS from a number: an inbound message knows no more than that."""
    rows = session.connection().execute(
        text("select resolve_sms_number as tenant_id from resolve_sms_number(:number) order by 1"), {"number": number}
    )
    return [TenantId(one) for one in rows.scalars()]


def find_contact_point_id(session: Session, *, tenant_id: TenantId, value_index: bytes) -> UUID | None:
    row = session.connection().execute(
        text(
            "select contact_point_id from contact_point where tenant_id = :tenant_id and kind = 'phone'"
            " and value_index = :value_index"
        ),
        {"tenant_id": tenant_id, "value_index": value_index},
    )
    found: UUID | None = row.scalar_one_or_none()
    return found


def insert_reply(session: Session, reply: Reply) -> bool:
    """Keep a reply once per provider's reference. False: it was known."""
    made = session.connection().execute(
        text(
            "insert into reply (tenant_id, reply_id, provider_ref, contact_point_id, content, effect, received_at)"
            " values (:tenant_id, :reply_id, :provider_ref, :contact_point_id, :content, :effect, :received_at)"
            " on conflict (tenant_id, provider_ref) do nothing"
        ),
        {
            "tenant_id": reply.tenant_id,
            "reply_id": reply.reply_id,
            "provider_ref": reply.provider_ref,
            "contact_point_id": reply.contact_point_id,
            "content": reply.content,
            "effect": reply.effect,
            "received_at": reply.received_at,
        },
    )
    return bool(made.rowcount)


def forget_replies(session: Session, *, tenant_id: TenantId, contact_point_id: UUID) -> int:
    """Drop what somebody wrote to us; that they did, and what it set off, stays on record."""
    forgotten = session.connection().execute(
        text("update reply set content = '' where tenant_id = :t and contact_point_id = :id and content <> ''"),
        {"t": tenant_id, "id": contact_point_id},
    )
    return int(forgotten.rowcount)
