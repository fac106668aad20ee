"""Tell what happened to a lead, one entry for each thing: a title, what else there is to know, and how it looks."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from modori.calls.model import Disposition
from modori.console.explain import VERDICT_TONES, Check, checks, verdict_line, why
from modori.console.speaker import Speaker
from modori.console.words import say
from modori.kernel.masking import mask_name
from modori.leads.model import LeadState
from modori.outcomes.model import OrderSource, ResultState, ReversalReason
from modori.outreach.model import Purpose
from modori.people.model import Channel, EvidenceSource, StopReason
from modori.reports.timeline.queries import Happened
from modori.sending.model import DeliveryState, ReportStatus, TouchState


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a timeline. subject and content: what was sent or written, opened for who may read the page."""

    anchor: str
    at: datetime
    what: str
    tone: str = ""
    more: Sequence[str] = ()
    subject: str | None = None
    content: str | None = None
    checks: Sequence[Check] = field(default=())
    result_id: str | None = None


Told = tuple[str, str, list[str]]
"""Tone, title, and what else there is to know."""
Facts = Mapping[str, Any]

EVENTS: Final[Mapping[str, str]] = {
    "page": say("Looked at a page"),
    "cart": say("Changed the cart"),
    "form": say("Filled in the form"),
    "identify": say("Said who they are"),
    "order": say("The browser reported an order"),
}
AUDIT: Final[Mapping[str, str]] = {
    "contact.revealed": say("%(user)s looked at the personal data"),
    "lead.released": say("%(user)s released the lead"),
    "lead.refused": say("%(user)s ended the held lead"),
    "person.erased": say("%(user)s erased the person's data"),
}


@dataclass(frozen=True, slots=True)
class Veil:
    """How much of what was written a reader may see (G13).

    name         the person's, to be masked wherever it stands; None: it has been revealed
    shows_words  whether replies and notes, which may hold anything, are shown at all
    """

    name: str | None
    shows_words: bool

    def over(self, kind: str, text: str | None) -> str | None:
        """Veil one text. Links lose their tokens for everybody: who opened one would click, or stop, for others."""
        if text is None or (kind in ("reply", "call") and not self.shows_words):
            return None
        shown = _TOKEN.sub(r"\1…", text)
        return shown.replace(self.name, mask_name(self.name)) if self.name else shown


_TOKEN: Final = re.compile(r"(/[tu]/)[A-Za-z0-9_-]{8,}")


def tell(happened: Happened, speaker: Speaker, veil: Veil) -> Entry:
    """Put one thing that happened into words."""
    tone, what, more = _TELLERS[happened.kind](happened.facts, speaker)
    is_receipt = happened.kind == "receipt"
    return Entry(
        anchor=f"{happened.kind}-{happened.row_id}",
        at=happened.at,
        what=what,
        tone=tone,
        more=[one for one in more if one],
        subject=veil.over(happened.kind, happened.subject),
        content=veil.over(happened.kind, happened.content),
        checks=checks(happened.facts, speaker) if is_receipt else (),
        result_id=str(happened.row_id) if happened.kind == "result" else None,
    )


def _event(facts: Facts, speaker: Speaker) -> Told:
    what = speaker.word(EVENTS[facts["type"]]) if facts["type"] in EVENTS else str(facts["type"])
    more = [facts["page_title"] or "", facts["page_url"] or ""]
    items = facts["items"] if isinstance(facts["items"], list) else []
    names = [str(item.get("name", "")) for item in items if isinstance(item, dict)]
    if names:
        more.insert(0, "、".join(names) if speaker.locale == "ja" else ", ".join(names))
    if facts["times"] > 1:
        more.append(speaker.word(say("%(times)s times"), times=facts["times"]))
    return "", what, more


def _abandoned(facts: Facts, speaker: Speaker) -> Told:
    return "warn", speaker.word(say("Left without ordering")), []


