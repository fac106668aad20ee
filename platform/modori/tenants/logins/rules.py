"""Pure decisions about log-ins: how long one holds, how long to wait after failures, what a password must be."""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from unicodedata import normalize

from modori.kernel.errors import BadInput

SESSION_IDLE: Final = timedelta(hours=12)
SESSION_ABSOLUTE: Final = timedelta(days=7)
SESSION_NOTED_EVERY: Final = timedelta(minutes=1)
"""`seen_at` is written at most this often."""

INVITATION_HOLDS: Final = timedelta(days=7)
RESET_HOLDS: Final = timedelta(hours=1)

PASSWORD_MIN: Final = 12
PASSWORD_MAX: Final = 256
"""Characters. OWASP ASVS 5.0, 6.2.1 and 6.2.9: at least 8, better 15; at least 64 permitted."""

FREE_FAILURES_PER_EMAIL: Final = 5
FREE_FAILURES_PER_IP: Final = 20
"""An office of operators shares one address."""
LONGEST_LOCK: Final = timedelta(minutes=15)
FAILURES_FORGOTTEN_AFTER: Final = timedelta(days=1)


class WeakPassword(BadInput):
    code = "weak_password"
    title = "The password does not follow the rules"


@dataclass(frozen=True)
class Throttle:
    """What is on record about failed log-ins of one e-mail address or network address."""

    failures: int
    failed_at: datetime
    locked_until: datetime | None


def token_hash(token: str) -> bytes:
    """Return what is stored of a cookie's or a link's token: the SHA-256 of its text."""
    return hashlib.sha256(token.encode()).digest()


def login_key(email: str) -> str:
    """Fold an e-mail address of a console user, so that its spelling at log-in does not matter."""
    return normalize("NFKC", email).strip().casefold()


def session_holds(*, seen_at: datetime, expires_at: datetime, now: datetime) -> bool:
    """Say whether a log-in is still good: used within 12 hours, and younger than 7 days."""
    return now < expires_at and now < seen_at + SESSION_IDLE


def lock_after(failures: int, *, free: int) -> timedelta:
    """Say how long a subject is locked after its nth failure: none while free, then 1 s, doubling up to 15 minutes."""
    if failures < free:
        return timedelta(0)
    doublings = min(failures - free, 20)
    return min(timedelta(seconds=1 << doublings), LONGEST_LOCK)


def lock_left(throttle: Throttle | None, *, now: datetime) -> timedelta:
    """Say how long the subject has still to wait."""
    if throttle is None or throttle.locked_until is None or throttle.locked_until <= now:
        return timedelta(0)
    return throttle.locked_until - now


def after_failure(throttle: Throttle | None, *, free: int, now: datetime) -> Throttle:
    """Count one more failure; a day without any forgets the earlier ones."""
    is_forgotten = throttle is None or throttle.failed_at < now - FAILURES_FORGOTTEN_AFTER
    failures = 1 if is_forgotten or throttle is None else throttle.failures + 1
    lock = lock_after(failures, free=free)
    return Throttle(failures=failures, failed_at=now, locked_until=now + lock if lock else None)


def check_password(password: str, *, email: str) -> None:
    """Refuse a password that is too short, too long, or made of the address. raises WeakPassword."""
    if len(password) < PASSWORD_MIN:
        raise WeakPassword(f"use at least {PASSWORD_MIN} characters", reason="too_short", minimum=PASSWORD_MIN)
    if len(password) > PASSWORD_MAX:
        raise WeakPassword(f"use at most {PASSWORD_MAX} characters", reason="too_long", maximum=PASSWORD_MAX)
    word, address = login_key(password), login_key(email)
    if word in (address, address.partition("@")[0]):
        raise WeakPassword("do not use your e-mail address", reason="is_email")
    if len(set(word)) < 4:
        raise WeakPassword("use more than three different characters", reason="too_simple")
