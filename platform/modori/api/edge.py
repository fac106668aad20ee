"""What the JSON edge must be told: filled in by the entrypoint from the settings."""

from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Final

LONGEST_FORWARDED: Final = 500
"""What stands farther to the left of X-Forwarded-For is not read: our own proxies add theirs to its right."""


@dataclass(frozen=True)
class ApiConfig:
    """Settings of the JSON edge.

    public_url          where the world reaches us; signed webhook URLs are built from it, not from the Host header
    twilio_auth_tokens  the tokens that may sign a webhook now: two while one is being rotated (RULES 37)
    trusted_proxies     networks whose X-Forwarded-For is believed, such as "10.0.0.0/8"; none by default
    ingest_threads      how many of ingest's requests may have a transaction of their own at once, beside the shared one
    ingest_queue        how many requests more may be in hand before ingest answers 503
    """

    public_url: str
    twilio_auth_tokens: tuple[str, ...] = field(default=(), repr=False)
    trusted_proxies: tuple[str, ...] = ()
    ingest_threads: int = 4
    ingest_queue: int = 1000


class ProxyTrust:
    """Tells the caller's own address from that of a proxy in front of us."""

    def __init__(self, networks: tuple[str, ...]) -> None:
        self._networks: tuple[IPv4Network | IPv6Network, ...] = tuple(ip_network(one) for one in networks)

    def client_ip(self, peer: str, forwarded_for: str | None) -> str:
        """Return the address nearest to us that is not a trusted proxy's.

        peer           whoever opened the connection
        forwarded_for  the X-Forwarded-For header, leftmost the farthest: only what trusted proxies added is believed
        """
        return self._nearest(peer, forwarded_for and forwarded_for[-LONGEST_FORWARDED:])

    @lru_cache(maxsize=4096)  # noqa: B019  # one for the life of the process
    def _nearest(self, peer: str, forwarded_for: str | None) -> str:
        chain = [part.strip() for part in (forwarded_for or "").split(",") if part.strip()] + [peer]
        for address in reversed(chain):
            if not self._trusts(address):
                return address if _is_address(address) else peer
        return chain[0]

    def _trusts(self, address: str) -> bool:
        if not _is_address(address):
            return False
        parsed = ip_address(address)
        return any(parsed in network for network in self._networks if network.version == parsed.version)


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
