"""Queries of the users and their roles. These are the agency's own rows: any transaction sees them."""

from sqlalchemy import text
from sqlmodel import Session, col, select

from modori.kernel.errors import NotFound
from modori.kernel.ids import TenantId, UserId
from modori.tenants.model import Membership, User


def get_user(session: Session, *, user_id: UserId) -> User:
    user = session.get(User, user_id)
    if user is None:
        raise NotFound("no such user")
    return user


def lock_user(session: Session, *, user_id: UserId) -> User:
    wanted = select(User).where(User.user_id == user_id).with_for_update(key_share=True)
    user = session.exec(wanted.execution_options(populate_existing=True)).one_or_none()
    if user is None:
        raise NotFound("no such user")
    return user


def find_user_by_email(session: Session, *, email_index: bytes) -> User | None:
    return session.exec(select(User).where(User.email_index == email_index)).one_or_none()


def get_user_by_email(session: Session, *, email_index: bytes) -> User:
    user = find_user_by_email(session, email_index=email_index)
    if user is None:
        raise NotFound("no such user")
    return user


def list_users(session: Session) -> list[User]:
    """Return the agency's users by name; at most 1,000."""
    return list(session.exec(select(User).order_by(User.name, col(User.user_id)).limit(1000)))


def list_memberships(session: Session, *, user_id: UserId) -> list[Membership]:
    """Return a user's roles, the agency-wide one first."""
    wanted = select(Membership).where(Membership.user_id == user_id)
    return list(session.exec(wanted.order_by(col(Membership.client_tenant_id).nulls_first())))


def list_all_memberships(session: Session) -> list[Membership]:
    """Return everybody's roles, for the list of users; at most 10,000."""
    wanted = select(Membership).order_by(col(Membership.user_id), col(Membership.client_tenant_id).nulls_first())
    return list(session.exec(wanted.limit(10_000)))


def find_membership(session: Session, *, user_id: UserId, client_tenant_id: TenantId | None) -> Membership | None:
    wanted = select(Membership).where(Membership.user_id == user_id)
    return session.exec(
        wanted.where(col(Membership.client_tenant_id).is_not_distinct_from(client_tenant_id))
    ).one_or_none()


def count_agency_admins(session: Session) -> int:
    """Count the enabled users who administer the whole agency."""
    found = session.connection().execute(
        text(
            "select count(*) from membership m join user_account u using (user_id)"
            " where m.client_tenant_id is null and m.role = 'agency_admin' and u.disabled_at is null"
        )
    )
    return int(found.scalar_one())
