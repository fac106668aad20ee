"""What each state, channel, role and reason is called, and in which tone it is shown.

Keys are the enums' values; a test walks the enums, so that a new member cannot be shown raw.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from modori.calls.model import CallState, CallTaskState, Disposition
from modori.connectors.csv.model import RowOutcome, UploadKind, UploadState
from modori.console.words import say
from modori.leads.model import Arm, LeadState
from modori.outcomes.model import OrderSource, ResultState, ReversalReason
from modori.outreach.model import Purpose
from modori.people.model import Channel, ContactKind, EvidenceSource, StopReason
from modori.sending.model import DeliveryState, ReportStatus, TouchState
from modori.tenants.model import CaptureMode, KeyKind, Role

LABELS: Final[Mapping[type[StrEnum], Mapping[str, str]]] = {
    LeadState: {
        "held": say("Held"),
        "active": say("In progress"),
        "converted": say("Came back"),
        "stopped": say("Stopped"),
        "refused": say("Refused"),
        "exhausted": say("All steps done"),
        "expired": say("Expired"),
        "erased": say("Erased"),
    },
    Arm: {"treated": say("Contacted"), "holdout": say("Holdout")},
    Channel: {"email": say("E-mail"), "sms": say("SMS"), "line": say("LINE"), "call": say("Call")},
    ContactKind: {"email": say("E-mail address"), "phone": say("Telephone"), "line": say("LINE account")},
    Purpose: {"reminder": say("Reminder"), "benefit": say("Help or benefit"), "last_notice": say("Last notice")},
    TouchState: {
        "planned": say("Planned"),
        "claimed": say("Being prepared"),
        "queued": say("In the queue"),
        "sending": say("Being sent"),
        "sent": say("Sent"),
        "failed": say("Failed"),
        "unknown": say("Outcome unknown"),
        "denied": say("Not allowed"),
        "cancelled": say("Cancelled"),
    },
    DeliveryState: {
        "sending": say("Being sent"),
        "accepted": say("Accepted by the provider"),
        "rejected": say("Rejected by the provider"),
        "not_sent": say("Not sent"),
        "unknown": say("Outcome unknown"),
    },
    ReportStatus: {
        "none": say("No report yet"),
        "queued": say("Queued at the provider"),
        "sent": say("Sent on"),
        "delivered": say("Delivered"),
        "undelivered": say("Could not be delivered"),
        "failed": say("Failed"),
        "initiated": say("Dialling"),
        "ringing": say("Ringing"),
        "answered": say("Answered"),
        "completed": say("Completed"),
        "busy": say("Busy"),
        "no_answer": say("No answer"),
        "cancelled": say("Cancelled"),
    },
    CallTaskState: {
        "waiting": say("Waiting"),
        "claimed": say("Being worked"),
        "done": say("Done"),
        "cancelled": say("Cancelled"),
    },
    CallState: {
        "preparing": say("Preparing"),
        "dialling": say("Dialling"),
        "talking": say("Talking"),
        "ended": say("Ended"),
        "refused": say("Not allowed"),
    },
    Disposition: {
        "will_buy": say("Will buy"),
        "no_answer": say("No answer"),
        "refused": say("Refused"),
        "call_back": say("Call back"),
        "wrong_number": say("Wrong number"),
    },
    ResultState: {
        "held": say("On hold"),
        "pending": say("Waiting for approval"),
        "approved": say("Approved"),
        "refused": say("Turned down"),
        "reversed": say("Reversed"),
    },
    ReversalReason: {
        "cancel": say("Cancelled"),
        "refusal": say("Delivery refused"),
        "return": say("Returned"),
        "unpaid": say("Not paid"),
    },
    OrderSource: {
        "browser": say("the browser (does not bill)"),
        "server": say("the shop's server"),
        "webhook": say("a verified webhook"),
        "csv": say("an approved upload"),
    },
    EvidenceSource: {
        "browser": say("browser"),
        "server": say("the client's server"),
        "csv": say("upload"),
        "operator": say("operator"),
        "link": say("link in a message"),
        "reply": say("reply"),
        "report": say("provider's report"),
    },
    StopReason: {
        "one_click": say("one-click unsubscribe"),
        "unsubscribe_page": say("unsubscribe page"),
        "reply": say("a stop word in a reply"),
        "call_refused": say("refused on the telephone"),
        "server": say("the client's server said so"),
        "provider_opt_out": say("opted out at the provider"),
        "erasure": say("asked to be erased"),
    },
    Role: {
        "agency_admin": say("Agency administrator"),
        "account_manager": say("Account manager"),
        "operator": say("Operator"),
        "client_reviewer": say("Client reviewer"),
    },
    CaptureMode: {
        "off": say("Off"),
        "notice": say("With notice"),
        "after-consent": say("After consent"),
    },
    UploadKind: {"orders": say("Orders"), "returns": say("Returns"), "consents": say("Consents")},
    UploadState: {
        "checking": say("Being checked"),
        "checked": say("Checked: waits for approval"),
        "applying": say("Being recorded"),
        "applied": say("Recorded"),
        "stopped": say("Stopped while being recorded"),
        "dropped": say("Dropped"),
    },
    RowOutcome: {
        "new": say("New"),
        "known": say("Already known"),
        "kept": say("Kept, with a reservation"),
        "refused": say("Not taken"),
        "unapplied": say("Not recorded: stopped"),
    },
    KeyKind: {"publishable": say("In the page"), "secret": say("On the server")},
}

AUDIT: Final[Mapping[str, str]] = {
    "contact.revealed": say("Looked at personal data"),
    "lead.released": say("Released a held lead"),
    "lead.refused": say("Ended a held lead"),
    "person.erased": say("Erased a person's data"),
    "result.approved": say("Approved a result"),
    "result.refused": say("Turned a result down"),
    "month.closed": say("Closed a month"),
    "scenario.approved": say("Approved a scenario version"),
    "tenant.made": say("Took a client on"),
    "tenant.changed": say("Changed a client"),
    "tenant.stopped": say("Stopped a client's sending"),
    "tenant.resumed": say("Let a client's sending go on"),
    "channel.stopped": say("Stopped a channel of a client"),
    "channel.resumed": say("Let a channel of a client go on"),
    "feed.confirmed": say("Confirmed that a site has no newer order"),
    "site.made": say("Added a site"),
    "site.changed": say("Changed a site"),
    "site.stopped": say("Stopped a site's sending"),
    "site.resumed": say("Let a site's sending go on"),
    "signing.rotated": say("Made a signing secret"),
    "signing.rotation_ended": say("Ended the earlier signing secret"),
    "key.issued": say("Made a key"),
    "key.revoked": say("Revoked a key"),
    "agency.stopped": say("Stopped all sending"),
    "agency.resumed": say("Let all sending go on"),
    "agency.limits_changed": say("Changed the limits for every client"),
    "agency.channel_stopped": say("Stopped a channel for every client"),
    "agency.channel_resumed": say("Let a channel go on for every client"),
    "upload.made": say("Uploaded a file"),
    "upload.approved": say("Approved an uploaded file"),
    "upload.stopped": say("Stopped the recording of an uploaded file"),
    "upload.dropped": say("Dropped an uploaded file"),
    "user.invited": say("Invited a user"),
    "user.role_given": say("Gave a role"),
    "user.role_taken": say("Took a role away"),
    "user.disabled": say("Disabled a user"),
    "user.enabled": say("Enabled a user"),
}

TONES: Final[Mapping[type[StrEnum], Mapping[str, str]]] = {
    LeadState: {"held": "warn", "active": "live", "converted": "good", "stopped": "bad", "refused": "bad"},
    TouchState: {
        "planned": "live",
        "claimed": "live",
        "queued": "live",
        "sending": "live",
        "sent": "good",
        "failed": "bad",
        "unknown": "warn",
        "denied": "bad",
    },
    DeliveryState: {"sending": "live", "accepted": "good", "rejected": "bad", "unknown": "warn"},
    CallTaskState: {"waiting": "live", "claimed": "live", "done": "good"},
    CallState: {"dialling": "warn", "talking": "live", "refused": "bad"},
    Disposition: {"will_buy": "good", "refused": "bad", "call_back": "live"},
    ResultState: {"held": "warn", "pending": "live", "approved": "good", "refused": "bad", "reversed": "bad"},
    UploadState: {"checking": "live", "checked": "warn", "applying": "live", "applied": "good", "stopped": "warn"},
    RowOutcome: {"new": "good", "kept": "warn", "refused": "bad", "unapplied": "warn"},
    CaptureMode: {"off": "warn", "notice": "good", "after-consent": "good"},
}


def label(value: StrEnum) -> str:
    """Return the English name of a state, to be translated. raises KeyError for one that has none."""
    return LABELS[type(value)][value.value]


def tone(value: StrEnum) -> str:
    """Return good, warn, bad, live or nothing."""
    return TONES.get(type(value), {}).get(value.value, "")
