"""What may be done about leads: settle an episode, make a lead of it, release or refuse a held one, end it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import SystemRandom
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlmodel import Session

from modori.background import live
from modori.capture import actions as capture
from modori.capture import episodes
from modori.capture import queries as capture_queries
from modori.capture.contacts import SIGNED
from modori.capture.forgetting import queries as forgetting
from modori.capture.model import Episode, EpisodeState
from modori.capture.rules import Verdict, is_settled_by_order, judge_episode, next_look
from modori.kernel.errors import Conflict
from modori.kernel.ids import EpisodeId, LeadId, ScenarioId, SiteId, TenantId, UserId, new_id
from modori.kernel.money import Money
from modori.leads import queries, rules
from modori.leads.model import OPEN_STATES, Arm, Lead, LeadState, Route
from modori.leads.rules import ContactFacts, Eligible, LeadFacts, NoLead, RouteFacts, RouteSubject
from modori.people import queries as people
from modori.people.model import Channel
from modori.people.rules import CHANNELS_OF, standing_stop
from modori.storage import outbox
from modori.tenants.model import Site
from modori.tenants.rules import notice_permits_calls
from modori.tenants.sites import queries as sites

_dice = SystemRandom()


class LeadNotHeld(Conflict):
    code = "lead_not_held"
    title = "The lead does not wait for approval"


@dataclass(frozen=True, slots=True)
class _Judged:
    """The answer about an episode, with what the route's conditions look at."""

    answer: Eligible | NoLead
    contacts: Mapping[UUID, ContactFacts]


def settle_episode(session: Session, *, tenant_id: TenantId, episode_id: EpisodeId, now: datetime) -> Verdict:
    """Judge one episode and record the verdict. A second call changes nothing.

    An abandonment is promised once, and again after whatever folded into the episode since, unless a lead was made: a
    name may arrive late, and older than its cart. Folding sets `due_at` back, promising moves it on.
    """
    episode = capture_queries.lock_episode(session, tenant_id=tenant_id, episode_id=episode_id)
    site = sites.get_site(session, tenant_id=tenant_id, site_id=SiteId(episode.site_id))
    idle_after, expires_after = _thresholds(site)
    facts = episodes.episode_facts(episode, has_contact=episode.person_id is not None)
    verdict = judge_episode(facts, idle_after=idle_after, expires_after=expires_after, now=now)
    match verdict:
        case Verdict.ORDERED:
            episode.due_at = None
        case Verdict.EXPIRED:
            _expire(session, tenant_id=tenant_id, episode=episode, now=now)
        case Verdict.OPEN:
            episode.due_at = next_look(facts, idle_after=idle_after, expires_after=expires_after)
        case Verdict.ABANDONED:
            if not facts.is_settled and (episode.due_at is None or episode.due_at <= now):
                _abandon(session, tenant_id=tenant_id, episode=episode, now=now)
            episode.due_at = episode.last_activity_at + expires_after
    capture_queries.save(session, episode)
    return verdict


def make_lead(
    session: Session, *, tenant_id: TenantId, episode_id: EpisodeId, now: datetime, draw: float | None = None
) -> Lead | NoLead | None:
    """Make a lead of an abandoned episode, or store why there is none.

    draw     in [0, 1): what chooses the arm; drawn by the operating system's randomness where it is not given
    returns  None while the person is active again: the idle scan will judge the episode later
    Episode, then contact points by id are locked; orders and stops are read under these locks only (G2).
    """
    episode = capture_queries.lock_episode(session, tenant_id=tenant_id, episode_id=episode_id)
    known = queries.find_lead_of_episode(session, tenant_id=tenant_id, episode_id=episode_id)
    if known is not None:
        return known
    site = sites.get_site(session, tenant_id=tenant_id, site_id=SiteId(episode.site_id))
    idle_after, expires_after = _thresholds(site)
    if episode.state in (EpisodeState.EXPIRED, EpisodeState.REFUSED):
        return None
    if episode.ordered_at is None and now < episode.last_activity_at + idle_after:
        return None
    judged = _judge(session, tenant_id=tenant_id, episode=episode, site=site)
    made = (
        judged.answer
        if isinstance(judged.answer, NoLead)
        else _insert(session, episode=episode, site=site, judged=judged, eligible=judged.answer, draw=draw, now=now)
    )
    episode.settled_reason = made.value if isinstance(made, NoLead) else capture.LEAD_MADE
    if episode.ordered_at is None:
        episode.due_at = episode.last_activity_at + expires_after
    capture_queries.save(session, episode)
    return made


