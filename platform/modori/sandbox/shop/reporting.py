"""The shop's server tells Modori about orders and cancellations, and does not give up at once."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from modori.sandbox.shop.orders import Order, Orders, Report
from modori.sandbox.tasks import Tasks

ATTEMPTS = 40
FIRST_WAIT_S = 0.5
LONGEST_WAIT_S = 15.0
TIMEOUT_S = 10.0


@dataclass
class Reporter:
    """Posts with the site's secret key. Tries for about nine minutes; a clear refusal ends it."""

    orders: Orders
    tasks: Tasks
    web_url: str
    secret_key: str
    _session: aiohttp.ClientSession | None = field(default=None, init=False)

    async def start(self) -> None:
        """Also goes on with whatever the last stop left unreported."""
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TIMEOUT_S))
        for order in self.orders.list_all():
            if order.report is Report.WAITING or (order.cancelled and order.cancel_report is Report.WAITING):
                self.tell(order)

    async def stop(self) -> None:
        if self._session is not None:
            await self._session.close()

    def tell(self, order: Order) -> None:
        """Report what is not yet reported of this order, in the background, the order before its reversal."""
        self.tasks.add(self._tell(order))

    async def _tell(self, order: Order) -> None:
        if order.report is Report.WAITING:
            report, answer = await self._post("/v1/orders", key=order.id, body=order.as_report())
            self.orders.change(order.id, report=report, answer=answer)
        if order.cancelled and order.cancel_report is Report.WAITING:
            report, answer = await self._post(
                f"/v1/orders/{order.id}/reversals",
                key=order.cancelled,
                body={"id": order.cancelled, "at": order.cancelled_at, "reason": "cancel"},
            )
            self.orders.change(order.id, cancel_report=report, cancel_answer=answer)

    async def _post(self, path: str, *, key: str, body: dict[str, Any]) -> tuple[Report, str]:
        wait_s = FIRST_WAIT_S
        answer = ""
        for attempt in range(ATTEMPTS):
            if attempt:
                await asyncio.sleep(wait_s)
                wait_s = min(wait_s * 2, LONGEST_WAIT_S)
            status, answer = await self._post_once(path, key=key, body=body)
            if 200 <= status < 300:
                return Report.TOLD, answer
            if 400 <= status < 500 and status not in (408, 425, 429):
                return Report.REFUSED, answer
        return Report.GIVEN_UP, answer

    async def _post_once(self, path: str, *, key: str, body: dict[str, Any]) -> tuple[int, str]:
        assert self._session is not None
        headers = {"Authorization": f"Bearer {self.secret_key}", "Idempotency-Key": key}
        try:
            async with self._session.post(self.web_url + path, json=body, headers=headers) as answer:
                text = await answer.text()
                return answer.status, f"{answer.status} {text[:300]}"
        except (aiohttp.ClientError, TimeoutError) as failure:
            return 0, f"{type(failure).__name__}"
