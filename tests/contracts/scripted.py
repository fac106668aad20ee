"""Small loopback servers that misbehave at one exact place, where the sandbox is too well-mannered."""

import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Iterator

Script = Callable[[socket.socket], None]
RESET = struct.pack("ii", 1, 0)


@contextlib.contextmanager
def serving(script: Script) -> Iterator[int]:
    """Run `script` on the first connection to a free port; yield the port."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(60)

    def run() -> None:
        with contextlib.suppress(OSError):
            connection, _ = listener.accept()
            with connection:
                connection.settimeout(60)
                script(connection)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield int(listener.getsockname()[1])
    finally:
        listener.close()
        thread.join(90)
        assert not thread.is_alive(), "the script goes on, and would until the tests end"


def reset(connection: socket.socket) -> None:
    """Close with RST instead of FIN."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    connection.close()


def smtp(
    replies: dict[str, str], *, seen: list[str] | None = None, drop_at: str | None = None, silent_at: str | None = None
) -> Script:
    """Speak SMTP. `replies` overrides the reply to a verb, to `.` (end of data) or to `hello` (the greeting)."""
    usual = {
        "hello": "220 scripted",
        "EHLO": "250 scripted",
        "HELO": "250 scripted",
        "MAIL": "250 ok",
        "RCPT": "250 ok",
        "DATA": "354 go on",
        ".": "250 kept",
        "QUIT": "221 bye",
    } | replies
    seen = [] if seen is None else seen

    def script(connection: socket.socket) -> None:
        def say(step: str) -> bool:
            if step == drop_at:
                reset(connection)
                return False
            if step == silent_at:
                connection.recv(1)  # until the other side gives up
                return False
            connection.sendall(usual.get(step, "500 what?").encode() + b"\r\n")
            return True

        if not say("hello"):
            return
        lines, in_body = connection.makefile("rb"), False
        with lines:
            for raw in lines:
                line = raw.rstrip(b"\r\n")
                if in_body:
                    if drop_at == "body":
                        reset(connection)
                        return
                    seen.append(line.decode())
                    if line != b".":
                        continue
                    in_body = False
                    step = "."
                else:
                    step = line.split()[0].decode("latin-1").upper() if line else "NOOP"
                if not say(step):
                    return
                in_body = step == "DATA" and usual["DATA"].startswith("354")
                if step == "QUIT":
                    return

    return script


def http_answer(answer: bytes, *, seen: list[bytes] | None = None) -> Script:
    """Read one request whole, then answer with these bytes and close."""

    def script(connection: socket.socket) -> None:
        request = read_request(connection)
        if seen is not None:
            seen.append(request)
        connection.sendall(answer)

    return script


def read_request(connection: socket.socket) -> bytes:
    """Read one request whole. Raises ConnectionError when the other side leaves in the middle of it."""
    read = b""
    while b"\r\n\r\n" not in read:
        read += _more(connection)
    head, _, body = read.partition(b"\r\n\r\n")
    length = next(
        (int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")), 0
    )
    while len(body) < length:
        body += _more(connection)
    return head + b"\r\n\r\n" + body


def _more(connection: socket.socket) -> bytes:
    got = connection.recv(65536)
    if not got:
        raise ConnectionError("the other side has left")
    return got


def json_answer(status: str, body: str, *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", "Content-Type: application/json", f"Content-Length: {len(body.encode())}", *headers]
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()