def release_lead(session: Session, *, tenant_id: TenantId, lead_id: LeadId, released_by: UserId, now: datetime) -> Lead:
    """Let a held lead go its way, as somebody at the agency decided. raises NotFound, LeadNotHeld

    released_by  the caller writes who it was into the audit trail
    """
    lead = _lock_with_episode(session, tenant_id=tenant_id, lead_id=lead_id)
    if lead.state is not LeadState.HELD:
        raise LeadNotHeld(released_by=str(released_by))
    lead.state = LeadState.ACTIVE
    queries.save(session, lead)
    if lead.arm is Arm.TREATED:
        outbox.promise(
            session,
            "lead.released",
            key=f"released:{lead_id}",
            at=now,
            tenant_id=tenant_id,
            lead_id=str(lead_id),
        )
    live.announce(session, tenant_id=tenant_id, topic="lead", subject=str(lead_id))
    return lead


def refuse_held_lead(
    session: Session, *, tenant_id: TenantId, lead_id: LeadId, refused_by: UserId, now: datetime
) -> Lead:
    """End a held lead that somebody at the agency does not want contacted. raises NotFound, LeadNotHeld"""
    lead = _lock_with_episode(session, tenant_id=tenant_id, lead_id=lead_id)
    if lead.state is not LeadState.HELD:
        raise LeadNotHeld()
    end_lead(
        session,
        tenant_id=tenant_id,
        lead_id=lead_id,
        state=LeadState.REFUSED,
        ended_by=f"user:{refused_by}",
        now=now,
    )
    return lead


def end_lead(
    session: Session, *, tenant_id: TenantId, lead_id: LeadId, state: LeadState, ended_by: str, now: datetime
) -> bool:
    """End a lead; False where it had ended already, and then nothing changes. Only the lead is marked.

    ended_by  order:…, converted:… (the episode whose person had ordered), stop:…, call:…, plan:…, user:… or episode:…
              (it expired), with the id, for the timeline
    """
    lead = _lock_with_episode(session, tenant_id=tenant_id, lead_id=lead_id)
    if lead.state not in OPEN_STATES:
        return False
    lead.state, lead.ended_at, lead.ended_by = state, now, ended_by
    queries.save(session, lead)
    live.announce(session, tenant_id=tenant_id, topic="lead", subject=str(lead_id))
    return True


def add_route(
    session: Session,
    *,
    tenant_id: TenantId,
    site_id: SiteId,
    name: str,
    conditions: Mapping[str, object],
    scenario_id: ScenarioId,
) -> Route:
    """Add a route behind the site's others: the first that matches an abandoned episode picks the scenario."""
    known = queries.list_routes(session, tenant_id=tenant_id, site_id=site_id)
    route = Route(
        tenant_id=tenant_id,
        route_id=new_id(),
        site_id=site_id,
        position=max((one.position for one in known), default=0) + 1,
        name=name,
        conditions=dict(conditions),
        scenario_id=scenario_id,
    )
    queries.save(session, route)
    return route


def _abandon(session: Session, *, tenant_id: TenantId, episode: Episode, now: datetime) -> None:
    episode.state = EpisodeState.ABANDONED
    episode.abandoned_at = episode.abandoned_at or now
    outbox.promise(
        session,
        "episode.abandoned",
        key=f"abandoned:{episode.episode_id}:{now.isoformat()}",
        at=now,
        tenant_id=tenant_id,
        episode_id=str(episode.episode_id),
    )


