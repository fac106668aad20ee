"""From an admitted request to its events on disk: read them, keep what may be kept, say what came of it (G1)."""

import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

from modori.api import counts, taking
from modori.api.admission import Asked, network_of
from modori.api.flusher import Flusher, GoAlone
from modori.capture.batch.visits import Posted, may_share
from modori.capture.context import SiteContext
from modori.capture.reading import Reading, Refusal, read_event
from modori.capture.rules import CartSeen, PageSeen, ReadEvent
from modori.capture.wire import Envelope
from modori.storage import crypto
from modori.tenants.model import CaptureMode

MOST_READ_IN_LOOP: Final = 20
"""Events of one request: more are read by a thread, so that they do not hold up the event loop."""

InThread = Callable[[Callable[[], Any]], Awaitable[Any]]
"""Has one of a bounded number of threads do some work, and returns what came of it."""


class Keeper:
    """Keeps the events of requests: a browser's pages, carts and forms with those of others, all else apart.

    note  counts a refusal for the page of the site: (site, code)
    """

    def __init__(self, in_thread: InThread, note: Callable[[SiteContext, str, Asked], None]) -> None:
        self._in_thread, self._note = in_thread, note
        self._flusher = Flusher()

    async def keep(self, asked: Asked, site: SiteContext, envelope: Envelope) -> bytes:
        """Read the events, keep what may be kept, and say what came of it once it is on disk."""
        reading = Reading(
            origins=site.origins,
            picture_origins=site.picture_origins,
            country=site.country,
            is_server=site.is_secret,
            capture_off=site.capture_mode is CaptureMode.OFF,
            sent_at=envelope.sent_at,
            received_at=asked.received_at,
            sdk=envelope.sdk,
            mark=asked.mark,
            secrets=site.signing_secrets,
            is_plain=b"\\u" not in asked.body,
        )
        if site.is_secret or len(envelope.events) > MOST_READ_IN_LOOP:
            read = await self._in_thread(lambda: [read_event(raw, reading) for raw in envelope.events])
        else:
            read = [read_event(raw, reading) for raw in envelope.events]
        events = tuple(one for one in read if isinstance(one, ReadEvent))
        refused = [one for one in read if isinstance(one, Refusal)] if len(events) < len(read) else ()
        ip_index = None
        if not site.is_secret and any(not isinstance(one.seen, PageSeen | CartSeen) for one in events):
            ip_index = crypto.blind_index(site.tenant_id, "ip", network_of(asked.client_ip))
        posted = Posted(site, events, asked.received_at, ip_index)
        has_leak = any(one.leak is not None for one in refused)
        if may_share(posted) and not has_leak:  # a leak is counted in the request's own transaction
            try:
                if events:
                    await self._flusher.keep(posted)
                return self._told(len(events), refused, site, asked)
            except GoAlone:
                counts.APART.inc()
        taken = await self._in_thread(lambda: taking.take(site, read, received_at=asked.received_at, ip_index=ip_index))
        return self._told(taken.accepted, taken.refused, site, asked)

    def _told(self, accepted: int, refused: Sequence[Refusal], site: SiteContext, asked: Asked) -> bytes:
        """Write the answer, and count what it refuses: a request that is to come again has refused nothing yet."""
        if not refused:
            return b'{"accepted": %d, "refused": []}' % accepted
        for one in refused:
            self._note(site, one.code, asked)
        told = [{"id": one.id, "code": one.code} for one in refused]
        return json.dumps({"accepted": accepted, "refused": told}, ensure_ascii=False).encode()
