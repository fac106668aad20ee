"""What happens to those who work in the console: they are invited, given a role, shut out."""

from datetime import datetime

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session

from modori.kernel.email import normalise_email
from modori.kernel.errors import BadInput, Conflict
from modori.kernel.ids import PLATFORM, TenantId, UserId, new_id
from modori.storage import outbox
from modori.tenants.logins.queries import delete_sessions_of, spend_tokens_of
from modori.tenants.model import Membership, Role, User
from modori.tenants.queries import lock_agency
from modori.tenants.users import queries
from modori.tenants.users.values import email_index, sealed


class EmailTaken(Conflict):
    code = "email_taken"
    title = "A user with this e-mail address exists"


class LastAdministrator(Conflict):
    code = "last_administrator"
    title = "The agency's last administrator must stay"


def make_user(
    session: Session,
    *,
    email: str,
    name: str,
    now: datetime,
    phone_e164: str | None = None,
    password_hash: str | None = None,
    locale: str = "ja",
    timezone: str = "Asia/Tokyo",
) -> User:
    """Add somebody who may log in once they have a password. raises BadEmail, EmailTaken."""
    address = normalise_email(email).address
    user_id = new_id()
    user = User(
        user_id=user_id,
        email=sealed(session, user_id, "email", address),
        email_index=email_index(address),
        name=name.strip(),
        phone=None if phone_e164 is None else sealed(session, user_id, "phone", phone_e164),
        password_hash=password_hash,
        locale=locale,
        timezone=timezone,
        made_at=now,
    )
    if queries.find_user_by_email(session, email_index=user.email_index) is not None:
        raise EmailTaken()
    try:
        with session.begin_nested():
            session.add(user)
    except IntegrityError as error:
        raise EmailTaken() from error
    return user


def change_user(
    session: Session,
    *,
    user_id: UserId,
    name: str | None = None,
    phone_e164: str | None = None,
    locale: str | None = None,
    timezone: str | None = None,
) -> User:
    """Change what a user may change of themselves; what is not given stays. An empty phone removes it."""
    user = queries.lock_user(session, user_id=user_id)
    user.name = name or user.name
    user.locale = locale or user.locale
    user.timezone = timezone or user.timezone
    if phone_e164 is not None:
        user.phone = sealed(session, user_id, "phone", phone_e164) if phone_e164 else None
    return user


def disable_user(session: Session, *, user_id: UserId, now: datetime) -> User:
    """Shut a user out, and close every session of theirs. raises LastAdministrator."""
    lock_agency(session)
    user = queries.lock_user(session, user_id=user_id)
    user.disabled_at = user.disabled_at or now
    session.flush()
    _assert_administered(session)
    delete_sessions_of(session, user_id=user_id)
    spend_tokens_of(session, user_id=user_id, now=now)
    return user


def enable_user(session: Session, *, user_id: UserId) -> User:
    """Let a disabled user log in again."""
    user = queries.lock_user(session, user_id=user_id)
    user.disabled_at = None
    return user


def give_membership(
    session: Session, *, user_id: UserId, client_tenant_id: TenantId | None, role: Role, now: datetime
) -> Membership:
    """Give a user a role at one client, or (None) in the whole agency; an earlier role there is replaced.

    raises  BadInput for a client reviewer without a client; LastAdministrator
    """
    if role == Role.CLIENT_REVIEWER and client_tenant_id is None:
        raise BadInput("a client reviewer belongs to one client", fields=["client_tenant_id"])
    lock_agency(session)
    queries.lock_user(session, user_id=user_id)
    membership = queries.find_membership(session, user_id=user_id, client_tenant_id=client_tenant_id)
    if membership is None:
        membership = Membership(
            membership_id=new_id(), user_id=user_id, client_tenant_id=client_tenant_id, role=role, made_at=now
        )
        session.add(membership)
        session.flush()
        return membership
    was_admin = _administers(membership)
    membership.role = role
    session.flush()
    if was_admin:
        _assert_administered(session)
    return membership


def take_membership(session: Session, *, user_id: UserId, client_tenant_id: TenantId | None) -> None:
    """Take a user's role at one client, or in the whole agency, away. A second call changes nothing."""
    lock_agency(session)
    membership = queries.find_membership(session, user_id=user_id, client_tenant_id=client_tenant_id)
    if membership is None:
        return
    was_admin = _administers(membership)
    session.delete(membership)
    session.flush()
    if was_admin:
        _assert_administered(session)


def _administers(membership: Membership) -> bool:
    return membership.role == Role.AGENCY_ADMIN and membership.client_tenant_id is None


def _assert_administered(session: Session) -> None:
    if not queries.count_agency_admins(session):
        raise LastAdministrator()


def invite_user(
    session: Session,
    *,
    email: str,
    name: str,
    role: Role,
    client_tenant_id: TenantId | None,
    now: datetime,
    locale: str = "ja",
    timezone: str = "Asia/Tokyo",
) -> User:
    """Add a user with a role, and promise the mail that invites them. The link is made when the mail is."""
    user = make_user(session, email=email, name=name, locale=locale, timezone=timezone, now=now)
    user_id = UserId(user.user_id)
    give_membership(session, user_id=user_id, client_tenant_id=client_tenant_id, role=role, now=now)
    invite_again(session, user_id=user_id, now=now)
    return user


def invite_again(session: Session, *, user_id: UserId, now: datetime) -> None:
    """Promise another invitation to somebody who has no password yet. raises Conflict if they have."""
    user = queries.lock_user(session, user_id=user_id)
    if user.password_hash is not None or user.disabled_at is not None:
        raise Conflict("this user needs no invitation")
    outbox.promise(session, "user.invited", key=f"invited:{new_id()}", at=now, tenant_id=PLATFORM, user_id=str(user_id))