def _expire(session: Session, *, tenant_id: TenantId, episode: Episode, now: datetime) -> None:
    """Close an episode that nobody came back to; a lead of it that is still open ends, and what hangs on it follows."""
    episode.due_at = None
    if episode.state is not EpisodeState.REFUSED:
        episode.state = EpisodeState.EXPIRED
    capture_queries.save(session, episode)
    lead = queries.find_lead_of_episode(session, tenant_id=tenant_id, episode_id=episode.episode_id)
    if lead is None:
        return
    lead_id = LeadId(lead.lead_id)
    because = f"episode:{episode.episode_id}"
    if end_lead(session, tenant_id=tenant_id, lead_id=lead_id, state=LeadState.EXPIRED, ended_by=because, now=now):
        outbox.promise(
            session,
            "lead.expired",
            key=f"expired:{lead_id}",
            at=now,
            tenant_id=tenant_id,
            lead_id=str(lead_id),
        )


def _judge(session: Session, *, tenant_id: TenantId, episode: Episode, site: Site) -> _Judged:
    """Lock the episode's contact points, read the facts under the locks, and judge."""
    rows = queries.lock_contacts_of_episode(session, tenant_id=tenant_id, episode_id=episode.episode_id)
    stops = people.list_stops(session, tenant_id=tenant_id, indexes=[(row.kind, row.value_index) for row in rows])
    contacts = {
        row.contact_point_id: ContactFacts(
            contact_point_id=row.contact_point_id,
            kind=row.kind.value,
            is_mobile=row.is_mobile,
            is_gone=row.is_gone,
            is_stopped=all(
                standing_stop(stops[(row.kind, row.value_index)], channel) is not None
                for channel in CHANNELS_OF[row.kind]
            ),
            ordered=is_settled_by_order(episode.started_at, last_ordered_at=row.last_ordered_at),
            consents=_consents(session, tenant_id=tenant_id, episode=episode, row=row),
            is_signed=row.source == SIGNED,
        )
        for row in rows
    }
    facts = LeadFacts(
        ordered=episode.ordered_at is not None,
        has_items=bool(episode.items),
        has_form=episode.form is not None,
        is_submitted=episode.submitted_at is not None,
        has_notice=notice_permits_calls(site.capture_mode, has_text=bool(site.notice_text)),
        has_open_lead=_has_open_lead(session, tenant_id=tenant_id, episode=episode, contact_ids=list(contacts)),
        contacts=list(contacts.values()),
        is_refused=_is_refused(session, tenant_id=tenant_id, episode=episode),
        wants_signature=site.signed_mode,
    )
    return _Judged(rules.judge_lead(facts), contacts)


def _is_refused(session: Session, *, tenant_id: TenantId, episode: Episode) -> bool:
    """Say whether the visitor refused capture after all that is in the episode: it was just being written meanwhile."""
    if episode.visitor is None:
        return False
    permission = forgetting.find_permission(
        session, tenant_id=tenant_id, site_id=episode.site_id, visitor=episode.visitor
    )
    return permission.forbids(episode.last_activity_at)


def _consents(session: Session, *, tenant_id: TenantId, episode: Episode, row: queries.ContactRow) -> dict[str, bool]:
    found = {}
    for channel in sorted(CHANNELS_OF[row.kind]):
        consent = people.find_consent(
            session,
            tenant_id=tenant_id,
            channel=Channel(channel),
            episode_id=episode.episode_id,
            contact_point_id=row.contact_point_id,
        )
        if consent is not None:
            found[channel] = consent.granted
    return found


def _has_open_lead(session: Session, *, tenant_id: TenantId, episode: Episode, contact_ids: list[UUID]) -> bool:
    if episode.person_id is not None and queries.find_open_lead_of_person(
        session, tenant_id=tenant_id, person_id=episode.person_id
    ):
        return True
    return bool(
        contact_ids
        and queries.list_open_leads_of_contacts(session, tenant_id=tenant_id, contact_point_ids=contact_ids, limit=1)
    )


