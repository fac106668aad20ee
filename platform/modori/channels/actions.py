"""What channels does in a transaction: prepare a message, put its links on record, open them, take replies."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row
from sqlmodel import Session

from modori.background import live
from modori.capture.model import EpisodeState
from modori.channels import links, queries, rules
from modori.channels.compose import compose, shown_facts, site_top
from modori.channels.liquid import BrokenWording, render_wording
from modori.channels.model import Click, Link, LinkKind, Reply
from modori.channels.ui import known_locale
from modori.channels.wire import (
    Destination,
    DkimKey,
    LinkDraft,
    LinkRef,
    MessageFacts,
    OptOut,
    Prepared,
    Sender,
    Unpreparable,
    UnpreparableReason,
    Visit,
    WayBack,
    Wording,
)
from modori.kernel.ids import SiteId, TenantId, TouchId, new_id
from modori.kernel.origins import is_on
from modori.leads.model import LeadState
from modori.people import actions as people
from modori.people import queries as people_queries
from modori.people import rules as people_rules
from modori.people.model import Channel, ContactKind, EvidenceSource, StopReason
from modori.people.values import value_index
from modori.sending.ports import Permit
from modori.storage import crypto, outbox

MOST_CLICKS = 50
"""Clicks kept of one link."""
MOST_PROOF_TRIES = 5
"""Guesses at a link's receiver, right ones among them."""


def prepare(
    session: Session,
    *,
    tenant_id: TenantId,
    touch_id: TouchId,
    wording: Wording,
    public_url: str,
    now: datetime,
) -> Prepared | Unpreparable:
    """Make the message of one touch. Reads only, so a ReadSession will do. raises NotFound"""
    row = queries.get_message_row(session, tenant_id=tenant_id, touch_id=touch_id)
    if row.value is None or row.dead_at is not None:
        return Unpreparable(UnpreparableReason.ADDRESS_GONE)
    facts = _facts(session, tenant_id, row, known_locale(wording.locale))
    return compose(facts, wording, public_url=public_url)


def render_script(
    session: Session, *, tenant_id: TenantId, touch_id: TouchId, wording: Wording, operator_name: str
) -> str | Unpreparable:
    """Make an operator's script of one call step: the opening lines first (RULES 10). Reads only. raises NotFound"""
    row = queries.get_message_row(session, tenant_id=tenant_id, touch_id=touch_id)
    language = known_locale(wording.locale)
    shown = shown_facts(_facts(session, tenant_id, row, language), language) | {
        "operator": {"name": operator_name},
        "goods_kind": row.goods_kind if language == "ja" else row.goods_kind_en,
    }
    try:
        return render_wording(wording.body, shown).strip()
    except BrokenWording as error:
        return Unpreparable(UnpreparableReason.WORDING_BROKEN, str(error))


def store_links(session: Session, *, permit: Permit, links: Sequence[LinkDraft], now: datetime) -> None:
    """Put a message's links on record, in the transaction that began its delivery."""
    permit.assert_real()
    queries.insert_links(session, [_link(permit, draft, now) for draft in links])


def resolve_link(session: Session, *, token: str) -> LinkRef | None:
    """Find whose link a token opens; None for a token that we never made."""
    return queries.resolve_link(session, token_hash=links.token_hash(token)) if links.is_token(token) else None


def open_restore_link(
    session: Session, *, tenant_id: TenantId, link_id: UUID, visit: Visit | None, now: datetime
) -> Destination | None:
    """Record a click and say where it leads: to the cart, or to the site's top once there is nothing to go back to.

    visit    None for a HEAD request, which is no click
    returns  None where the link is of another kind or the site has lost its origins. raises NotFound
    """
    row = queries.get_opened_link(session, tenant_id=tenant_id, link_id=link_id)
    if row.kind != LinkKind.RESTORE:
        return None
    if visit is not None:
        _record_click(session, tenant_id, row, visit, now)
    facts = _link_facts(row)
    if rules.leads_to_cart(facts, now=now):
        return Destination(row.target_url, counts=True)
    return None if facts.site_top is None else Destination(facts.site_top, counts=False)


