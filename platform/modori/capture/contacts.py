"""Whom a batch of events names: contact points met, attached to the episode, and counted (RULES 36)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlmodel import Session

from modori.capture import queries, rules
from modori.capture.bodies import CONTACT_KINDS, member_index
from modori.capture.context import SiteContext
from modori.capture.model import Episode
from modori.capture.protection.lookalikes import shared_by
from modori.capture.protection.queries import count_lookalikes
from modori.capture.queries import Attached
from modori.capture.rules import IdentifySeen, ProofVerdict
from modori.kernel.errors import ModoriError
from modori.kernel.ids import TenantId
from modori.people import naming
from modori.people import queries as people_queries
from modori.people.model import ContactKind
from modori.people.points import meet_all
from modori.people.values import ContactValue, read_value, value_index
from modori.storage import crypto

FORM, IDENTIFY, SIGNED = "form", "identify", "signed"
HELD_BY_VISITOR: Final = "contact_points_per_visitor"
HELD_BY_ADDRESS: Final = "contact_points_per_address"
HELD_BY_PREFIX: Final = "contact_points_per_prefix"


@dataclass(frozen=True, slots=True)
class Typed:
    """A contact value as it was typed, and where."""

    kind: ContactKind
    text: str
    source: str
    at: datetime
    ip_index: bytes | None = None


@dataclass(frozen=True, slots=True)
class Wanted:
    """The newest that one source says of one kind. `index` is the value's blind index."""

    value: ContactValue
    index: bytes
    typed: Typed


@dataclass(frozen=True, slots=True)
class Attachment:
    """What attaching came to.

    new_points  how many contact points the visitor has brought for the first time
    ordered_at  when one of the episode's contact points ordered, if that was since the episode began
    prefixes    what the new ones share with others that were made up in a row, once for each that does
    """

    new_points: int = 0
    ordered_at: datetime | None = None
    prefixes: Sequence[bytes] = ()


def typed_in_form(
    fields: Mapping[str, str], *, at: datetime, is_signed: bool, ip_index: bytes | None = None
) -> list[Typed]:
    source = SIGNED if is_signed else FORM
    return [Typed(kind, fields[name], source, at, ip_index) for name, kind in CONTACT_KINDS.items() if fields.get(name)]


def typed_in_identify(seen: IdentifySeen, *, at: datetime, is_signed: bool) -> list[Typed]:
    """Return the contact points of an identify: signed are all of a server's, and of a browser's the proven one."""
    proven = seen.proof.member if seen.proof is not None and seen.proof.verdict is ProofVerdict.VALID else None
    given = {"email": seen.email, "tel": seen.tel, "line": seen.line}
    return [
        Typed(kind, text, SIGNED if is_signed or name == proven else IDENTIFY, at)
        for name, kind in CONTACT_KINDS.items()
        if (text := given[name])
    ]


def attach_typed(
    session: Session,
    *,
    site: SiteContext,
    episode: Episode,
    typed: Sequence[Typed],
    ip_index: bytes | None,
    now: datetime,
) -> Attachment:
    """Meet the contact points that a batch names, attach them to the locked episode, and read their order marks.

    Of what one source says of one kind the newest counts: a corrected address takes the place of the mistyped one.
    What is no address or number (yet) is left out; the event row says so.
    """
    wanted = newest(typed, tenant_id=site.tenant_id, country=site.country)
    if not wanted:
        return Attachment()
    attached = queries.list_attached(session, tenant_id=site.tenant_id, episode_id=episode.episode_id)
    missing = missing_of(wanted, attached)
    replaced = replaced_of(wanted, attached)
    if replaced:
        queries.detach(session, tenant_id=site.tenant_id, episode_id=episode.episode_id, contact_point_ids=replaced)
    vouched = _vouched_since(wanted, attached)
    if vouched:
        queries.mark_signed(session, tenant_id=site.tenant_id, episode_id=episode.episode_id, contact_point_ids=vouched)
    points = meet_all(
        session,
        tenant_id=site.tenant_id,
        values=[(one.value.kind, one.value.text) for one in missing],
        person_id=episode.person_id,
        now=now,
    )
    met = {point.contact_point_id: (one.typed.source, one.typed.at) for point, one in zip(points, missing, strict=True)}
    if episode.person_id is None and points:
        episode.person_id = min(points, key=lambda point: point.kind.value).person_id
    new = _new_to_visitor(session, site, episode, list(met))
    prefixes = [
        prefix
        for point, one in zip(points, missing, strict=True)
        if point.contact_point_id in new
        for prefix in prefixes_of(site.tenant_id, one.value)
    ]
    for contact_point_id in sorted(met):
        source, at = met[contact_point_id]
        queries.attach(
            session,
            tenant_id=site.tenant_id,
            episode_id=episode.episode_id,
            contact_point_id=contact_point_id,
            source=source,
            at=at,
        )
    if not met:
        return Attachment()
    return Attachment(len(new), _ordered_since(session, site, episode, list(met)), prefixes)


