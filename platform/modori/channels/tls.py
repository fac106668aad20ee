"""How we believe a server that speaks TLS to us: by the machine's certificate authorities and its host name."""

import ssl
from functools import cache


@cache
def client_context() -> ssl.SSLContext:
    """Return the process's context for connections outwards; shared by threads, which OpenSSL allows.

    Made once: reading the authorities' certificates takes some 20 ms of processor each time.
    """
    return ssl.create_default_context()