def find_way_back(session: Session, *, tenant_id: TenantId, link_id: UUID, now: datetime) -> WayBack | None:
    """Say what a restore link leads back to, while it leads to the cart and its receiver has not been stopped.

    It records no click. raises NotFound
    """
    row = queries.get_opened_link(session, tenant_id=tenant_id, link_id=link_id)
    if row.kind != LinkKind.RESTORE or not rules.leads_to_cart(_link_facts(row), now=now):
        return None
    if _standing_stop(session, tenant_id, row) is not None:
        return None
    return WayBack(
        site_id=SiteId(row.site_id),
        episode_id=row.episode_id,
        origins=tuple(row.origins),
        receiver=(ContactKind(row.contact_kind), bytes(row.value_index)),
    )


def try_proof(session: Session, *, tenant_id: TenantId, link_id: UUID) -> bool:
    """Count a try to prove who a link went to, before it is judged; False where there were too many."""
    return queries.count_proof_try(session, tenant_id=tenant_id, link_id=link_id, most=MOST_PROOF_TRIES)


def _link_facts(row: Row[Any]) -> rules.LinkFacts:
    return rules.LinkFacts(
        target_url=row.target_url,
        target_is_on_site=row.target_url is not None and is_on(row.target_url, row.origins),
        site_top=site_top(row.origins),
        made_at=row.made_at,
        lives_s=row.episode_expires_after_s,
        ordered=row.ordered_at is not None or row.episode_state == EpisodeState.ORDERED,
        erased=row.erased_at is not None or row.lead_state == LeadState.ERASED,
        expired=row.episode_state in (EpisodeState.EXPIRED, EpisodeState.REFUSED),
        contact_replaced=not row.contact_in_episode,
    )


def confirm_click(session: Session, *, tenant_id: TenantId, token: str, event_id: UUID, at: datetime) -> bool:
    """Let an event of the site that carries a link's token confirm the newest click on it (RULES 30).

    at       when the event happened
    returns  whether a click is confirmed now that was not before
    """
    if not links.is_token(token):
        return False
    link = queries.find_link_by_token(session, tenant_id=tenant_id, token_hash=links.token_hash(token))
    if link is None or link.kind is not LinkKind.RESTORE:
        return False
    click = queries.lock_newest_click(session, tenant_id=tenant_id, link=link, until_at=at + rules.CLOCK_TOLERANCE)
    if click is None or click.confirmed_at is not None:
        return False
    click.confirmed_at, click.confirmed_by = at, event_id
    session.add(click)
    session.flush()
    outbox.promise(
        session,
        "contact.proven",
        key=f"proven:click:{click.click_id}",
        at=at,
        tenant_id=tenant_id,
        lead_id=str(click.lead_id),
    )
    return True


def show_opt_out(session: Session, *, tenant_id: TenantId, link_id: UUID) -> OptOut | None:
    """Read what the unsubscribe page says, and change nothing. None for a link of another kind. raises NotFound"""
    row = queries.get_opened_link(session, tenant_id=tenant_id, link_id=link_id)
    if row.kind != LinkKind.UNSUBSCRIBE:
        return None
    locale = known_locale(row.locale)
    return OptOut(
        channel=Channel(row.channel),
        locale=locale,
        masked=row.masked,
        sender=Sender(
            name=row.sender_name if locale == "ja" else row.sender_name_en,
            address="",
            postal_address=row.postal_address,
            complaint_contact=row.complaint_contact,
        ),
        stopped=_standing_stop(session, tenant_id, row) is not None,
    )


def _standing_stop(session: Session, tenant_id: TenantId, row: Row[Any]) -> object | None:
    """Return the stop that stands against the receiver of an opened link, in its channel."""
    key = (ContactKind(row.contact_kind), bytes(row.value_index))
    stops = people_queries.list_stops(session, tenant_id=tenant_id, indexes=[key])[key]
    return people_rules.standing_stop(stops, row.channel)


def opt_out(session: Session, *, tenant_id: TenantId, link_id: UUID, is_one_click: bool, now: datetime) -> bool:
    """Stop the contact point that a message went to, at once and for every channel it serves (G5). raises NotFound

    returns  False for a link of another kind
    """
    row = queries.get_opened_link(session, tenant_id=tenant_id, link_id=link_id)
    if row.kind != LinkKind.UNSUBSCRIBE:
        return False
    people.record_stop(
        session,
        tenant_id=tenant_id,
        kind=ContactKind(row.contact_kind),
        value_index=bytes(row.value_index),
        via=Channel(row.channel),
        reason=StopReason.ONE_CLICK if is_one_click else StopReason.UNSUBSCRIBE_PAGE,
        source=EvidenceSource.LINK,
        source_ref=str(link_id),
        now=now,
    )
    live.announce(session, tenant_id=tenant_id, topic="lead", subject=str(row.lead_id))
    return True


