"""Read the part of TwiML that a bridged call needs."""

from __future__ import annotations

from dataclasses import dataclass
from xml.etree import ElementTree


class BadTwiml(ValueError):
    """The document is not TwiML, or uses a verb that this world does not know."""


@dataclass(frozen=True)
class Say:
    text: str


@dataclass(frozen=True)
class Pause:
    length_s: int


@dataclass(frozen=True)
class Dial:
    """`events` are those of the Number's status callback; `url` is TwiML for the called party alone."""

    number: str
    timeout_s: int
    caller_id: str
    action: str
    time_limit_s: int | None
    status_callback: str
    events: tuple[str, ...]
    url: str


@dataclass(frozen=True)
class Redirect:
    url: str


@dataclass(frozen=True)
class Hangup:
    pass


Verb = Say | Pause | Dial | Redirect | Hangup


def parse_twiml(document: str) -> list[Verb]:
    """Raises BadTwiml. An empty Response is a call that ends at once."""
    try:
        root = ElementTree.fromstring(document.strip())
    except ElementTree.ParseError as wrong:
        raise BadTwiml(f"not XML: {wrong}") from wrong
    if root.tag != "Response":
        raise BadTwiml(f"the root is {root.tag}, not Response")
    return [_verb(element) for element in root]


def _verb(element: ElementTree.Element) -> Verb:
    match element.tag:
        case "Say":
            return Say("".join(element.itertext()).strip())
        case "Pause":
            return Pause(int(element.get("length", "1")))
        case "Play":
            return Say(f"♪ {(element.text or '').strip()}")
        case "Dial":
            return _dial(element)
        case "Redirect":
            return Redirect((element.text or "").strip())
        case "Hangup" | "Reject":
            return Hangup()
        case other:
            raise BadTwiml(f"<{other}> is not known here")


def _dial(element: ElementTree.Element) -> Dial:
    number = element.find("Number")
    leg = number if number is not None else element
    limit = element.get("timeLimit")
    return Dial(
        number=(leg.text or "").strip(),
        timeout_s=int(element.get("timeout", "30")),
        caller_id=element.get("callerId", ""),
        action=element.get("action", ""),
        time_limit_s=int(limit) if limit else None,
        status_callback=leg.get("statusCallback", ""),
        events=tuple(leg.get("statusCallbackEvent", "completed").split()),
        url=leg.get("url", "") if leg is number else "",
    )
