"""No socket of a test leaves this machine, and none opens while a transaction is open (STYLE 7 and 9).

An audit hook sees what Python's own sockets do; libpq's are C and go where our own URLs point.
"""

import ipaddress
import sys
from collections.abc import Sequence

from modori.storage import db


class ForbiddenSocket(AssertionError):
    """A test reached for the network in a way that a test may not."""


_trespasses: list[str] = []
_NAMES = {"", "localhost", "ip6-localhost"}


def is_loopback(host: object) -> bool:
    if host is None:
        return True
    name = host.decode() if isinstance(host, bytes) else str(host)
    try:
        return ipaddress.ip_address(name.split("%")[0]).is_loopback
    except ValueError:
        return name in _NAMES or name.endswith(".localhost")


def _look(event: str, args: Sequence[object]) -> None:
    if event == "socket.getaddrinfo":
        host = args[0]
        if not is_loopback(host) and host not in ("0.0.0.0", "::", b"0.0.0.0"):
            _trespass(f"looked up {host!r}: tests resolve no foreign name")
    elif event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
        address = args[1]
        if isinstance(address, tuple) and not is_loopback(address[0]):
            _trespass(f"reached for {address!r}: tests stay on this machine")
        if event == "socket.connect" and isinstance(address, tuple) and db.in_transaction():
            _trespass(f"opened a socket to {address!r} inside a database transaction")


def _trespass(what: str) -> None:
    _trespasses.append(what)
    raise ForbiddenSocket(what)


def install() -> None:
    """Watch from now until the process ends: an audit hook cannot be removed."""
    sys.addaudithook(_look)


def take_trespasses() -> list[str]:
    """Hand over what was seen since the last call, so that swallowing the exception does not hide it."""
    seen = list(_trespasses)
    _trespasses.clear()
    return seen
