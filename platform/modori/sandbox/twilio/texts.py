"""Text messages after they were accepted: their way to the phone, status callbacks, and replies."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass

from modori.sandbox.faults import Channel, FaultPlan, Mode
from modori.sandbox.tasks import Tasks
from modori.sandbox.twilio.callbacks import Webhooks
from modori.sandbox.world import FINAL_SMS_STATES, Sms, World, new_sid, now_text

STEP_S = 0.15
"""Seconds between two states of a message."""


@dataclass(frozen=True)
class Carrier:
    """Moves messages along: queued → sent → delivered, or what the receiving phone is told to do."""

    world: World
    faults: FaultPlan
    webhooks: Webhooks
    tasks: Tasks
    account_sid: str
    default_sms_url: str

    def take(self, text: Sms) -> None:
        """Carry a message that the API has accepted."""
        self.tasks.add(self._carry(text, _states(self.world.phone(text.to).sms_outcome)))

    def resume(self) -> None:
        """Carry on with what a stop of this process left between two states; the last is reported again."""
        for text in self.world.list_sms():
            if not text.inbound and text.status not in FINAL_SMS_STATES:
                states = _states(self.world.phone(text.to).sms_outcome)
                done = states.index(text.status) if text.status in states else 0
                self.tasks.add(self._carry(text, states[done:]))

    async def reply(self, *, sender: str, to: str, body: str) -> int:
        """The consumer answers. Posts the signed inbound webhook; returns its HTTP status, 0 for no answer."""
        text = Sms(
            sid=new_sid("SM"), to=to, sender=sender, body=body, created_at=now_text(), inbound=True,
            status="received",
        )  # fmt: skip
        self.world.add_reply(text)
        status, _ = await self.webhooks.post(
            self.world.phone(to).sms_url or self.default_sms_url,
            {
                "ToCountry": "JP",
                "SmsMessageSid": text.sid,
                "NumMedia": "0",
                "SmsSid": text.sid,
                "SmsStatus": "received",
                "Body": body,
                "FromCountry": "JP",
                "To": to,
                "NumSegments": str(count_segments(body)),
                "MessageSid": text.sid,
                "AccountSid": self.account_sid,
                "From": sender,
                "ApiVersion": "2010-04-01",
            },
        )
        return status

    async def _carry(self, text: Sms, states: list[str]) -> None:
        posts = [_status_form(text, state, self._error_code(text, state), self.account_sid) for state in states]
        if self.faults.draw_callback(Channel.SMS, Mode.SHUFFLE_CALLBACKS):
            posts = _shuffled(posts, seed=text.sid)
        for state, form in zip(states, posts, strict=True):
            await asyncio.sleep(STEP_S)
            self.world.change_sms(
                text.sid,
                status=state,
                error_code=self._error_code(text, state),
                **({"sent_at": now_text()} if state == "sent" else {}),
            )
            if text.status_callback:
                await self._post(text.status_callback, form)

    async def _post(self, url: str, form: dict[str, str]) -> None:
        if self.faults.draw_callback(Channel.SMS, Mode.DROP_CALLBACKS):
            return
        await self.webhooks.post(url, form)
        if self.faults.draw_callback(Channel.SMS, Mode.DUPLICATE_CALLBACKS):
            await self.webhooks.post(url, form)

    def _error_code(self, text: Sms, state: str) -> int | None:
        return self.world.phone(text.to).error_code if state in ("undelivered", "failed") else None


def count_segments(body: str) -> int:
    """Parts that the text is billed as: 160 or 153 ASCII characters, else 70 or 67 UTF-16 units each."""
    if body.isascii():
        return 1 if len(body) <= 160 else -(-len(body) // 153)
    units = len(body.encode("utf-16-le")) // 2
    return 1 if units <= 70 else -(-units // 67)


def _states(outcome: str) -> list[str]:
    if outcome == "none":
        return ["queued", "sent"]
    return ["queued", "sent", outcome]


def _shuffled(posts: list[dict[str, str]], *, seed: str) -> list[dict[str, str]]:
    """Another order, never the true one."""
    shuffled = random.Random(seed).sample(posts, len(posts))
    return shuffled if shuffled != posts else posts[::-1]


def _status_form(text: Sms, state: str, error_code: int | None, account_sid: str) -> dict[str, str]:
    form = {
        "SmsSid": text.sid,
        "SmsStatus": state,
        "MessageStatus": state,
        "To": text.to,
        "MessageSid": text.sid,
        "AccountSid": account_sid,
        "From": text.sender,
        "ApiVersion": "2010-04-01",
    }
    if text.messaging_service_sid:
        form["MessagingServiceSid"] = text.messaging_service_sid
    if error_code is not None:
        form["ErrorCode"] = str(error_code)
    return form
