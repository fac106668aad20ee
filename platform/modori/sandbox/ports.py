"""Choose loopback ports: the one that people know if it is free, any other if it is not."""

import socket


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
    """Answer `preferred` if it is free and not in `avoid`, else a free port chosen by the kernel."""
    if preferred is not None and preferred not in avoid and is_free(preferred):
        return preferred
    while True:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.bind(("127.0.0.1", 0))
            port: int = probe.getsockname()[1]
        if port not in avoid and is_free(port):
            return port


def _somebody_answers(host: str, port: int) -> bool:
    try:
        with socket.create_connection((host, port), timeout=0.5):
            return True
    except OSError:
        return False
