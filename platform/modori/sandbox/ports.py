"""Choose loopback ports: the one that people know if it is free, any other if it is not."""

import secrets
import socket
from itertools import count
from typing import Final

OURS: Final = range(10_240, 32_768)
"""Below those that Linux gives to connections that go out, and to whoever asks for any: a port that was chosen and is
not listened on yet, or not while its program restarts, nobody takes by chance. source: ip_local_port_range in ip(7)"""

_turns = count(secrets.randbelow(len(OURS)))  # in turn, from anywhere: two processes that choose at once hardly meet


def is_free(port: int) -> bool:
    """Tell whether a server could listen on 127.0.0.1 and ::1 at this port now."""
    for family, host in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        try:
            with socket.socket(family, socket.SOCK_STREAM) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind((host, port))
        except OSError:
            if family == socket.AF_INET:
                return False
            if _somebody_answers(host, port):  # a machine without IPv6 refuses the bind as well: that is no reason
                return False
    return True


def choose_port(preferred: int | None, *, avoid: frozenset[int] = frozenset()) -> int:
    """Answer `preferred` if it is free and not in `avoid`, else a free port of OURS. raises OSError if none is free"""
    if preferred is not None and preferred not in avoid and is_free(preferred):
        return preferred
    for _ in OURS:
        port = OURS[next(_turns) % len(OURS)]
        if port not in avoid and is_free(port):
            return port
    raise OSError("no loopback port is free")


def _somebody_answers(host: str, port: int) -> bool:
    try:
        with socket.create_connection((host, port), timeout=0.5):
            return True
    except OSError:
        return False
