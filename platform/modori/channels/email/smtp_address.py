"""Where mail goes out: MODORI_SMTP_URL taken apart."""

from dataclasses import dataclass, field
from urllib.parse import parse_qs, unquote, urlsplit


@dataclass(frozen=True, slots=True)
class SmtpServer:
    """implicit_tls: TLS from the first byte (smtps) · needs_tls: refuse to go on where STARTTLS is not offered."""

    host: str
    port: int
    implicit_tls: bool
    needs_tls: bool
    user: str | None = None
    password: str | None = field(default=None, repr=False)


def parse_smtp_url(url: str) -> SmtpServer:
    """Read `smtp://[user:password@]host[:port]` or `smtps://…`. raises ValueError

    smtp uses STARTTLS where it is offered. It insists on it when there is a password to protect, unless the server is
    this machine, and when the URL says `?tls=required`.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("smtp", "smtps") or not parts.hostname:
        raise ValueError("an SMTP URL is smtp://host or smtps://host")
    is_here = parts.hostname in ("localhost", "127.0.0.1", "::1")
    demanded = parse_qs(parts.query).get("tls") == ["required"]
    implicit = parts.scheme == "smtps"
    return SmtpServer(
        host=parts.hostname,
        port=parts.port or (465 if implicit else 587),
        implicit_tls=implicit,
        needs_tls=demanded or (parts.username is not None and not is_here),
        user=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password else None,
    )
