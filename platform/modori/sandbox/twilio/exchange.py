"""The telephone exchange: rings phones, fetches TwiML and does what it says."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import urljoin

from modori.sandbox.faults import FaultPlan
from modori.sandbox.tasks import Tasks
from modori.sandbox.twilio.callbacks import Webhooks
from modori.sandbox.twilio.lines import Line, first_of
from modori.sandbox.twilio.twiml import BadTwiml, Dial, Hangup, Pause, Redirect, Say, Verb, parse_twiml
from modori.sandbox.world import Call, World, delivery_id_in, new_sid, now_text

OPERATOR_ANSWERS_S = 0.3
CUSTOMER_ANSWERS_S = 0.5
TALK_S = 5.0
MAX_DOCUMENTS = 20
"""A call that redirects more often than this is ended."""


class CallFailed(Exception):
    """The call cannot go on: its TwiML could not be had or not be read."""


@dataclass
class Exchange:
    world: World
    faults: FaultPlan
    webhooks: Webhooks
    tasks: Tasks
    account_sid: str
    _lines: dict[str, Line] = field(default_factory=dict)

    def take(self, call: Call, *, url: str, twiml: str, timeout_s: float) -> None:
        """Carry out a call that the API has accepted."""
        self.tasks.add(self._connect(self._open(call), url=url, twiml=twiml, timeout_s=timeout_s))

    def resume(self) -> None:
        """Calls do not survive a stop of the exchange: those that it left open have failed."""
        for call in self.world.list_calls():
            if not call.is_over:
                self._open(call).end("failed", problem="the exchange was restarted")

    def hang_up(self, sid: str) -> bool:
        """Somebody on this leg hangs up, or gives up ringing. False if there is no such leg now."""
        if line := self._lines.get(sid):
            line.hung_up.set()
        return line is not None

    def press(self, sid: str, *, accept: bool) -> bool:
        """Answer or decline a phone that rings. False if there is no such leg now."""
        if line := self._lines.get(sid):
            (line.picked_up if accept else line.declined).set()
        return line is not None

    def _open(self, call: Call) -> Line:
        line = Line(
            call,
            world=self.world,
            faults=self.faults,
            webhooks=self.webhooks,
            tasks=self.tasks,
            account_sid=self.account_sid,
        )
        self._lines[call.sid] = line
        return line

    async def _connect(self, line: Line, *, url: str, twiml: str, timeout_s: float) -> None:
        line.tell("initiated")
        outcome = await line.ring(timeout_s=timeout_s, habit_s=OPERATOR_ANSWERS_S)
        if outcome != "answered":
            line.end(outcome)
        else:
            line.start()
            try:
                document = twiml or await self._fetch(line, url, {})
                await self._obey(line, parse_twiml(document), base=url)
                line.end("completed")
            except (CallFailed, BadTwiml) as problem:
                line.say("An application error has occurred. Goodbye.")
                line.end("completed", problem=str(problem))
        self._lines.pop(line.sid, None)

    async def _obey(self, line: Line, verbs: list[Verb], *, base: str) -> None:
        """Do one verb after the other until the call is hung up or nothing is left to do."""
        for _ in range(MAX_DOCUMENTS):
            following = await self._obey_one_document(line, verbs, base=base)
            if following is None:
                return
            base, form = following
            verbs = parse_twiml(await self._fetch(line, base, form))
        raise CallFailed(f"more than {MAX_DOCUMENTS} documents")

    async def _obey_one_document(
        self, line: Line, verbs: list[Verb], *, base: str
    ) -> tuple[str, dict[str, str]] | None:
        """Returns the document to go on with and the fields to ask for it with; None ends the call."""
        for verb in verbs:
            if line.hung_up.is_set():
                return None
            match verb:
                case Say(text):
                    line.say(text)
                    await first_of(line.hung_up, timeout_s=0.2)
                case Pause(length_s):
                    await first_of(line.hung_up, timeout_s=min(length_s, 10))
                case Redirect(url):
                    return urljoin(base, url), {}
                case Hangup():
                    return None
                case Dial():
                    leg = await self._dial(line, verb, base=base)
                    if verb.action:
                        return urljoin(base, verb.action), _dial_fields(leg)
        return None

    async def _dial(self, line: Line, dial: Dial, *, base: str) -> Call:
        """Ring the other party, let them talk, and return that leg in its final state."""
        callback = urljoin(base, dial.status_callback) if dial.status_callback else ""
        leg = Call(
            sid=new_sid("CA"),
            parent_sid=line.sid,
            to=dial.number,
            sender=dial.caller_id or line.call.sender,
            created_at=now_text(),
            status_callback=callback,
            status_callback_events=dial.events,
            delivery_id=line.call.delivery_id or (delivery_id_in(callback) if callback else None),
        )
        self.world.ring(leg)
        other = self._open(leg)
        other.tell("initiated")
        watch = self.tasks.add(_hang_up_together(line, other))
        outcome = "failed"
        try:
            outcome = await other.ring(timeout_s=dial.timeout_s, habit_s=CUSTOMER_ANSWERS_S)
            if outcome == "answered":
                outcome = "completed"
                other.start()
                await self._whisper(other, dial, base=base)
                await first_of(other.hung_up, timeout_s=self._talk_s(leg.to, dial))
        finally:
            other.end(outcome)
            watch.cancel()
            self._lines.pop(leg.sid, None)
        return other.call

    def _talk_s(self, number: str, dial: Dial) -> float:
        phone = self.world.phone(number)
        talk_s = TALK_S if phone.talk_s is None else phone.talk_s
        return min(talk_s, dial.time_limit_s or talk_s)

    async def _whisper(self, other: Line, dial: Dial, *, base: str) -> None:
        """What the called party alone hears before being connected."""
        if not dial.url:
            return
        for verb in parse_twiml(await self._fetch(other, urljoin(base, dial.url), {})):
            match verb:
                case Say(text):
                    other.say(text)
                case Hangup():
                    other.hung_up.set()
                case _:
                    continue

    async def _fetch(self, line: Line, url: str, form: dict[str, str]) -> str:
        status, document = await self.webhooks.post(url, line.form(status=line.call.status) | form)
        if not 200 <= status < 300:
            raise CallFailed(f"{url} answered {status or 'nothing'}")
        return document


async def _hang_up_together(line: Line, other: Line) -> None:
    """When the first leg goes, the second goes with it."""
    await line.hung_up.wait()
    other.hung_up.set()


def _dial_fields(leg: Call) -> dict[str, str]:
    fields = {"DialCallSid": leg.sid, "DialCallStatus": leg.status, "DialBridged": "false"}
    if leg.duration_s is not None:
        fields |= {"DialCallDuration": str(leg.duration_s), "DialBridged": "true"}
    return fields