def _insert(
    session: Session,
    *,
    episode: Episode,
    site: Site,
    judged: _Judged,
    eligible: Eligible,
    draw: float | None,
    now: datetime,
) -> Lead | NoLead:
    tenant_id = TenantId(episode.tenant_id)
    route = _route(session, episode=episode, site=site, judged=judged, eligible=eligible, now=now)
    if route is None:
        return NoLead.NO_ROUTE
    assert episode.person_id is not None
    drawn = _dice.random() if draw is None else draw
    in_quarantine = site.quarantine_until is not None and now < site.quarantine_until
    held = rules.held_reason(in_quarantine=in_quarantine, episode_held=episode.held_reason)
    lead = Lead(
        tenant_id=tenant_id,
        lead_id=new_id(),
        episode_id=episode.episode_id,
        site_id=episode.site_id,
        person_id=episode.person_id,
        state=LeadState.ACTIVE if held is None else LeadState.HELD,
        arm=Arm.HOLDOUT if rules.is_holdout(drawn, holdout_pct=site.holdout_pct) else Arm.TREATED,
        arm_draw=drawn,
        holdout_pct=site.holdout_pct,
        route_id=route.route_id,
        scenario_id=route.scenario_id,
        value_minor=episode.cart_minor,
        currency=episode.currency,
        held_reason=held,
        made_at=now,
    )
    if not queries.insert_lead(session, lead):
        return NoLead.OPEN_LEAD
    for contact_point_id in eligible.contact_point_ids:
        queries.insert_lead_contact(
            session,
            tenant_id=tenant_id,
            lead_id=lead.lead_id,
            contact_point_id=contact_point_id,
            kind=judged.contacts[contact_point_id].kind,
        )
    if lead.state is LeadState.ACTIVE and lead.arm is Arm.TREATED:
        outbox.promise(
            session,
            "lead.made",
            key=f"made:{lead.lead_id}",
            at=now,
            tenant_id=tenant_id,
            lead_id=str(lead.lead_id),
        )
    live.announce(session, tenant_id=tenant_id, topic="lead", subject=str(lead.lead_id))
    return queries.get_lead(session, tenant_id=tenant_id, lead_id=lead.lead_id)


def _route(
    session: Session, *, episode: Episode, site: Site, judged: _Judged, eligible: Eligible, now: datetime
) -> RouteFacts | None:
    routes = queries.list_routes(session, tenant_id=TenantId(episode.tenant_id), site_id=SiteId(episode.site_id))
    usable = [judged.contacts[one] for one in eligible.contact_point_ids]
    value = None
    if episode.cart_minor is not None and episode.currency is not None:
        value = Money(episode.cart_minor, episode.currency).major()
    subject = RouteSubject(
        value=value,
        kinds=frozenset(one.kind for one in usable),
        channels=frozenset(name for one in usable for name, granted in one.consents.items() if granted),
        at_local=now.astimezone(ZoneInfo(site.timezone)).time(),
    )
    return rules.first_route([RouteFacts(one.route_id, one.scenario_id, one.conditions) for one in routes], subject)


def _lock_with_episode(session: Session, *, tenant_id: TenantId, lead_id: LeadId) -> Lead:
    """Lock a lead's episode, then the lead (G2). raises NotFound"""
    lead = queries.get_lead(session, tenant_id=tenant_id, lead_id=lead_id)
    capture_queries.lock_episode(session, tenant_id=tenant_id, episode_id=lead.episode_id)
    return queries.lock_lead(session, tenant_id=tenant_id, lead_id=lead_id)


def _thresholds(site: Site) -> tuple[timedelta, timedelta]:
    return timedelta(seconds=site.abandon_after_s), timedelta(seconds=site.episode_expires_after_s)
