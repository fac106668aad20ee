"""A lead with a planned touch, put straight into the tables: where a test starts behind capture and planning."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID

from sqlmodel import Session

from modori.capture.model import Episode, EpisodeContact, EpisodeState
from modori.kernel.ids import ContactPointId, EpisodeId, LeadId, ScenarioId, TouchId, new_id
from modori.leads.model import Arm, Lead, LeadContact, LeadState
from modori.outreach.actions import StepDraft, add_version, approve_version, make_scenario
from modori.outreach.model import Purpose
from modori.outreach.queries import list_steps
from modori.people import actions as people
from modori.people.model import Channel, ContactKind, ContactPoint, EvidenceSource
from modori.people.points import meet_contact_point
from modori.sending.model import Touch, TouchState
from modori.storage.db import tenant_transaction
from tests.world import NOW, TenantWorld

ITEMS = [{"id": "p1", "name": "鉄のフライパン", "price_minor": 4980, "quantity": 1, "stock": 3}]

WORDINGS: dict[Channel, dict[str, tuple[str | None, str]]] = {
    Channel.EMAIL: {
        "ja": (
            "お忘れものはありませんか",
            "{{ sender.name }}です。カートはこちら {{ cart_url }} 停止 {{ unsubscribe_url }}",
        ),
        "en": ("Did you forget something?", "{{ sender.name }}: {{ cart_url }} stop {{ unsubscribe_url }}"),
    },
    Channel.SMS: {"ja": (None, "{{ sender.name }} {{ cart_url }} 停止 {{ unsubscribe_url }}")},
    Channel.CALL: {"ja": (None, "カートの件でお電話しました。")},
}


@dataclass(frozen=True)
class LeadWorld:
    """One lead with one touch."""

    tenant: TenantWorld
    episode_id: EpisodeId
    lead_id: LeadId
    touch_id: TouchId
    contact_point_id: ContactPointId
    value: str
    channel: Channel


_numbers = count(10**7 + 1)  # no Japanese mobile has a 0 after its prefix
"""Whose address or number nobody else in this database has: contacts are counted over all clients."""


def make_lead(
    tenant: TenantWorld,
    *,
    channel: Channel = Channel.EMAIL,
    value: str | None = None,
    now: datetime = NOW,
    touch_state: TouchState = TouchState.CLAIMED,
    consent: bool | None = True,
    **episode: Any,
) -> LeadWorld:
    """Make person, contact point, consent, episode, scenario, lead and one touch that is due now."""
    kind = ContactKind.EMAIL if channel is Channel.EMAIL else ContactKind.PHONE
    if value is None:
        number = next(_numbers)
        value = f"p{number}@person.example" if kind is ContactKind.EMAIL else f"+8190{number:08d}"
    with tenant_transaction(tenant.tenant_id) as session:
        point = meet_contact_point(session, tenant_id=tenant.tenant_id, kind=kind, value=value, now=now)
        episode_id = _add_episode(session, tenant, point, now, **episode)
        if consent is not None:
            people.record_consent(
                session,
                tenant_id=tenant.tenant_id,
                channel=channel,
                granted=consent,
                text="受け取ります",
                source=EvidenceSource.BROWSER,
                site_id=tenant.site_id,
                episode_id=episode_id,
                given_at=now,
                now=now,
            )
        lead_id = _add_lead(session, tenant, point, episode_id, now)
        version_id, step_id = _scenario(session, tenant, channel, now)
        touch = Touch(
            tenant_id=tenant.tenant_id,
            touch_id=new_id(),
            lead_id=lead_id,
            episode_id=episode_id,
            site_id=tenant.site_id,
            scenario_version_id=version_id,
            step_id=step_id,
            step_number=1,
            channel=channel,
            purpose="reminder",
            contact_point_id=point.contact_point_id,
            state=touch_state,
            planned_at=now,
            first_due_at=now,
            due_at=now,
            claimed_at=now if touch_state is TouchState.CLAIMED else None,
        )
        session.add(touch)
        session.flush()
        touch_id, contact_point_id = TouchId(touch.touch_id), ContactPointId(point.contact_point_id)
    return LeadWorld(tenant, episode_id, lead_id, touch_id, contact_point_id, value, channel)


def _add_episode(
    session: Session, tenant: TenantWorld, point: ContactPoint, now: datetime, **episode: Any
) -> EpisodeId:
    """Add an abandoned cart of the contact point's person."""
    facts: dict[str, Any] = {
        "state": EpisodeState.ABANDONED,
        "currency": "JPY",
        "cart_minor": 4980,
        "items": ITEMS,
        "cart_url": f"{tenant.origin}/cart",
        "started_at": now - timedelta(hours=2),
        "last_activity_at": now - timedelta(hours=1),
        "abandoned_at": now - timedelta(minutes=30),
        "visitor": new_id().hex,
    } | episode
    tenant_id, episode_id = tenant.tenant_id, EpisodeId(new_id())
    session.add(
        Episode(tenant_id=tenant_id, episode_id=episode_id, site_id=tenant.site_id, person_id=point.person_id, **facts)
    )
    session.flush()
    session.add(
        EpisodeContact(
            tenant_id=tenant_id,
            episode_id=episode_id,
            contact_point_id=point.contact_point_id,
            source="form",
            captured_at=now,
        )
    )
    return episode_id


def _add_lead(
    session: Session, tenant: TenantWorld, point: ContactPoint, episode_id: EpisodeId, now: datetime
) -> LeadId:
    """Add the episode's lead, with the contact point that it may use."""
    lead_id = LeadId(new_id())
    session.add(
        Lead(
            tenant_id=tenant.tenant_id,
            lead_id=lead_id,
            episode_id=episode_id,
            site_id=tenant.site_id,
            person_id=point.person_id,
            state=LeadState.ACTIVE,
            arm=Arm.TREATED,
            arm_draw=0.5,
            holdout_pct=0,
            value_minor=4980,
            currency="JPY",
            made_at=now,
        )
    )
    session.flush()
    session.add(
        LeadContact(
            tenant_id=tenant.tenant_id,
            lead_id=lead_id,
            contact_point_id=point.contact_point_id,
            kind=point.kind.value,
        )
    )
    return lead_id


def _scenario(session: Session, tenant: TenantWorld, channel: Channel, now: datetime) -> tuple[UUID, UUID]:
    scenario_id: ScenarioId = make_scenario(session, tenant_id=tenant.tenant_id, name="三段階", now=now)
    draft = StepDraft(channel, Purpose.REMINDER, 3600, WORDINGS[channel])
    version_id = add_version(session, tenant_id=tenant.tenant_id, scenario_id=scenario_id, steps=[draft], now=now)
    approve_version(session, tenant_id=tenant.tenant_id, version_id=version_id, user_id=None, now=now)
    return version_id, list_steps(session, tenant_id=tenant.tenant_id, version_id=version_id)[0].step_id
