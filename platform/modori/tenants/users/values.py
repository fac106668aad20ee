"""A user's e-mail address and telephone: sealed as the agency's own, the address looked up by a blind index."""

from uuid import UUID

from sqlmodel import Session

from modori.kernel.ids import PLATFORM
from modori.storage import crypto
from modori.tenants.logins import rules
from modori.tenants.model import User


def email_index(email: str) -> bytes:
    """Return what a user's e-mail address is looked up by."""
    return crypto.blind_index(PLATFORM, "user", rules.login_key(email))


def user_email(session: Session, user: User) -> str:
    """Open a user's e-mail address."""
    return crypto.unseal(session, PLATFORM, _field(user.user_id, "email"), user.email)


def user_phone(session: Session, user: User) -> str | None:
    """Open the telephone that a dial rings first, E.164."""
    return None if user.phone is None else crypto.unseal(session, PLATFORM, _field(user.user_id, "phone"), user.phone)


def sealed(session: Session, user_id: UUID, column: str, plain: str) -> bytes:
    """Seal what a column of a user's row holds."""
    return crypto.seal(session, PLATFORM, _field(user_id, column), plain)


def _field(user_id: UUID, column: str) -> crypto.Field:
    return crypto.Field("user_account", column, row=str(user_id))