def take_reply(
    session: Session, *, tenant_id: TenantId, from_e164: str, body: str, provider_ref: str, now: datetime
) -> rules.ReplyEffect | None:
    """Keep an SMS that came in, and let a stop word or START take effect, once (RULES 24).

    A stop works for a number that we have never met, too.
    """
    index = value_index(tenant_id, ContactKind.PHONE, from_e164)
    effect, reply_id = rules.read_reply(body), new_id()
    is_new = queries.insert_reply(
        session,
        Reply(
            tenant_id=tenant_id,
            reply_id=reply_id,
            provider_ref=provider_ref,
            contact_point_id=queries.find_contact_point_id(session, tenant_id=tenant_id, value_index=index),
            content=crypto.seal(session, tenant_id, crypto.Field("reply", "content", str(reply_id)), body),
            effect=effect,
            received_at=now,
        ),
    )
    if not is_new:
        return effect
    match effect:
        case rules.ReplyEffect.STOP:
            people.record_stop(
                session,
                tenant_id=tenant_id,
                kind=ContactKind.PHONE,
                value_index=index,
                via=Channel.SMS,
                reason=StopReason.REPLY,
                source=EvidenceSource.REPLY,
                source_ref=provider_ref,
                now=now,
            )
        case rules.ReplyEffect.REOPEN:
            people.reopen(
                session,
                tenant_id=tenant_id,
                kind=ContactKind.PHONE,
                value_index=index,
                via=Channel.SMS,
                source=EvidenceSource.REPLY,
                source_ref=provider_ref,
                now=now,
            )
        case None:
            pass
    return effect


def _facts(session: Session, tenant_id: TenantId, row: Row[Any], language: str) -> MessageFacts:
    """Unseal what a message shows."""

    def opened(table: str, column: str, row_id: object, sealed: bytes | None) -> str | None:
        field = crypto.Field(table, column, str(row_id))
        return None if sealed is None else crypto.unseal(session, tenant_id, field, bytes(sealed))

    channel = Channel(row.channel)
    dkim_key = opened("tenant", "dkim_key", tenant_id, row.dkim_key)
    items: Sequence[Mapping[str, Any]] = row.items or []
    return MessageFacts(
        channel=channel,
        to_value=opened("contact_point", "value", row.contact_point_id, row.value) or "",
        person_name=opened("person", "name", row.person_id, row.person_name),
        items=items,
        cart_minor=row.cart_minor,
        currency=row.currency,
        cart_url=row.cart_url,
        site_name=row.site_name,
        site_origins=row.origins,
        picture_origins=row.picture_origins,
        site_cart_url=row.site_cart_url,
        sender=Sender(
            name=row.sender_name if language == "ja" else row.sender_name_en,
            address=row.mail_from if channel is Channel.EMAIL else row.sms_from,
            postal_address=row.postal_address,
            complaint_contact=row.complaint_contact,
        ),
        dkim=DkimKey(row.dkim_domain, row.dkim_selector, dkim_key.encode())
        if dkim_key and row.dkim_domain and row.dkim_selector
        else None,
    )


def _link(permit: Permit, draft: LinkDraft, now: datetime) -> Link:
    return Link(
        tenant_id=permit.tenant_id,
        link_id=new_id(),
        token_hash=links.token_hash(draft.token),
        kind=draft.kind,
        touch_id=permit.touch_id,
        delivery_id=permit.delivery_id,
        lead_id=permit.lead_id,
        contact_point_id=permit.contact_point_id,
        channel=permit.channel,
        target_url=draft.target_url,
        made_at=now,
    )


def _record_click(session: Session, tenant_id: TenantId, row: Row[Any], visit: Visit, now: datetime) -> None:
    suspect = rules.judge_click(
        user_agent=visit.user_agent, is_prefetch=visit.is_prefetch, delivered_at=row.delivered_at, now=now
    )
    click = Click(
        tenant_id=tenant_id,
        click_id=new_id(),
        link_id=row.link_id,
        lead_id=row.lead_id,
        clicked_at=now,
        suspect=suspect,
    )
    if queries.insert_click(session, click, most=MOST_CLICKS):
        live.announce(session, tenant_id=tenant_id, topic="lead", subject=str(row.lead_id))
