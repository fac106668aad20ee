"""One leg of a call: what can happen to it, and whom it tells."""

from __future__ import annotations

import asyncio
import math
import random
from datetime import UTC, datetime
from email.utils import format_datetime

from modori.sandbox.faults import Channel, FaultPlan, Mode
from modori.sandbox.tasks import Tasks
from modori.sandbox.twilio.callbacks import Webhooks
from modori.sandbox.world import Call, World, now_text

_STATUS_OF_EVENT = {"initiated": "initiated", "ringing": "ringing", "answered": "in-progress"}


class Line:
    """A leg while it lasts. Its callbacks go out one after another, unless a fault shuffles them."""

    def __init__(
        self, call: Call, *, world: World, faults: FaultPlan, webhooks: Webhooks, tasks: Tasks, account_sid: str
    ) -> None:
        self.sid = call.sid
        self.hung_up = asyncio.Event()
        self.picked_up = asyncio.Event()
        self.declined = asyncio.Event()
        self._world = world
        self._faults = faults
        self._webhooks = webhooks
        self._tasks = tasks
        self._account_sid = account_sid
        self._sequence = 0
        self._last_post: asyncio.Task[None] | None = None
        self._shuffles = faults.draw_callback(Channel.CALL, Mode.SHUFFLE_CALLBACKS)
        self._dice = random.Random(call.sid)

    @property
    def call(self) -> Call:
        call = self._world.find_call(self.sid)
        assert call is not None, "a leg was forgotten while it lasted"
        return call

    async def ring(self, *, timeout_s: float, habit_s: float) -> str:
        """Ring until something happens: answered, busy, no-answer or canceled."""
        self._world.change_call(self.sid, status="ringing")
        self.tell("ringing")
        phone = self._world.phone(self.call.to)
        wait_s = habit_s if phone.answer_s is None else phone.answer_s
        match phone.answer:
            case "busy":
                return await self._wait(0.1, otherwise="busy")
            case "no-answer":
                return await self._wait(min(timeout_s, wait_s + 1.0), otherwise="no-answer")
            case "ask":
                return await self._wait(timeout_s, otherwise="no-answer")
            case _:
                late = wait_s > timeout_s
                return await self._wait(min(wait_s, timeout_s), otherwise="no-answer" if late else "answered")

    def start(self) -> None:
        self._world.change_call(self.sid, status="in-progress", started_at=now_text())
        self.tell("answered")

    def end(self, status: str, *, problem: str | None = None) -> None:
        """Reach a final state, once."""
        call = self.call
        if call.is_over:
            return
        duration_s = seconds_since(call.started_at) if call.started_at else None
        self._world.change_call(self.sid, status=status, ended_at=now_text(), duration_s=duration_s, problem=problem)
        self.hung_up.set()
        self.tell("completed")

    def say(self, text: str) -> None:
        self._world.change_call(self.sid, said=[*self.call.said, text])

    def tell(self, event: str) -> None:
        """Post a status callback, where one was asked for."""
        call = self.call
        if not call.status_callback or event not in call.status_callback_events:
            return
        form = self.form(status=_STATUS_OF_EVENT.get(event, call.status)) | {
            "Timestamp": format_datetime(datetime.now(UTC)),
            "SequenceNumber": str(self._sequence),
            "CallbackSource": "call-progress-events",
        }
        self._sequence += 1
        if event == "completed":
            seconds = call.duration_s or 0
            form |= {"CallDuration": str(seconds), "Duration": str(math.ceil(seconds / 60))}
        if self._shuffles:
            self._tasks.add(self._post(None, call.status_callback, form, self._dice.uniform(0, 1.5)))
        else:
            self._last_post = self._tasks.add(self._post(self._last_post, call.status_callback, form, 0))

    def form(self, *, status: str) -> dict[str, str]:
        """The fields that every request about this leg carries."""
        call = self.call
        fields = {
            "AccountSid": self._account_sid,
            "ApiVersion": "2010-04-01",
            "CallSid": call.sid,
            "CallStatus": status,
            "Called": call.to,
            "Caller": call.sender,
            "Direction": "outbound-dial" if call.parent_sid else "outbound-api",
            "From": call.sender,
            "To": call.to,
        }
        return fields | ({"ParentCallSid": call.parent_sid} if call.parent_sid else {})

    async def _wait(self, seconds: float, *, otherwise: str) -> str:
        """Wait for a button or for the time to pass, and say which it was."""
        buttons = {"answered": self.picked_up, "busy": self.declined, "canceled": self.hung_up}
        pressed = await first_of(*buttons.values(), timeout_s=seconds)
        return next((name for name, button in buttons.items() if button is pressed), otherwise)

    async def _post(self, before: asyncio.Task[None] | None, url: str, form: dict[str, str], delay_s: float) -> None:
        if before is not None:
            await asyncio.wait([before])
        await asyncio.sleep(delay_s)
        if self._faults.draw_callback(Channel.CALL, Mode.DROP_CALLBACKS):
            return
        await self._webhooks.post(url, form)
        if self._faults.draw_callback(Channel.CALL, Mode.DUPLICATE_CALLBACKS):
            await self._webhooks.post(url, form)


async def first_of(*events: asyncio.Event, timeout_s: float) -> asyncio.Event | None:
    """Wait until one of the events is set; None if the time passes first."""
    waiting = {asyncio.ensure_future(event.wait()): event for event in events}
    try:
        done, _ = await asyncio.wait(waiting, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for waiter in waiting:
            waiter.cancel()
    return next((event for waiter, event in waiting.items() if waiter in done), None)


def seconds_since(started_at: str) -> int:
    """Whole seconds as Twilio bills them: rounded up, one at least."""
    passed = datetime.now(UTC) - datetime.fromisoformat(started_at)
    return max(1, math.ceil(passed.total_seconds()))
