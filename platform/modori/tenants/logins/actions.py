"""Log-in, sessions, and the links that set passwords. What is secret is stored by its SHA-256 only."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session

from modori.kernel.errors import BadInput
from modori.kernel.ids import PLATFORM, TenantId, UserId, new_id, new_token
from modori.storage import crypto, outbox
from modori.tenants.logins import passwords, queries, rules
from modori.tenants.logins.rules import token_hash
from modori.tenants.model import ConsoleSession, LoginThrottle, PasswordToken, TokenKind
from modori.tenants.users.queries import find_user_by_email, lock_user
from modori.tenants.users.values import email_index, user_email

TOKEN_BYTES = 32
"""256 bits, for session and link tokens."""


class LinkExpired(BadInput):
    code = "link_expired"
    title = "This link has been used or is too old: ask for a new one"


@dataclass(frozen=True)
class LoginAnswer:
    """Whether the words were right. Wrong, unknown, disabled and without a password look the same.

    retry_after_s   how long the e-mail address or the network address is locked; 0: not
    """

    user_id: UserId | None
    retry_after_s: int = 0


@dataclass(frozen=True)
class OpenedSession:
    """A new log-in: the token goes into the cookie and is stored nowhere, the CSRF token into the pages."""

    token: str
    csrf_token: str


def verify_login(session: Session, *, email: str, password: str, ip: str, now: datetime) -> LoginAnswer:
    """Judge one try to log in and record a failure. The answer is a value, so that the record of it is committed.

    Tries at one e-mail address wait for each other, so that many at once are no more guesses than one after the other.
    """
    by_email = queries.lock_throttle(session, subject=email_index(email), now=now)
    by_ip = queries.find_throttle(session, subject=_ip_index(ip))
    locked = max(rules.lock_left(_seen(by_email), now=now), rules.lock_left(_seen(by_ip), now=now))
    if locked:
        return LoginAnswer(None, retry_after_s=_whole_seconds(locked))
    user = find_user_by_email(session, email_index=by_email.subject)
    is_right = passwords.verify_password(user.password_hash if user else None, password[: rules.PASSWORD_MAX + 1])
    if user is None or not is_right or user.disabled_at is not None:
        left = _count_failure(by_email, free=rules.FREE_FAILURES_PER_EMAIL, now=now)
        of_ip = queries.lock_throttle(session, subject=_ip_index(ip), now=now)
        left = max(left, _count_failure(of_ip, free=rules.FREE_FAILURES_PER_IP, now=now))
        return LoginAnswer(None, retry_after_s=_whole_seconds(left))
    if user.password_hash is not None and passwords.is_outdated(user.password_hash):
        user.password_hash = passwords.hash_password(password)
    queries.delete_throttle(session, subject=by_email.subject)
    return LoginAnswer(UserId(user.user_id))


def open_session(session: Session, *, user_id: UserId, now: datetime) -> OpenedSession:
    """Log a user in: a new token each time, so that a token from before the log-in is worth nothing."""
    token, csrf_token = new_token(TOKEN_BYTES), new_token(TOKEN_BYTES)
    opened = ConsoleSession(
        session_id=new_id(),
        user_id=user_id,
        token_hash=token_hash(token),
        csrf_token=csrf_token,
        made_at=now,
        seen_at=now,
        expires_at=now + rules.SESSION_ABSOLUTE,
    )
    session.add(opened)
    session.flush()
    return OpenedSession(token, csrf_token)


def choose_tenant_in_view(session: Session, *, token: str, tenant_id: TenantId | None) -> None:
    """Remember which client's rows the screens of this log-in show; None: all that the user may see."""
    found = queries.find_session(session, token_hash=token_hash(token))
    if found is not None:
        found.tenant_in_view = tenant_id


def close_session(session: Session, *, token: str) -> None:
    """Log out. A second call changes nothing."""
    queries.delete_session(session, token_hash=token_hash(token))


def request_reset(session: Session, *, email: str, now: datetime) -> None:
    """Promise a mail with a reset link, where there is such a user. The caller learns nothing of it."""
    user = find_user_by_email(session, email_index=email_index(email))
    if user is None or user.disabled_at is not None:
        return
    minute = int(now.timestamp()) // 60  # one mail a minute at most, however often it is asked for
    outbox.promise(
        session,
        "user.reset",
        key=f"reset:{user.user_id}:{minute}",
        at=now,
        tenant_id=PLATFORM,
        user_id=str(user.user_id),
    )


def issue_password_token(session: Session, *, user_id: UserId, kind: TokenKind, now: datetime) -> str:
    """Make the secret of a link that sets a password once. Earlier links of the user stop working."""
    lock_user(session, user_id=user_id)
    queries.spend_tokens_of(session, user_id=user_id, now=now)
    token = new_token(TOKEN_BYTES)
    holds = rules.INVITATION_HOLDS if kind == TokenKind.INVITATION else rules.RESET_HOLDS
    session.add(
        PasswordToken(token_hash=token_hash(token), user_id=user_id, kind=kind, made_at=now, expires_at=now + holds)
    )
    session.flush()
    return token


def token_is_good(session: Session, *, token: str, now: datetime) -> bool:
    """Say whether a link would still set a password: for the page that it opens, which changes nothing."""
    found = queries.find_password_token(session, token_hash=token_hash(token))
    return found is not None and found.used_at is None and now < found.expires_at


def set_password(session: Session, *, token: str, password: str, now: datetime) -> UserId:
    """Set a user's password by a mailed link, once, and close every session of theirs.

    raises  LinkExpired, rules.WeakPassword
    """
    found = queries.lock_password_token(session, token_hash=token_hash(token))
    if found is None or found.used_at is not None or now >= found.expires_at:
        raise LinkExpired()
    user_id = UserId(found.user_id)
    user = lock_user(session, user_id=user_id)
    if user.disabled_at is not None:
        raise LinkExpired()
    rules.check_password(password, email=user_email(session, user))
    user.password_hash = passwords.hash_password(password)
    session.flush()
    queries.spend_tokens_of(session, user_id=user_id, now=now)
    queries.delete_sessions_of(session, user_id=user_id)
    queries.delete_throttle(session, subject=user.email_index)
    return user_id


def forget_expired_logins(session: Session, *, now: datetime) -> int:
    """Delete expired sessions, old links and forgotten failures. Returns how many rows."""
    return queries.delete_expired_logins(
        session,
        idle_before=now - rules.SESSION_IDLE,
        forgotten_before=now - rules.FAILURES_FORGOTTEN_AFTER,
        now=now,
    )


def _count_failure(throttle: LoginThrottle, *, free: int, now: datetime) -> timedelta:
    counted = rules.after_failure(_seen(throttle), free=free, now=now)
    throttle.failures, throttle.failed_at, throttle.locked_until = (
        counted.failures,
        counted.failed_at,
        counted.locked_until,
    )
    return rules.lock_left(counted, now=now)


def _seen(throttle: LoginThrottle | None) -> rules.Throttle | None:
    if throttle is None:
        return None
    return rules.Throttle(throttle.failures, throttle.failed_at, throttle.locked_until)


def _ip_index(ip: str) -> bytes:
    return crypto.blind_index(PLATFORM, "ip", ip)


def _whole_seconds(left: timedelta) -> int:
    return -int(-left.total_seconds() // 1) if left else 0