def _lead(facts: Facts, speaker: Speaker) -> Told:
    if facts["arm"] == "holdout":
        more = [speaker.word(say("Drawn into the holdout (%(pct)s %%): only watched"), pct=facts["holdout_pct"])]
    else:
        more = [speaker.word(say("Scenario: %(name)s"), name=facts["scenario"] or "—")]
    if facts["held_reason"]:
        more.append(speaker.word(say("Held: %(reason)s"), reason=held_because(facts["held_reason"], speaker)))
    return "live", speaker.word(say("Became a lead")), more


HELD: Final[Mapping[str, str]] = {
    "quarantine": say("the site is new, and somebody must approve its first leads"),
    "contact_points_per_address": say("unusually many new contacts from one network address"),
    "contact_points_per_visitor": say("unusually many new contacts from one browser"),
    "contact_points_per_prefix": say("unusually many new contacts that look alike"),
}


def held_because(reason: str, speaker: Speaker) -> str:
    return speaker.word(HELD[reason]) if reason in HELD else reason


def _lead_ended(facts: Facts, speaker: Speaker) -> Told:
    tone = "good" if facts["state"] == "converted" else "bad"
    what = speaker.word(say("Lead ended: %(state)s"), state=speaker.label_of(LeadState, facts["state"]))
    return tone, what, [why(facts["ended_by"], speaker)]


def _consent(facts: Facts, speaker: Speaker) -> Told:
    message = say("Consented to %(channel)s") if facts["granted"] else say("Refused %(channel)s")
    what = speaker.word(message, channel=speaker.label_of(Channel, facts["channel"]))
    source = speaker.word(say("Said by: %(source)s"), source=speaker.label_of(EvidenceSource, facts["source"]))
    return ("good" if facts["granted"] else "bad"), what, [f"「{facts['text']}」", source, facts["page_url"] or ""]


def _touch(facts: Facts, speaker: Speaker) -> Told:
    step = {
        "step": facts["step"],
        "channel": speaker.label_of(Channel, facts["channel"]),
        "purpose": speaker.label_of(Purpose, facts["purpose"]),
        "state": speaker.label_of(TouchState, facts["state"]),
    }
    if not facts["is_open"]:
        tone = "bad" if facts["state"] != "cancelled" else ""
        what = speaker.word(say("Step %(step)s (%(channel)s): %(state)s"), **step)
        return tone, what, [why(facts["reason"], speaker)]
    more = [step["state"]]
    if facts["deferred_because"]:
        more.append(speaker.word(say("Put off, because %(reason)s"), reason=why(facts["deferred_because"], speaker)))
    return "live", speaker.word(say("Step %(step)s due: %(channel)s, %(purpose)s"), **step), more


def _receipt(facts: Facts, speaker: Speaker) -> Told:
    return VERDICT_TONES[facts["verdict"]], verdict_line(facts, speaker), []


def _delivery(facts: Facts, speaker: Speaker) -> Told:
    tones = {"accepted": "good", "rejected": "bad", "unknown": "warn", "sending": "live"}
    channel = speaker.label_of(Channel, facts["channel"])
    message = say("Dial to %(to)s") if facts["channel"] == Channel.CALL else say("%(channel)s to %(to)s")
    more = [speaker.label_of(DeliveryState, facts["state"])]
    if facts["report"] != ReportStatus.NONE:
        more.append(speaker.label_of(ReportStatus, facts["report"]))
    if facts["parts"]:
        more.append(speaker.word(say("SMS parts: %(parts)s"), parts=facts["parts"]))
    more += [str(facts[name]) for name in ("code", "evidence") if facts[name]]
    return tones.get(facts["state"], ""), speaker.word(message, channel=channel, to=facts["to"]), more


def _report(facts: Facts, speaker: Speaker) -> Told:
    tone = {"delivered": "good", "completed": "good", "undelivered": "bad", "failed": "bad"}.get(facts["status"], "")
    what = speaker.word(say("Provider says: %(status)s"), status=speaker.label_of(ReportStatus, facts["status"]))
    return tone, what, [facts["code"] or ""]


