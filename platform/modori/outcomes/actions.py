"""Record an order, once, and stop everything that it makes pointless, in the same transaction.

Locks: episodes by id, leads by id, contact points by id (G2), and only then the order, so that a browser's claim
whose ingest holds its episode cannot deadlock with the server's word about the same order.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlmodel import Session

from modori.capture import episodes
from modori.capture import queries as capture_queries
from modori.kernel.ids import LeadId, OrderId, SiteId, TenantId, UserId, new_id
from modori.leads.model import LeadState
from modori.outcomes import queries
from modori.outcomes.errors import OrderDiffers
from modori.outcomes.model import Order, OrderSource
from modori.outcomes.reading import ReadOrder, possible_instant, read_order
from modori.outcomes.reversals import apply_waiting
from modori.outcomes.rules import MATCH_BACK, START_TOLERANCE, FeedWord, hear_order, heard_until
from modori.outcomes.wire import OrderIn
from modori.outreach import actions as outreach
from modori.people.model import ContactKind
from modori.people.points import mark_all_ordered
from modori.storage import outbox
from modori.tenants.feeds import queries as feeds
from modori.tenants.sites import queries as sites


@dataclass(frozen=True, slots=True)
class RecordedOrder:
    """What recording an order came to.

    is_new       this call put it on record; a repeat answers the same otherwise
    proven       a source that bills has said it
    leads_ended  by this call
    unreadable   (field, code) of addresses that are none: the order was kept as an unproven word, which stops and
                 does not bill; the edge answers with the first after the commit
    names_nobody by any known name, and has others: it was kept as an unproven word, too (decision 0056)
    """

    order: Order
    is_new: bool
    leads_ended: int
    unreadable: tuple[tuple[str, str], ...] = ()
    names_nobody: bool = False

    @property
    def proven(self) -> bool:
        return self.order.proven_at is not None


def record_order(
    session: Session,
    *,
    tenant_id: TenantId,
    site_id: SiteId,
    order: OrderIn,
    source: OrderSource,
    now: datetime,
    is_exact: bool = True,
    has_unknown_names: bool = False,
    vouched_by: Sequence[UserId] = (),
) -> RecordedOrder:
    """Record one order and, in the same transaction, end everything pending for the person who placed it (G2).

    is_exact    the source knows the minute; else the order stops and does not bill (decision 0032)
    has_unknown_names  whoever ordered may stand under one of them; nobody named by another, the order proves nothing
    vouched_by  who brought the order by hand; they may not approve its result (decision 0036)
    A repeated id answers the same, and may name more of who ordered; what a browser claimed becomes proven when a
    source that bills says the same id.
    raises  NotFound for a site that is not the tenant's; OrderDiffers where a source that bills contradicts itself;
            AtInFuture, AtTooOld, BadAmount, UnknownCurrency
    """
    country = sites.get_site(session, tenant_id=tenant_id, site_id=site_id).country
    read = read_order(order, tenant_id=tenant_id, site_id=site_id, country=country, now=now)
    names_nobody = has_unknown_names and not read.unreadable and read.keys.names_nobody()
    proves = source is not OrderSource.BROWSER and is_exact and not read.unreadable and not names_nobody
    at = _placed_at(session, order, read, tenant_id=tenant_id, source=source)
    found = _lock_everything(session, tenant_id=tenant_id, keys=read.keys, values=read.values, at=at, now=now)
    row = _new_row(order, read, tenant_id=tenant_id, source=source, proves=proves, now=now)
    row.vouched_by = sorted({str(user_id) for user_id in vouched_by})
    is_new = queries.insert_order(session, row)
    known = queries.lock_order_by_external_id(session, tenant_id=tenant_id, site_id=site_id, external_id=order.id)
    assert known is not None
    if not is_new and (proves or (names_nobody and known.proven_at is not None)):
        _confirm(session, known, row, read, now=now)
    elif known.source is OrderSource.BROWSER and source is not OrderSource.BROWSER and is_exact:
        _overrule(known, row)
    ended = _stop(session, tenant_id=tenant_id, order=known, found=found, said_by=_said_by(source, proves), now=now)
    if is_new or known.proven_at == now:
        apply_waiting(session, order=known, now=now)
    outbox.promise(
        session,
        "order.recorded",
        key=f"recorded:{known.order_id}",
        at=now,
        tenant_id=tenant_id,
        order_id=str(known.order_id),
    )
    if proves:
        placed_at = known.placed_at if order.at is None else read.placed_at
        heard_at = heard_until(placed_at, is_live_source=source is not OrderSource.CSV, now=now)
        _note_feed(session, tenant_id=tenant_id, site_id=site_id, heard_at=heard_at, now=now)
    is_nobodys = names_nobody and (known.proven_at is None or queries.MatchKeys.of(known).names_nobody())
    return RecordedOrder(known, is_new, ended, read.unreadable, is_nobodys)


def _placed_at(
    session: Session, order: OrderIn, read: ReadOrder, *, tenant_id: TenantId, source: OrderSource
) -> datetime:
    """Say up to when an order stops. Said again without an instant, it ends no try that began after its first word."""
    if order.at is not None:
        return read.placed_at
    known_at = queries.find_placed_at(
        session, tenant_id=tenant_id, site_id=read.keys.site_id, external_id=order.id, source=source
    )
    return known_at or read.placed_at


def _note_feed(session: Session, *, tenant_id: TenantId, site_id: SiteId, heard_at: datetime, now: datetime) -> None:
    """Let an order be word of its site's feed."""
    known = feeds.get_heard_feed(session, tenant_id=tenant_id, site_id=site_id)
    before = None if known.heard_at is None else FeedWord(known.heard_at, known.settles_at)
    max_age = None if known.max_age_s is None else timedelta(seconds=known.max_age_s)
    word = hear_order(before, heard_at=heard_at, max_age=max_age, now=now)
    if word is None:
        return
    write = feeds.insert_order_feed if before is None else feeds.note_order_feed
    write(session, tenant_id=tenant_id, site_id=site_id, heard_at=word.heard_at, settles_at=word.settles_at)


