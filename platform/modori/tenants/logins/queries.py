"""Queries and locks of log-ins, of the failures before them, and of mailed links. They are the agency's own rows."""

from datetime import datetime

from sqlalchemy import text
from sqlmodel import Session, select

from modori.kernel.ids import UserId
from modori.tenants.model import ConsoleSession, LoginThrottle, PasswordToken


def find_session(session: Session, *, token_hash: bytes) -> ConsoleSession | None:
    return session.exec(select(ConsoleSession).where(ConsoleSession.token_hash == token_hash)).one_or_none()


def delete_session(session: Session, *, token_hash: bytes) -> bool:
    gone = session.connection().execute(
        text("delete from console_session where token_hash = :token_hash"), {"token_hash": token_hash}
    )
    return bool(gone.rowcount)


def delete_sessions_of(session: Session, *, user_id: UserId) -> int:
    gone = session.connection().execute(
        text("delete from console_session where user_id = :user_id"), {"user_id": user_id}
    )
    return int(gone.rowcount)


def lock_throttle(session: Session, *, subject: bytes, now: datetime) -> LoginThrottle:
    """Lock the record of a subject's failures, made if there is none: guesses at one address wait for each other."""
    session.connection().execute(
        text(
            "insert into login_throttle (subject, failures, failed_at) values (:subject, 0, :now)"
            " on conflict (subject) do nothing"
        ),
        {"subject": subject, "now": now},
    )
    wanted = select(LoginThrottle).where(LoginThrottle.subject == subject).with_for_update()
    return session.exec(wanted.execution_options(populate_existing=True)).one()


def find_throttle(session: Session, *, subject: bytes) -> LoginThrottle | None:
    return session.get(LoginThrottle, subject, populate_existing=True)


def delete_throttle(session: Session, *, subject: bytes) -> None:
    session.connection().execute(text("delete from login_throttle where subject = :subject"), {"subject": subject})


def find_password_token(session: Session, *, token_hash: bytes) -> PasswordToken | None:
    return session.get(PasswordToken, token_hash)


def lock_password_token(session: Session, *, token_hash: bytes) -> PasswordToken | None:
    wanted = select(PasswordToken).where(PasswordToken.token_hash == token_hash).with_for_update()
    return session.exec(wanted).one_or_none()


def spend_tokens_of(session: Session, *, user_id: UserId, now: datetime) -> None:
    session.connection().execute(
        text("update password_token set used_at = :now where user_id = :user_id and used_at is null"),
        {"user_id": user_id, "now": now},
    )


def delete_expired_logins(session: Session, *, idle_before: datetime, forgotten_before: datetime, now: datetime) -> int:
    """Delete log-ins, links and throttles that no longer count; returns how many rows."""
    gone = 0
    for statement in (
        "delete from console_session where expires_at < :now or seen_at < :idle_before",
        "delete from password_token where expires_at < :forgotten_before",
        "delete from login_throttle where failed_at < :forgotten_before and coalesce(locked_until, :now) <= :now",
    ):
        given = {"now": now, "idle_before": idle_before, "forgotten_before": forgotten_before}
        used = {name: value for name, value in given.items() if f":{name}" in statement}
        gone += session.connection().execute(text(statement), used).rowcount
    return gone