def _click(facts: Facts, speaker: Speaker) -> Told:
    channel = speaker.label_of(Channel, facts["channel"])
    if facts["link"] == "unsubscribe":
        return "", speaker.word(say("Opened the unsubscribe page (%(channel)s)"), channel=channel), []
    more = []
    if facts["suspect"]:
        more.append(speaker.word(say("Left out: opened by a scanner, or too soon")))
    elif facts["confirmed_at"]:
        at = speaker.moment(facts["confirmed_at"])
        more.append(speaker.word(say("Confirmed by a visit to the site: %(at)s"), at=at))
    else:
        more.append(speaker.word(say("Not yet confirmed by a visit to the site")))
    return (
        ("good" if facts["confirmed_at"] else ""),
        speaker.word(say("Opened the link (%(channel)s)"), channel=channel),
        more,
    )


def _call(facts: Facts, speaker: Speaker) -> Told:
    more = []
    if facts["talk_s"]:
        more.append(speaker.word(say("Talked for %(time)s"), time=speaker.lasting(facts["talk_s"])))
    if facts["openings"]:
        more.append(speaker.word(say("Opening lines read: %(count)s of 4"), count=len(facts["openings"])))
    if facts["disposition"]:
        more.append(speaker.label_of(Disposition, facts["disposition"]))
    if facts["callback_at"]:
        more.append(speaker.word(say("Call back: %(at)s"), at=speaker.moment(facts["callback_at"])))
    tone = {"will_buy": "good", "refused": "bad"}.get(facts["disposition"] or "", "live")
    return tone, speaker.word(say("Call by %(user)s"), user=facts["user"] or "—"), more


def _stop(facts: Facts, speaker: Speaker) -> Told:
    if facts["effect"] == "reopen":
        return "", speaker.word(say("May be contacted again: %(to)s"), to=facts["to"]), []
    reason = speaker.label_of(StopReason, facts["reason"])
    return "bad", speaker.word(say("Stop: %(to)s must not be contacted"), to=facts["to"]), [reason]


def _reply(facts: Facts, speaker: Speaker) -> Told:
    return "live", speaker.word(say("Reply from %(sender)s"), sender=facts["from"]), []


def _order(facts: Facts, speaker: Speaker) -> Told:
    what = speaker.word(say("Ordered: %(value)s"), value=speaker.money(facts["value_minor"], facts["currency"]))
    more = [
        speaker.word(say("Order %(id)s"), id=facts["external_id"]),
        speaker.word(say("Said by: %(source)s"), source=speaker.label_of(OrderSource, facts["source"])),
    ]
    return "good", what, more


def _reversal(facts: Facts, speaker: Speaker) -> Told:
    value = speaker.money(facts["value_minor"], facts["currency"])
    what = speaker.word(say("Order reversed: %(value)s"), value=value)
    return "bad", what, [speaker.label_of(ReversalReason, facts["reason"])]


def _result(facts: Facts, speaker: Speaker) -> Told:
    fee = speaker.money(facts["fee_minor"], facts["currency"])
    message = (
        say("Result by a click: fee %(fee)s") if facts["basis"] == "click" else say("Result by a call: fee %(fee)s")
    )
    return "good", speaker.word(message, fee=fee), [speaker.label_of(ResultState, facts["state"])]


def _audit(facts: Facts, speaker: Speaker) -> Told:
    message = AUDIT.get(facts["action"])
    user = facts["user"] or "—"
    return "", speaker.word(message, user=user) if message else f"{user}: {facts['action']}", []


_TELLERS: Final[Mapping[str, Callable[[Facts, Speaker], Told]]] = {
    "event": _event,
    "abandoned": _abandoned,
    "lead": _lead,
    "lead_ended": _lead_ended,
    "consent": _consent,
    "touch": _touch,
    "receipt": _receipt,
    "delivery": _delivery,
    "report": _report,
    "click": _click,
    "call": _call,
    "stop": _stop,
    "reply": _reply,
    "order": _order,
    "reversal": _reversal,
    "result": _result,
    "audit": _audit,
}
