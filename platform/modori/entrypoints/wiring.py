"""The map of the system: what follows what, and what is looked for again and again.

A promise's topic leads to functions of rooms' `jobs.py`, each of which finishes a work row in the transaction of its
effect. A scan finds what is due. Both come back after any loss: nothing here depends on a message arriving.
"""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Final

from modori.api import idempotency
from modori.background import relay
from modori.background.broker import Actor
from modori.background.hints import hint
from modori.background.scheduler import Scan
from modori.billing import jobs as billing
from modori.billing import scans as billing_scans
from modori.calls import scans as calls_scans
from modori.calls.desk import Dialler
from modori.capture import scans as capture_scans
from modori.capture.sightings import scans as sightings_scans
from modori.channels.adapters import Adapters, make_adapters
from modori.channels.twilio_http import TwilioAccount
from modori.channels.wire import Prices
from modori.connectors.csv import jobs as uploads
from modori.connectors.csv import scans as uploads_scans
from modori.console import jobs as console
from modori.console.mail import UserMailer
from modori.entrypoints import resources
from modori.entrypoints.settings import Settings, by_currency
from modori.leads import jobs as leads
from modori.leads import scans as leads_scans
from modori.outcomes import jobs as outcomes
from modori.outreach import jobs as outreach
from modori.outreach.dispatch import Dispatcher
from modori.outreach.retention.scans import forget_past_retention
from modori.sending import scans as sending_scans
from modori.tenants.logins import scans as logins_scans

Job = Callable[[str, str], None]

FOLLOWERS: Final[Mapping[str, tuple[Job, ...]]] = {
    "episode.abandoned": (leads.make_lead_now,),
    "lead.made": (outreach.plan_lead_now,),
    "lead.released": (outreach.plan_lead_now,),
    "lead.expired": (outreach.clear_expired_lead_now,),
    "stop.recorded": (outreach.end_stopped_leads_now,),
    "contact.erased": (outreach.end_erased_leads_now, outreach.forget_erased_events_now),
    "erasure.recorded": (uploads.forget_in_uploads_now,),
    "visitor.refused": (outreach.forget_visitor_now,),
    "order.recorded": (outcomes.settle_order_now, billing.attribute_order_now),
    "order.proven": (billing.attribute_order_now,),
    "contact.proven": (billing.attribute_lead_now,),
    "call.disposed": (outreach.settle_lead_now,),
    "delivery.resolved": (outreach.settle_lead_now,),
    "reversal.applied": (billing.reverse_result_now,),
    "upload.made": (uploads.check_upload_now,),
    "upload.approved": (uploads.apply_upload_now,),
    "user.invited": (console.mail_invitation_now,),
    "user.reset": (console.mail_reset_now,),
}
"""Topic of a promise → the jobs that must follow it."""


DISPATCH: Final = "outreach.dispatch_touches"
"""The actor that claimed touches are handed to: their rows are claimed already, so it finishes no work row."""


def scans(settings: Settings) -> list[Scan]:
    """Everything that the scheduler looks for."""
    hour_s = 3600.0
    return [
        Scan("relay", relay.RELAY_EVERY_S, lambda: relay.relay_once(subscribers()), is_eager=True),
        Scan("sweep", relay.SWEEP_EVERY_S, relay.sweep_once, is_eager=True),
        Scan("idle episodes", 1.0, leads_scans.settle_idle_episodes, is_eager=True, wake_at=leads_scans.next_due_at),
        Scan("due touches", 0.5, _claim_due, is_eager=True, wake_at=sending_scans.next_due_at),
        Scan("stale claims", 2.0, sending_scans.release_stale_claims, is_eager=True),
        Scan("overdue deliveries", 1.0, sending_scans.expire_deliveries, is_eager=True),
        Scan("unknown deliveries", 5.0, make_dispatcher(settings).reconcile),
        Scan("ended holds", 5.0, billing_scans.release_holds, is_eager=True),
        Scan("silent results", 60.0, billing_scans.approve_silent_results),
        Scan("expired claims", 5.0, calls_scans.release_expired_claims),
        Scan("old uploads", hour_s, uploads_scans.forget_old_uploads),
        Scan("kept answers", hour_s, idempotency.forget_old_answers),
        Scan("event partitions", hour_s, lambda: capture_scans.keep_event_partitions(settings.event_retention_days)),
        Scan(
            "past events",
            hour_s,
            lambda: capture_scans.forget_past_events(settings.event_retention_days),
            is_eager=True,
        ),
        Scan("seen events", hour_s, capture_scans.forget_seen_events, is_eager=True),
        Scan("contact velocity", hour_s, capture_scans.forget_contact_velocity),
        Scan("what sites send", hour_s, sightings_scans.note_what_sites_send),
        Scan("old sightings", hour_s, sightings_scans.forget_old_sightings),
        Scan("past retention", hour_s, lambda: forget_past_retention(settings.event_retention_days), is_eager=True),
        Scan("platform counts", hour_s, sending_scans.forget_platform_counts),
        Scan("finished work", hour_s, lambda: relay.forget_finished(older_than_days=settings.work_retention_days)),
        Scan("expired logins", hour_s, logins_scans.forget_expired_logins),
    ]