def hear_feed(session: Session, *, tenant_id: TenantId, site_id: SiteId, until: datetime, now: datetime) -> datetime:
    """Take a client's word that every order of a site up to `until` has been reported, though there may be none.

    returns  up to when the feed counts as heard: an older word changes nothing
    raises   AtInFuture, AtTooOld
    """
    return feeds.hear_order_feed(session, tenant_id=tenant_id, site_id=site_id, at=possible_instant(until, now=now))


def settle_order(session: Session, *, tenant_id: TenantId, order_id: OrderId, now: datetime) -> int:
    """Match an order again and end the leads that came into reach while it was recorded. Returns how many.

    A second call changes nothing.
    """
    order = queries.get_order(session, tenant_id=tenant_id, order_id=order_id)
    keys = queries.MatchKeys.of(order)
    found = _lock_everything(session, tenant_id=tenant_id, keys=keys, values=[], at=order.placed_at, now=now)
    locked = queries.lock_order(session, tenant_id=tenant_id, order_id=order_id)
    said_by = locked.source if locked.proven_at is not None else OrderSource.BROWSER
    return _stop(session, tenant_id=tenant_id, order=locked, found=found, said_by=said_by, now=now)


def _new_row(
    order: OrderIn, read: ReadOrder, *, tenant_id: TenantId, source: OrderSource, proves: bool, now: datetime
) -> Order:
    return Order(
        tenant_id=tenant_id,
        order_id=new_id(),
        site_id=read.keys.site_id,
        external_id=order.id,
        source=source,
        currency=read.value.currency,
        value_minor=read.value.minor,
        items=read.items,
        email_index=read.keys.email_index,
        phone_index=read.keys.phone_index,
        visitor=read.keys.visitor,
        cart_id=read.keys.cart_id,
        member_index=read.keys.member_index,
        placed_at=read.placed_at,
        recorded_at=now,
        proven_at=now if proves else None,
        matched=[],
        said_hash=read.said_hash() if proves else None,
    )


def _overrule(known: Order, said: Order) -> None:
    """Take what a source that bills says and cannot prove yet in the place of what a browser claimed.

    The browser's keys stay, and stop. The instant is that of the source's first word, as if no browser had spoken.
    """
    known.source, known.placed_at = said.source, said.placed_at
    known.currency, known.value_minor, known.items = said.currency, said.value_minor, said.items


def _confirm(session: Session, known: Order, said: Order, read: ReadOrder, *, now: datetime) -> None:
    """Take a billing source's word about an order that is on record: it overrules a browser, and may not change.

    The browser's keys go: what they matched stays on record as a browser's match, which stops and never bills (G11).
    A source that said the order before and says it right now, without an instant, means the instant on record: else
    whatever was clicked in between would have come before the order.
    raises  OrderDiffers
    """
    if known.said_hash is not None:
        if known.said_hash != read.said_hash():
            _name_more(session, known, said, read, now=now)
        return
    if read.said_at is not None or known.source is not said.source:
        known.placed_at = said.placed_at
    known.source, known.proven_at, known.said_hash = said.source, now, said.said_hash
    known.currency, known.value_minor, known.items = said.currency, said.value_minor, said.items
    known.vouched_by = said.vouched_by
    _take_keys(known, read.keys)
    session.add(known)
    session.flush()
    outbox.promise(
        session,
        "order.proven",
        key=f"proven:{known.order_id}",
        at=now,
        tenant_id=TenantId(known.tenant_id),
        order_id=str(known.order_id),
    )


