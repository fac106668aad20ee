"""Say what an event told, in one line and without a personal value: for the engineer's list of events."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import UUID

from modori.capture.rules import ProofVerdict
from modori.console.labels import LABELS
from modori.console.site_words import MARKS, PROOFS, TOKENS, TYPES
from modori.console.speaker import Speaker
from modori.console.words import say
from modori.people.model import Channel
from modori.reports.sites.queries import EventRow

SHORT_VISITOR: Final = 6
"""The last characters of a visitor's random id: enough to follow one browser through the list."""
CAPTURE: Final = "capture"


@dataclass(frozen=True, slots=True)
class EventLine:
    """One event of the list. page: its path; mark: what nobody's act it is, in words."""

    event_id: UUID
    received_at: datetime
    type: str
    page: str
    told: str
    tone: str
    mark: str | None
    visitor: str
    late_s: int


def tell_events(rows: Sequence[EventRow], speaker: Speaker) -> list[EventLine]:
    """Tell a list of events."""
    return [tell_event(row, speaker) for row in rows]


def tell_event(row: EventRow, speaker: Speaker) -> EventLine:
    """Tell one event."""
    told, tone = _told(row.type, row.body, speaker)
    return EventLine(
        event_id=row.event_id,
        received_at=row.received_at,
        type=speaker.word(TYPES[row.type]) if row.type in TYPES else row.type,
        page=(urlsplit(row.page_url).path or "/") if row.page_url else "",
        told=told,
        tone=tone,
        mark=None if row.mark is None else speaker.word(MARKS.get(row.mark, row.mark)),
        visitor=(row.visitor or "")[-SHORT_VISITOR:],
        late_s=max(0, round((row.received_at - row.at).total_seconds())),
    )


def field_name(token: str, speaker: Speaker) -> str:
    """Name a field by its token; one that we have no word for is shown as it is."""
    return speaker.word(TOKENS[token]) if token in TOKENS else token


def _told(kind: str, body: Mapping[str, Any], speaker: Speaker) -> tuple[str, str]:
    match kind:
        case "page":
            return _page(body, speaker)
        case "cart":
            return _cart(body, speaker)
        case "form":
            return _form(body, speaker)
        case "identify":
            return _identify(body, speaker)
        case "consent":
            return _consent(body, speaker)
        case "order":
            amount = speaker.money(body.get("value_minor"), body.get("currency"))
            return speaker.word(say("Order %(id)s, %(amount)s"), id=body.get("id"), amount=amount), "good"
    return "", ""


def _page(body: Mapping[str, Any], speaker: Speaker) -> tuple[str, str]:
    health = body.get("health") or {}
    said = [speaker.word(KINDS[body["kind"]])] if body.get("kind") in KINDS else []
    tone = ""
    for name, words in _HEALTH.items():
        if (health.get(name) or 0) >= _WORTH_SAYING.get(name, 1):
            said.append(speaker.word(words, count=health[name]))
            tone = "warn" if name != "queued" else tone
    return _joined(said, speaker), tone


KINDS: Final[Mapping[str, str]] = {
    "product": say("Product page"),
    "cart": say("Cart page"),
    "checkout": say("Checkout page"),
    "thanks": say("Thank-you page"),
}
_HEALTH: Final[Mapping[str, str]] = {
    "errors": say("errors: %(count)s"),
    "dropped": say("given up: %(count)s"),
    "queued": say("waiting: %(count)s"),
}
_WORTH_SAYING: Final[Mapping[str, int]] = {"queued": 10}
"""Some events always wait for a second, this page's own among them."""


def _cart(body: Mapping[str, Any], speaker: Speaker) -> tuple[str, str]:
    items = body.get("items") or []
    if not items:
        return speaker.word(say("Emptied")), ""
    amount = speaker.money(body.get("value_minor"), body.get("currency"))
    said = speaker.word(say("Lines: %(lines)s, total %(amount)s"), lines=len(items), amount=amount)
    return (said, "") if body.get("value_minor") else (speaker.word(say("%(said)s, no price"), said=said), "warn")


def _form(body: Mapping[str, Any], speaker: Speaker) -> tuple[str, str]:
    fields: Mapping[str, Any] = body.get("fields") or {}
    wrong = [name for name, kept in fields.items() if isinstance(kept, Mapping) and "problem" in kept]
    said = [speaker.word(say("“%(form)s”"), form=body.get("form", ""))]
    if fields:
        said.append(_names(list(fields), speaker))
    if body.get("last_field"):
        said.append(speaker.word(say("last: %(field)s"), field=field_name(body["last_field"], speaker)))
    if body.get("progress") is not None:
        said.append(f"{round(100 * body['progress'])}%")
    if wrong:
        said.append(speaker.word(say("not whole yet: %(fields)s"), fields=_names(wrong, speaker)))
    if body.get("submitted"):
        said.append(speaker.word(say("submitted")))
    return _joined(said, speaker), "good" if body.get("submitted") else ""


def _identify(body: Mapping[str, Any], speaker: Speaker) -> tuple[str, str]:
    """Say who was told of, and what the shop server's signature is worth, if there is one (docs/signed-mode.md)."""
    named = [token for token in body if token in TOKENS]
    said = [speaker.word(say("Said who it is: %(fields)s"), fields=_names(named, speaker))]
    verdict = str((body.get("proof") or {}).get("verdict", ""))
    if verdict in PROOFS:
        said.append(speaker.word(PROOFS[verdict]))
    return _joined(said, speaker), "good" if verdict in ("", ProofVerdict.VALID) else "warn"


def _consent(body: Mapping[str, Any], speaker: Speaker) -> tuple[str, str]:
    channel, granted = str(body.get("channel")), bool(body.get("granted"))
    if channel == CAPTURE:
        said = speaker.word(say("Permits capture") if granted else say("No thanks: capture ends"))
        return said, "good" if granted else "bad"
    name = speaker.word(LABELS[Channel][channel]) if channel in LABELS[Channel] else channel
    words = say("Consents to %(channel)s") if granted else say("Refuses %(channel)s")
    return speaker.word(words, channel=name), "good" if granted else "bad"


def _names(tokens: Sequence[str], speaker: Speaker) -> str:
    known = [token for token in TOKENS if token in tokens]
    others = [token for token in tokens if token not in TOKENS]
    return _joined([field_name(token, speaker) for token in (*known, *others)], speaker, short=True)


def _joined(parts: Sequence[str], speaker: Speaker, *, short: bool = False) -> str:
    if speaker.locale == "ja":
        return ("・" if short else "、").join(parts)
    return ", ".join(parts)
