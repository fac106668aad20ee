"""Scenarios, planning a lead's touches, and ending a lead with everything that was planned for it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlmodel import Session

from modori.background import live
from modori.calls import actions as calls
from modori.calls import queries as desk
from modori.channels import queries as replies
from modori.kernel.errors import Conflict
from modori.kernel.ids import LeadId, ScenarioId, ScenarioVersionId, StepId, TenantId, TouchId, UserId, new_id
from modori.leads import actions as leads
from modori.leads import queries as lead_queries
from modori.leads.model import OPEN_STATES, Arm, LeadState
from modori.outreach import queries, rules
from modori.outreach.model import Purpose, Scenario, ScenarioVersion, Step, Variant
from modori.people.model import Channel
from modori.sending import actions as sending
from modori.sending.deliveries import queries as delivery_queries
from modori.sending.model import Touch


@dataclass(frozen=True, slots=True)
class StepDraft:
    """A step as its author writes it. `wordings` by language: (subject or None, body)."""

    channel: Channel
    purpose: Purpose
    delay_s: int
    wordings: dict[str, tuple[str | None, str]]


def make_scenario(session: Session, *, tenant_id: TenantId, name: str, now: datetime) -> ScenarioId:
    """Make a scenario without a version."""
    scenario = Scenario(tenant_id=tenant_id, scenario_id=new_id(), name=name, made_at=now)
    session.add(scenario)
    session.flush()
    return ScenarioId(scenario.scenario_id)


def add_version(
    session: Session, *, tenant_id: TenantId, scenario_id: ScenarioId, steps: Sequence[StepDraft], now: datetime
) -> ScenarioVersionId:
    """Add an unapproved version. raises NotFound, Conflict where a step has no wording or a delay goes back in time"""
    queries.get_scenario(session, tenant_id=tenant_id, scenario_id=scenario_id)
    delays = [step.delay_s for step in steps]
    if not steps or any(not step.wordings for step in steps):
        raise Conflict("A version needs at least one step, and each step a wording.")
    if delays != sorted(delays) or delays[0] <= 0:
        raise Conflict("Steps follow each other in time.")
    number = queries.next_version_number(session, tenant_id=tenant_id, scenario_id=scenario_id)
    version = ScenarioVersion(
        tenant_id=tenant_id, scenario_version_id=new_id(), scenario_id=scenario_id, number=number, made_at=now
    )
    session.add(version)
    session.flush()
    for position, draft in enumerate(steps, start=1):
        step = Step(
            tenant_id=tenant_id,
            step_id=new_id(),
            scenario_version_id=version.scenario_version_id,
            number=position,
            channel=draft.channel,
            purpose=draft.purpose,
            delay_s=draft.delay_s,
        )
        session.add(step)
        session.flush()
        for locale, (subject, body) in sorted(draft.wordings.items()):
            session.add(
                Variant(
                    tenant_id=tenant_id,
                    variant_id=new_id(),
                    step_id=step.step_id,
                    locale=locale,
                    subject=subject,
                    body=body,
                )
            )
    session.flush()
    return ScenarioVersionId(version.scenario_version_id)


def approve_version(
    session: Session, *, tenant_id: TenantId, version_id: ScenarioVersionId, user_id: UserId | None, now: datetime
) -> bool:
    """Approve a version and make it the one that new leads get. A second call changes nothing."""
    version = queries.lock_version(session, tenant_id=tenant_id, version_id=version_id)
    if version.approved_at is not None:
        return False
    version.approved_at = now
    version.approved_by = user_id
    scenario = queries.get_scenario(session, tenant_id=tenant_id, scenario_id=ScenarioId(version.scenario_id))
    scenario.current_version_id = version.scenario_version_id
    session.flush()
    queries.set_touch_approval(session, tenant_id=tenant_id, version_id=version_id, approved=True)
    return True


def withdraw_approval(session: Session, *, tenant_id: TenantId, version_id: ScenarioVersionId, now: datetime) -> bool:
    """Take an approval back: from this commit on the gate denies the version's touches."""
    version = queries.lock_version(session, tenant_id=tenant_id, version_id=version_id)
    if version.approved_at is None:
        return False
    version.approved_at = None
    version.approved_by = None
    scenario = queries.get_scenario(session, tenant_id=tenant_id, scenario_id=ScenarioId(version.scenario_id))
    if scenario.current_version_id == version.scenario_version_id:
        scenario.current_version_id = None
    session.flush()
    queries.set_touch_approval(session, tenant_id=tenant_id, version_id=version_id, approved=False)
    return True


