"""Tell the proof that a result copied: notice → consent → lead → touches → click or call → order → contract."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from modori.console import formats
from modori.console.explain import why
from modori.console.speaker import Speaker
from modori.console.words import say
from modori.leads.model import Arm
from modori.outcomes.model import OrderSource
from modori.people.model import Channel, EvidenceSource
from modori.sending.model import DeliveryState, ReportStatus, TouchState
from modori.tenants.model import CaptureMode


@dataclass(frozen=True, slots=True)
class ProofLink:
    """One link of the chain: lines that people read, and ids and hashes that they can compare."""

    title: str
    lines: Sequence[str]
    marks: Sequence[str]


def tell_proof(proof: Mapping[str, Any], speaker: Speaker) -> list[ProofLink]:
    """Put a result's proof into words, in the order in which it happened."""
    touches = [_touch(one, speaker) for one in proof["touches"]]
    return [
        _notice(proof, speaker),
        _consents(proof["consents"], speaker),
        _lead(proof, speaker),
        *touches,
        _basis(proof["basis"], speaker),
        _order(proof["order"], speaker),
        _contract(proof["contract"], speaker),
    ]


def _notice(proof: Mapping[str, Any], speaker: Speaker) -> ProofLink:
    notice, episode = proof["notice"], proof["episode"]
    lines = [
        speaker.word(say("Capture: %(mode)s"), mode=speaker.label_of(CaptureMode, notice["capture_mode"])),
        speaker.word(say("The try began: %(at)s"), at=speaker.moment(episode["started_at"])),
        speaker.word(say("Left: %(at)s"), at=speaker.moment(episode["abandoned_at"])),
    ]
    if notice.get("in_force_from_at"):  # a proof of the first shape names the notice of the order's day
        lines.insert(1, speaker.word(say("This text since: %(at)s"), at=speaker.moment(notice["in_force_from_at"])))
    return ProofLink(speaker.word(say("Notice")), lines, [_hash(notice["text_sha256"])])


def _consents(consents: Sequence[Mapping[str, Any]], speaker: Speaker) -> ProofLink:
    lines = []
    for one in consents:
        message = (
            say("%(channel)s: given %(at)s (%(source)s)")
            if one["granted"]
            else say("%(channel)s: refused %(at)s (%(source)s)")
        )
        lines.append(
            speaker.word(
                message,
                channel=speaker.label_of(Channel, one["channel"]),
                at=speaker.moment(one["given_at"]),
                source=speaker.label_of(EvidenceSource, one["source"]),
            )
        )
    if not lines:
        lines = [speaker.word(say("No consent was asked: the contact was a call under the notice"))]
    return ProofLink(speaker.word(say("Consent")), lines, [_hash(one["text_sha256"]) for one in consents])


def _lead(proof: Mapping[str, Any], speaker: Speaker) -> ProofLink:
    lead = proof["lead"]
    lines = [
        speaker.word(say("Made: %(at)s"), at=speaker.moment(lead["made_at"])),
        speaker.word(
            say("Drawn into: %(arm)s (%(pct)s%% are held out)"),
            arm=speaker.label_of(Arm, lead["arm"]),
            pct=lead["holdout_pct"],
        ),
    ]
    return ProofLink(speaker.word(say("Lead")), lines, [lead["id"]])


def _touch(touch: Mapping[str, Any], speaker: Speaker) -> ProofLink:
    channel = speaker.label_of(Channel, touch["channel"])
    lines = [speaker.label_of(TouchState, touch["state"])]
    for receipt in touch["receipts"]:
        answer = {"allow": say("allowed"), "deny": say("not allowed"), "defer": say("put off")}[receipt["verdict"]]
        reason = f": {why(receipt['reason'], speaker)}" if receipt["reason"] else ""
        lines.append(
            speaker.word(
                say("Gate, %(at)s: %(answer)s%(reason)s"),
                at=speaker.moment(receipt["judged_at"]),
                answer=speaker.word(answer),
                reason=reason,
            )
        )
    marks = [touch["id"]]
    for delivery in touch["deliveries"]:
        state = speaker.label_of(DeliveryState, delivery["state"])
        if delivery["report"] not in (None, ReportStatus.NONE):
            state = f"{state} · {speaker.label_of(ReportStatus, delivery['report'])}"
        lines.append(speaker.word(say("Begun %(at)s: %(state)s"), at=speaker.moment(delivery["begun_at"]), state=state))
        marks += [delivery["provider_ref"] or "", _hash(delivery["content_sha256"])]
    title = speaker.word(say("Step %(step)s: %(channel)s"), step=touch["step"], channel=channel)
    return ProofLink(title, lines, [one for one in marks if one])


def _basis(basis: Mapping[str, Any], speaker: Speaker) -> ProofLink:
    at = speaker.moment(basis["at"])
    if basis["kind"] == "click":
        lines = [
            speaker.word(
                say("Link in %(channel)s opened: %(at)s"), channel=speaker.label_of(Channel, basis["channel"]), at=at
            ),
            speaker.word(say("Confirmed by a visit to the site: %(at)s"), at=speaker.moment(basis["confirmed_at"])),
        ]
        return ProofLink(speaker.word(say("Click")), lines, [basis["id"], basis["confirmed_by"] or ""])
    lines = [
        speaker.word(say("Talked from %(at)s"), at=speaker.moment(basis["bridged_at"])),
        speaker.word(say("Talked for %(time)s"), time=speaker.lasting(basis["talk_s"] or 0)),
        speaker.word(say("Opening lines read: %(count)s of 4"), count=len(basis["openings"])),
    ]
    return ProofLink(speaker.word(say("Call")), lines, [basis["id"]])


def _order(order: Mapping[str, Any], speaker: Speaker) -> ProofLink:
    lines = [
        speaker.word(
            say("Order %(id)s, %(value)s, placed %(at)s"),
            id=order["external_id"],
            value=speaker.money(order["value_minor"], order["currency"]),
            at=speaker.moment(order["placed_at"]),
        ),
        speaker.word(say("Said by: %(source)s"), source=speaker.label_of(OrderSource, order["source"])),
        speaker.word(say("Proven: %(at)s"), at=speaker.moment(order["proven_at"])),
    ]
    if order.get("vouched_by"):  # proofs of the first two shapes do not say
        lines.append(speaker.word(say("Who uploaded or approved the file may not approve this result.")))
    return ProofLink(speaker.word(say("Order")), lines, [order["id"], _hash(order["said_sha256"])])


def _contract(contract: Mapping[str, Any], speaker: Speaker) -> ProofLink:
    lines = [
        speaker.word(
            say("Version %(number)s, in force from %(at)s"),
            number=contract["number"],
            at=speaker.moment(contract["valid_from_at"]),
        ),
        speaker.word(say("Last click or call within %(time)s"), time=speaker.lasting(contract["window_s"])),
        speaker.word(
            say("Fee: %(share)s of the order"), share=formats.percent(contract["fee_bp"], locale=speaker.locale)
        ),
    ]
    return ProofLink(speaker.word(say("Contract")), lines, [contract["id"]])


def _hash(hexadecimal: str | None) -> str:
    return f"SHA-256 {hexadecimal}" if hexadecimal else ""