def _claim_due() -> int:
    return sending_scans.claim_due(lambda tenant_id, touch_ids: hint(DISPATCH, tenant_id, touch_ids))


def jobs() -> dict[str, Job]:
    """Every job by the name that a work row and a message call it."""
    return {name_of(job): job for followers in FOLLOWERS.values() for job in followers}


def subscribers() -> dict[str, list[str]]:
    """Topic → names of its jobs, as the relay wants it."""
    return {topic: [name_of(job) for job in followers] for topic, followers in FOLLOWERS.items()}


def actors(settings: Settings) -> list[Actor]:
    """Every function that a message may call. Providers are slow: their jobs come after the others."""
    dispatcher = make_dispatcher(settings)
    return [
        *(Actor(job, name) for name, job in jobs().items()),
        Actor(dispatcher.dispatch_touches, DISPATCH, priority=10),
    ]


def name_of(job: Job) -> str:
    """modori.outreach.jobs.plan_lead_now is called outreach.plan_lead_now."""
    room = job.__module__.removeprefix("modori.").removesuffix(".jobs")
    return f"{room}.{job.__name__}"


@cache
def adapters(settings: Settings) -> Adapters:
    """The process's way out of the house."""
    return make_adapters(
        smtp_url=settings.smtp_url.get_secret_value(),
        twilio=TwilioAccount(
            account_sid=settings.twilio_account_sid,
            auth_token=settings.twilio_auth_token.get_secret_value(),
            api_base=settings.twilio_api_base,
            timeout_s=settings.call_timeout_s,
        ),
        public_url=settings.public_url,
        timeout_s=settings.call_timeout_s,
    )


def make_dispatcher(settings: Settings) -> Dispatcher:
    """Make what carries claimed touches to the world."""
    return Dispatcher(
        adapters=adapters(settings),
        public_url=settings.public_url,
        deadline_s=settings.delivery_deadline_s,
        prices=prices(settings),
    )


def make_dialler(settings: Settings) -> Dialler:
    """Make what carries an operator's dials to the world."""
    return Dialler(adapters(settings).voice, deadline_s=settings.delivery_deadline_s, prices=prices(settings))


def prices(settings: Settings) -> Prices:
    """What contacts count against clients' months."""
    return Prices(sms_part_minor=by_currency(settings.sms_part_minor), dial_minor=by_currency(settings.dial_minor))


def user_mailer(settings: Settings) -> UserMailer:
    """Make what mails invitations and resets to console users."""
    return UserMailer(
        smtp_url=settings.smtp_url.get_secret_value(),
        sender=settings.user_mail_from,
        public_url=settings.public_url,
        ui=resources.operator_ui(),
        timeout_s=settings.call_timeout_s,
    )


def twilio_auth_tokens(settings: Settings) -> tuple[str, ...]:
    """The tokens that may sign a webhook now: two while one is being changed (RULES 37)."""
    both = (settings.twilio_auth_token, settings.twilio_auth_token_previous)
    return tuple(token.get_secret_value() for token in both if token.get_secret_value())