def name_person(
    session: Session, *, site: SiteContext, episode: Episode, name: str | None, member_id: str | None
) -> None:
    """Keep name and member number with the episode's person. A browser's word overwrites neither."""
    if episode.person_id is None:
        return
    tenant_id, person_id = site.tenant_id, episode.person_id
    if name is not None:
        naming.name_person(session, tenant_id=tenant_id, person_id=person_id, name=name, overwrite=site.is_secret)
    if member_id is not None:
        naming.set_member_index(
            session,
            tenant_id=tenant_id,
            person_id=person_id,
            member_index=member_index(tenant_id, member_id),
            overwrite=site.is_secret,
        )


def hold_beyond_limits(
    session: Session,
    *,
    site: SiteContext,
    episode: Episode,
    brought: Attachment,
    ip_index: bytes | None,
    now: datetime,
) -> None:
    """Count what a browser brings, and hold the lead of one that brings too many (RULES 36). Nothing is refused."""
    new_points = brought.new_points
    if not new_points or site.is_secret or episode.visitor is None:
        return
    by_visitor = queries.count_visitor_contact_points(
        session, tenant_id=site.tenant_id, site_id=site.site_id, visitor=episode.visitor, new=new_points, now=now
    )
    by_address = 0
    if ip_index is not None:
        by_address = queries.count_address_contact_points(
            session, tenant_id=site.tenant_id, site_id=site.site_id, ip_index=ip_index, new=new_points, now=now
        )
    by_prefix = 0
    if brought.prefixes:
        by_prefix = count_lookalikes(
            session, tenant_id=site.tenant_id, site_id=site.site_id, prefixes=brought.prefixes, now=now
        )
    reason = held_because(site, by_visitor=by_visitor, by_address=by_address, by_prefix=by_prefix)
    episode.held_reason = episode.held_reason or reason
    queries.save(session, episode)


def held_because(site: SiteContext, *, by_visitor: int, by_address: int, by_prefix: int) -> str | None:
    """Say why a lead must wait for somebody's look, by how many new contact points there were; None: it need not."""
    if by_visitor > site.contact_points_per_visitor_day:
        return HELD_BY_VISITOR
    if by_address > site.contact_points_per_ip_hour:
        return HELD_BY_ADDRESS
    if by_prefix > site.contact_points_per_prefix_hour:
        return HELD_BY_PREFIX
    return None


def prefixes_of(tenant_id: TenantId, value: ContactValue) -> list[bytes]:
    """Return keyed hashes of what a contact value shares with others that were made up in a row."""
    return [crypto.blind_index(tenant_id, "prefix", one) for one in shared_by(value.kind, value.key)]


def newest(typed: Iterable[Typed], *, tenant_id: TenantId, country: str) -> dict[tuple[str, ContactKind], Wanted]:
    """Return the newest that each source says of each kind. What is no address or number (yet) is left out."""
    found: dict[tuple[str, ContactKind], Wanted] = {}
    for one in sorted(typed, key=lambda each: each.at):
        try:
            value = read_value(one.kind, one.text, country=country)
        except ModoriError:  # half-typed: an answer, kept by its code in the event row
            continue
        found[(one.source, one.kind)] = Wanted(value, value_index(tenant_id, one.kind, value.text), one)
    return found


def missing_of(wanted: Mapping[tuple[str, ContactKind], Wanted], attached: Sequence[Attached]) -> list[Wanted]:
    """Return what an episode does not hold yet, each value once, in the order of source and kind."""
    known = {one.value_index for one in attached}
    missing = {one.index: one for _, one in sorted(wanted.items(), key=lambda entry: entry[0])}
    return [one for index, one in missing.items() if index not in known]


def replaced_of(wanted: Mapping[tuple[str, ContactKind], Wanted], attached: Sequence[Attached]) -> list[UUID]:
    """Return the contact points whose source says something newer of the same kind: a corrected address."""
    return [
        one.contact_point_id
        for one in attached
        if (new := wanted.get((one.source, one.kind))) is not None
        and new.index != one.value_index
        and new.typed.at >= one.captured_at
    ]


def _vouched_since(wanted: Mapping[tuple[str, ContactKind], Wanted], attached: Sequence[Attached]) -> list[UUID]:
    """Return contact points that somebody typed first and for which the shop's server now vouches."""
    signed = {one.index for one in wanted.values() if one.typed.source == SIGNED}
    return [one.contact_point_id for one in attached if one.source != SIGNED and one.value_index in signed]


def _new_to_visitor(session: Session, site: SiteContext, episode: Episode, contact_point_ids: list[UUID]) -> set[UUID]:
    if not contact_point_ids or site.is_secret or episode.visitor is None:
        return set()
    return set(
        queries.list_new_to_visitor(
            session,
            tenant_id=site.tenant_id,
            site_id=site.site_id,
            visitor=episode.visitor,
            contact_point_ids=contact_point_ids,
        )
    )


def _ordered_since(
    session: Session, site: SiteContext, episode: Episode, contact_point_ids: list[UUID]
) -> datetime | None:
    """Lock contact points and return the newest order mark that belongs to this episode (G2)."""
    points = people_queries.lock_contact_points(session, tenant_id=site.tenant_id, ids=contact_point_ids)
    marks = [
        point.last_ordered_at
        for point in points
        if rules.is_settled_by_order(episode.started_at, last_ordered_at=point.last_ordered_at)
    ]
    return max((mark for mark in marks if mark is not None), default=None)
