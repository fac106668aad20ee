"""`modori init`: from an empty cluster, or an empty database, to an installation with its first administrator."""

from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from pydantic import SecretStr

from modori.entrypoints import database, migrate
from modori.entrypoints.settings import Settings, UnsafeSettings
from modori.kernel import clock
from modori.kernel.errors import Conflict
from modori.kernel.ids import UserId
from modori.storage import db
from modori.storage.roles import APP, OWNER, SCAN, RolePasswords, provision
from modori.tenants import actions as tenants
from modori.tenants.logins import actions as logins
from modori.tenants.model import Role, TokenKind
from modori.tenants.queries import lock_agency
from modori.tenants.users import actions, queries
from modori.tenants.users.values import email_index


class AlreadyInstalled(Conflict):
    code = "already_installed"
    title = "This installation has an administrator: log in, or ask for a new link with `modori users link`"


@dataclass(frozen=True)
class FirstAdministrator:
    """Who sets the agency up."""

    agency: str
    email: str
    name: str
    locale: str


def install(settings: Settings, first: FirstAdministrator, *, by_mail: bool) -> str | None:
    """Make roles and database (where an administrator's URL is given), migrate, make the agency and its first user.

    by_mail  send the invitation by mail (a worker and a scheduler must run) instead of returning its link
    returns  the link at which the administrator chooses a password, or None if it went by mail
    raises   AlreadyInstalled, UnsafeSettings
    """
    owner = _secret(settings.owner_database_url, "OWNER_DATABASE_URL")
    if settings.admin_database_url is not None:
        _provision(settings, owner)
    migrate.upgrade(owner)
    database.open_database(settings)
    try:
        with db.agency_transaction() as session:
            tenants.make_agency(session, name=first.agency)
            lock_agency(session)
            if queries.count_agency_admins(session):
                raise AlreadyInstalled()
            now = clock.now()
            if by_mail:
                actions.invite_user(
                    session,
                    email=first.email,
                    name=first.name,
                    role=Role.AGENCY_ADMIN,
                    client_tenant_id=None,
                    locale=first.locale,
                    now=now,
                )
                return None
            user = actions.make_user(session, email=first.email, name=first.name, locale=first.locale, now=now)
            user_id = UserId(user.user_id)
            actions.give_membership(session, user_id=user_id, client_tenant_id=None, role=Role.AGENCY_ADMIN, now=now)
            token = logins.issue_password_token(session, user_id=user_id, kind=TokenKind.INVITATION, now=now)
            return password_link(settings, token)
    finally:
        db.disconnect()


def new_link(settings: Settings, email: str) -> str:
    """Make a link that sets a user's password, for who cannot get mail. raises NotFound"""
    database.open_database(settings)
    try:
        with db.agency_transaction() as session:
            user = queries.get_user_by_email(session, email_index=email_index(email))
            kind = TokenKind.INVITATION if user.password_hash is None else TokenKind.RESET
            token = logins.issue_password_token(session, user_id=UserId(user.user_id), kind=kind, now=clock.now())
            return password_link(settings, token)
    finally:
        db.disconnect()


def password_link(settings: Settings, token: str) -> str:
    """Spell the address at which a token sets a password."""
    return f"{settings.public_url}/console/password/{token}"


def _provision(settings: Settings, owner: str) -> None:
    """Make the three roles with the passwords that the three URLs hold, and the database that they name."""
    urls = {
        OWNER: owner,
        APP: _secret(settings.database_url, "DATABASE_URL"),
        SCAN: _secret(settings.scan_database_url, "SCAN_DATABASE_URL"),
    }
    parts = {role: urlsplit(url) for role, url in urls.items()}
    faults = [f"{role}'s URL logs in as {one.username}" for role, one in parts.items() if one.username != role]
    faults += [f"{role}'s URL holds no password" for role, one in parts.items() if not one.password]
    if len({one.path for one in parts.values()}) != 1:
        faults.append("the three URLs name different databases")
    if faults:
        raise UnsafeSettings(faults)
    words = {role: unquote(one.password or "") for role, one in parts.items()}
    provision(
        _secret(settings.admin_database_url, "ADMIN_DATABASE_URL"),
        database=unquote(parts[OWNER].path.lstrip("/")),
        passwords=RolePasswords(owner=words[OWNER], app=words[APP], scan=words[SCAN]),
    )


def _secret(value: SecretStr | None, name: str) -> str:
    if value is None:
        raise UnsafeSettings([f"MODORI_{name} is missing"])
    return value.get_secret_value()