def plan_lead(session: Session, *, tenant_id: TenantId, lead_id: LeadId, now: datetime) -> int:
    """Plan a treated lead's touches by its scenario's approved version. A second call changes nothing.

    A step without a contact point that its channel reaches is left out. Returns how many steps were planned; a lead
    with none is exhausted at once.
    """
    lead = queries.lock_lead_for_plan(session, tenant_id=tenant_id, lead_id=lead_id)
    if lead.state != LeadState.ACTIVE or lead.arm != Arm.TREATED:
        return 0
    options = queries.list_contact_options(session, tenant_id=tenant_id, lead_id=lead_id)
    planned = 0
    steps = (
        queries.list_steps(session, tenant_id=tenant_id, version_id=lead.scenario_version_id)
        if lead.scenario_version_id is not None
        else ()
    )
    for step in steps:
        contact = rules.choose_contact(step.channel.value, options)
        if contact is None:
            continue
        due_at = max(rules.due_at(lead.last_activity_at, step.delay_s), now)
        sending.plan_touch(
            session,
            Touch(
                tenant_id=tenant_id,
                touch_id=TouchId(new_id()),
                lead_id=lead_id,
                episode_id=lead.episode_id,
                site_id=lead.site_id,
                scenario_version_id=step.scenario_version_id,
                step_id=StepId(step.step_id),
                step_number=step.number,
                channel=step.channel,
                purpose=step.purpose.value,
                contact_point_id=contact.contact_point_id,
                planned_at=now,
                first_due_at=due_at,
                due_at=due_at,
            ),
        )
        planned += 1
    if planned == 0:
        end_lead(
            session, tenant_id=tenant_id, lead_id=lead_id, state=LeadState.EXHAUSTED, because="plan:empty", now=now
        )
    return planned


def end_lead(
    session: Session, *, tenant_id: TenantId, lead_id: LeadId, state: LeadState, because: str, now: datetime
) -> bool:
    """End a lead with all that was planned for it: touches not begun, call tasks. Says whether it was open."""
    ended = leads.end_lead(session, tenant_id=tenant_id, lead_id=lead_id, state=state, ended_by=because, now=now)
    if ended:
        sending.cancel_touches(session, tenant_id=tenant_id, lead_id=lead_id, because=because, now=now)
        calls.cancel_tasks(session, tenant_id=tenant_id, lead_id=lead_id, because=because, now=now)
        live.announce(session, tenant_id=tenant_id, topic="lead", subject=str(lead_id))
    return ended


def clear_lead(session: Session, *, tenant_id: TenantId, lead_id: LeadId, because: str, now: datetime) -> None:
    """Cancel what was planned for a lead that a lower room has ended. A second call changes nothing."""
    lead = lead_queries.lock_lead(session, tenant_id=tenant_id, lead_id=lead_id)
    if lead.state not in OPEN_STATES:
        sending.cancel_touches(session, tenant_id=tenant_id, lead_id=lead_id, because=because, now=now)
        calls.cancel_tasks(session, tenant_id=tenant_id, lead_id=lead_id, because=because, now=now)


def settle_lead(session: Session, *, tenant_id: TenantId, lead_id: LeadId, now: datetime) -> bool:
    """End a lead whose plan has nothing left as exhausted. An order may still come and count."""
    if queries.has_open_touch(session, tenant_id=tenant_id, lead_id=lead_id):
        return False
    return end_lead(
        session, tenant_id=tenant_id, lead_id=lead_id, state=LeadState.EXHAUSTED, because="plan:done", now=now
    )


def end_stopped_leads(
    session: Session, *, tenant_id: TenantId, kind: str, value_index: bytes, stop_id: UUID, now: datetime
) -> int:
    """End every open lead that may use a stopped value: one tap stops it all (G5)."""
    ended = 0
    for lead_id in queries.list_open_leads_of_value(session, tenant_id=tenant_id, kind=kind, value_index=value_index):
        ended += end_lead(
            session,
            tenant_id=tenant_id,
            lead_id=LeadId(lead_id),
            state=LeadState.STOPPED,
            because=f"stop:{stop_id}",
            now=now,
        )
    return ended


def end_erased_leads(session: Session, *, tenant_id: TenantId, contact_point_id: UUID, now: datetime) -> int:
    """End every open lead that may use an erased contact point, and forget what was said to and by it (RULES 18)."""
    delivery_queries.forget_content(session, tenant_id=tenant_id, contact_point_id=contact_point_id)
    replies.forget_replies(session, tenant_id=tenant_id, contact_point_id=contact_point_id)
    desk.forget_notes(session, tenant_id=tenant_id, contact_point_id=contact_point_id)
    ended = 0
    for lead_id in queries.list_open_leads_of_contact_point(
        session, tenant_id=tenant_id, contact_point_id=contact_point_id
    ):
        ended += end_lead(
            session,
            tenant_id=tenant_id,
            lead_id=LeadId(lead_id),
            state=LeadState.ERASED,
            because=f"erasure:{contact_point_id}",
            now=now,
        )
    return ended
