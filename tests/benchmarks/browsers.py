"""What browsers send to `POST /v1/events`, written before it is needed: the load generator only sends.

The mix, event by event of a visit: 30 % pages, 45 % carts (each the whole cart, two items), 25 % forms with fields
(name, then address, telephone, postcode, and the submitted form). Two new contact points in twenty events.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count, islice
from typing import Final

from modori.kernel.ids import new_id
from tests.world import TenantWorld

_ITEM: Final = (
    '{"id":"p1","name":"鉄のフライパン 26cm","price":4980,"quantity":2,"url":"ORIGIN/p/1","image":"ORIGIN/i/1.jpg"}'
)
_CART: Final = (
    f'{{"id":"cart-NUMBER","currency":"JPY","value":14940,"url":"ORIGIN/cart","items":[{_ITEM},'
    '{"id":"p2","name":"菜箸 33cm","price":4980,"quantity":1,"url":"ORIGIN/p/2"}]}'
)
_TYPED: Final = (
    '"family-name":"山田","given-name":"花子"',
    '"email":"p.NUMBER@person.example"',
    '"tel":"090-TELEPHONE"',
    '"postal-code":"1500043","address-level1":"東京都"',
)
_FORMS: Final = tuple(
    ("form", f'{{"form":"checkout","fields":{{{",".join(_TYPED[:upto])}}},"progress":0.{upto * 2}}}')
    for upto in (1, 2, 3, 4)
)
_SUBMITTED: Final = ("form", _FORMS[3][1].replace('"progress":0.8', '"progress":1,"submitted":true'))
_P, _C = ("page", "{}"), ("cart", _CART)
VISIT: Final = (
    *(_P, _C, _P, _C, _C, _P, _C, _C, _P, _C),
    *(_FORMS[0], _C, _P, _FORMS[1], _C, _FORMS[2], _C, _P, _FORMS[3], _SUBMITTED),
)
"""(type, data) of a visit's twenty events."""


@dataclass
class Browsers:
    """Ever new browsers over all sites, one at a time on each connection; each comes from an address of its own."""

    sites: Sequence[TenantWorld]
    events_each: int
    path: str = "/v1/events"
    address: str | None = None
    numbers: Iterator[int] = field(default_factory=count)

    def requests(self, connections: int, each: int) -> list[list[bytes]]:
        """Write `each` requests for each of some connections."""
        at = datetime.now(UTC).isoformat(timespec="milliseconds")
        return [list(islice(self._of_connection(at), each)) for _ in range(connections)]

    def _of_connection(self, at: str) -> Iterator[bytes]:
        while True:
            number = next(self.numbers)
            site = self.sites[number % len(self.sites)]
            for first in range(0, len(VISIT), self.events_each):
                events = [
                    _event(site, number, at, kind, said) for kind, said in VISIT[first : first + self.events_each]
                ]
                yield self._request(site, number, ",".join(events), at)

    def _request(self, site: TenantWorld, number: int, events: str, at: str) -> bytes:
        body = f'{{"site":"{site.site_key}","sdk":"1.0.0","sent_at":"{at}","events":[{events}]}}'.encode()
        return (
            f"POST {self.path} HTTP/1.1\r\nHost: 127.0.0.1\r\nOrigin: {site.origin}\r\nContent-Type: text/plain\r\n"
            f"X-Forwarded-For: {self.address or _address(number)}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
            + body
        )


def _event(site: TenantWorld, number: int, at: str, kind: str, said: str) -> str:
    told = (
        said.replace("ORIGIN", site.origin)
        .replace("NUMBER", str(number))
        .replace("TELEPHONE", str(12_000_000 + number))
    )
    return (
        f'{{"id":"{new_id()}","type":"{kind}","at":"{at}","visitor":"visitor{number:012d}",'
        f'"page":{{"url":"{site.origin}/cart?utm_source=mail","title":"ご購入手続き"}},"data":{told}}}'
    )


def _address(number: int) -> str:
    """Return an address of the block for benchmarks (RFC 2544)."""
    return f"198.{18 + number // 65536 % 2}.{number // 256 % 256}.{number % 256}"