def _name_more(session: Session, known: Order, said: Order, read: ReadOrder, *, now: datetime) -> None:
    """Let a repeat name more of who ordered, where it says all else as it was said. An order has one result at most.

    One that names less is the first report, delivered again: it changes nothing.
    Whoever brought the repeat by hand vouches for what is matched by it.
    raises  OrderDiffers
    """
    before = queries.MatchKeys.of(known)
    is_less, is_more = read.keys.is_part_of(before), before.is_part_of(read.keys)
    if read.said_hash(keys=before) != known.said_hash or not (is_less or is_more):
        raise OrderDiffers(order=known.external_id)
    if is_less:
        return
    known.said_hash = read.said_hash()
    known.vouched_by = sorted({*(known.vouched_by or ()), *(said.vouched_by or ())})
    _take_keys(known, read.keys)
    session.add(known)
    session.flush()
    outbox.promise(
        session,
        "order.recorded",
        key=f"named:{known.order_id}:{known.said_hash.hex()}",
        at=now,
        tenant_id=TenantId(known.tenant_id),
        order_id=str(known.order_id),
    )


def _take_keys(order: Order, keys: queries.MatchKeys) -> None:
    order.email_index, order.phone_index, order.member_index = keys.email_index, keys.phone_index, keys.member_index
    order.visitor, order.cart_id = keys.visitor, keys.cart_id


@dataclass(frozen=True, slots=True)
class _Found:
    """What an order's keys led to, all of it locked."""

    matches: Sequence[queries.Matched]
    leads: Sequence[UUID]


def _lock_everything(
    session: Session,
    *,
    tenant_id: TenantId,
    keys: queries.MatchKeys,
    values: Sequence[tuple[ContactKind, str]],
    at: datetime,
    now: datetime,
) -> _Found:
    """Find what an order concerns, lock it in G2's order, and mark it: what attaches later reads the marks.

    Marked are the order's own contact points, known or not yet, and those of the episodes that it matched.
    """
    until_at = at + START_TOLERANCE
    matches = queries.list_matches(session, tenant_id=tenant_id, keys=keys, since_at=at - MATCH_BACK, until_at=until_at)
    episode_ids = [one.episode_id for one in matches]
    points = queries.list_points_of_episodes(session, tenant_id=tenant_id, episode_ids=episode_ids)
    points += queries.list_points_by_index(
        session, tenant_id=tenant_id, email_index=keys.email_index, phone_index=keys.phone_index
    )
    leads = queries.list_open_leads(
        session, tenant_id=tenant_id, episode_ids=episode_ids, contact_point_ids=points, until_at=until_at
    )
    for episode_id in sorted({*episode_ids, *(lead.episode_id for lead in leads)}):
        capture_queries.lock_episode(session, tenant_id=tenant_id, episode_id=episode_id)
    queries.lock_leads(session, tenant_id=tenant_id, lead_ids=[lead.lead_id for lead in leads])
    mark_all_ordered(session, tenant_id=tenant_id, values=values, known_ids=points, at=at, now=now)
    if keys.visitor is not None:
        episodes.mark_visitor_ordered(
            session, tenant_id=tenant_id, site_id=keys.site_id, visitor=keys.visitor, at=at, now=now
        )
    return _Found(matches, [lead.lead_id for lead in leads])


def _stop(
    session: Session, *, tenant_id: TenantId, order: Order, found: _Found, said_by: OrderSource, now: datetime
) -> int:
    """Mark the matched episodes, end their people's leads, and write down what was matched and by whose word."""
    for match in found.matches:
        episodes.mark_episode_ordered(session, tenant_id=tenant_id, episode_id=match.episode_id, at=order.placed_at)
    ended = 0
    for lead_id in found.leads:
        ended += outreach.end_lead(
            session,
            tenant_id=tenant_id,
            lead_id=LeadId(lead_id),
            state=LeadState.CONVERTED,
            because=f"order:{order.order_id}",
            now=now,
        )
    order.matched = _merged(order.matched, found.matches, said_by)
    session.add(order)
    session.flush()
    return ended


def _merged(
    known: list[dict[str, Any]], matches: Sequence[queries.Matched], said_by: OrderSource
) -> list[dict[str, Any]]:
    """Add matches to what is on record, newest episode first; a billing source's word replaces a browser's."""
    by_episode = {entry["episode_id"]: entry for entry in known}
    for match in matches:
        entry = by_episode.get(str(match.episode_id))
        if entry is None or (entry["said_by"] == OrderSource.BROWSER and said_by is not OrderSource.BROWSER):
            by_episode[str(match.episode_id)] = {
                "episode_id": str(match.episode_id),
                "by": match.by,
                "said_by": said_by.value,
                "started_at": match.started_at.isoformat(),
            }
    return sorted(by_episode.values(), key=lambda entry: str(entry["started_at"]), reverse=True)


def _said_by(source: OrderSource, proves: bool) -> OrderSource:
    """An order that is kept only as a stop counts as little as a browser's."""
    return source if proves else OrderSource.BROWSER
