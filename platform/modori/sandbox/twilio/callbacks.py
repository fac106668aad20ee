"""Posts to webhooks, signed as Twilio signs them."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping
from typing import Any

import aiohttp
from twilio.request_validator import RequestValidator

from modori.sandbox.world import now_text

ATTEMPTS = 4
TIMEOUT_S = 10.0


class Webhooks:
    """Signs and posts forms. A web server that is just starting again is tried four times within seven seconds."""

    def __init__(self, *, auth_token: str) -> None:
        self._validator = RequestValidator(auth_token)
        self._session: aiohttp.ClientSession | None = None
        self.recent: deque[dict[str, Any]] = deque(maxlen=300)
        """The last posts and how they were answered, for whoever wonders where a callback went."""

    async def start(self) -> None:
        self._session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=TIMEOUT_S), cookie_jar=aiohttp.DummyCookieJar()
        )

    async def stop(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def post(self, url: str, form: Mapping[str, str]) -> tuple[int, str]:
        """Post once it can be reached. Returns status and body; status 0 where nobody answered."""
        signature = self._validator.compute_signature(url, dict(form))
        status, body = 0, ""
        for attempt in range(ATTEMPTS):
            status, body = await self._post_once(url, form, signature)
            if status:
                break
            if attempt + 1 < ATTEMPTS:
                await asyncio.sleep(2**attempt)
        self.recent.append({"at": now_text(), "url": url, "form": dict(form), "status": status})
        return status, body

    async def _post_once(self, url: str, form: Mapping[str, str], signature: str) -> tuple[int, str]:
        assert self._session is not None
        headers = {"X-Twilio-Signature": signature, "User-Agent": "TwilioProxy/1.1"}
        try:
            async with self._session.post(url, data=form, headers=headers, allow_redirects=False) as answer:
                return answer.status, await answer.text()
        except (aiohttp.ClientError, TimeoutError, ValueError):
            return 0, ""
