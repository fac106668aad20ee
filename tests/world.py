"""The world of most tests: an agency, the client acme, the client stranger who must never be seen, and users.

Each test gets tenants of its own in its worker's database, so nothing needs to be cleaned away.
"""

import base64
import hashlib
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import count
from typing import Final

import pytest

from modori.kernel.ids import SiteId, TenantId, UserId, new_id
from modori.storage import crypto, db
from modori.storage.roles import DatabaseUrls
from modori.tenants import actions, keys
from modori.tenants.logins import passwords
from modori.tenants.model import CaptureMode, KeyKind, Role
from modori.tenants.sites import actions as sites
from modori.tenants.users import actions as user_actions
from modori.tenants.wire import LimitsChange, SiteChange, TenantChange

NOW: Final = datetime(2026, 11, 18, 2, 0, tzinfo=UTC)
"""A Wednesday, 11:00 in Tokyo: inside every default hour."""

MASTER_KEY: Final = hashlib.sha256(b"the tests' master key").digest()
INDEX_KEY: Final = hashlib.sha256(b"the tests' index key").digest()
PASSWORD: Final = "correct horse battery staple"

KEY_SETTINGS: Final = {
    "MODORI_MASTER_KEY": base64.b64encode(MASTER_KEY).decode(),
    "MODORI_INDEX_KEY": base64.b64encode(INDEX_KEY).decode(),
}
"""For a child process that works on the same rows."""

NOTICE: Final = "入力中の内容を、ご注文のご案内のためにお預かりすることがあります。"


@dataclass(frozen=True)
class TenantWorld:
    """A client with one site."""

    name: str
    tenant_id: TenantId
    site_id: SiteId
    origin: str
    site_key: str
    """pk_…"""
    secret_key: str
    """sk_…"""
    sms_from: str


@dataclass(frozen=True)
class UserWorld:
    """Somebody who can log in with PASSWORD."""

    user_id: UserId
    email: str
    role: Role


@dataclass(frozen=True)
class World:
    """What a test may take for granted."""

    acme: TenantWorld
    stranger: TenantWorld
    users: dict[Role, UserWorld] = field(default_factory=dict)
    """Agency admin and account manager of the whole agency; operator and client reviewer of acme alone."""
    now: datetime = NOW


@pytest.fixture(scope="session")
def _database_ends() -> Iterator[None]:
    yield
    db.disconnect()


@pytest.fixture
def database(database_urls: DatabaseUrls, _database_ends: None) -> db.Database:
    """storage.db on this worker's database, as app and scan, with the tests' keys and an agency."""
    return connect(database_urls)


@pytest.fixture
def world(database: db.Database) -> World:
    return make_world()


_connected: dict[str, db.Database] = {}


def connect(urls: DatabaseUrls) -> db.Database:
    """Point storage.db at `urls` (where it does not already), set the tests' root keys, make the agency."""
    crypto.configure(crypto.RootKeys(master=MASTER_KEY, index=INDEX_KEY))
    try:
        if db.database() is _connected.get(urls.app):
            return db.database()
        db.disconnect()
    except RuntimeError:  # nobody has connected yet
        pass
    _connected[urls.app] = found = db.connect(app_url=urls.app, scan_url=urls.scan)
    with db.agency_transaction() as session:
        actions.make_agency(
            session,
            name="リカバリー代理店",
            postal_address="東京都千代田区丸の内1-1-1",
            complaint_contact="support@agency.example",
            registration_number="T1234567890123",
        )
    return found


def make_world(now: datetime = NOW) -> World:
    """Make a fresh pair of clients and a user for each role."""
    acme, stranger = make_tenant("acme", now=now), make_tenant("stranger", now=now)
    users = {
        Role.AGENCY_ADMIN: make_user(Role.AGENCY_ADMIN, None, now=now),
        Role.ACCOUNT_MANAGER: make_user(Role.ACCOUNT_MANAGER, None, now=now),
        Role.OPERATOR: make_user(Role.OPERATOR, acme.tenant_id, now=now),
        Role.CLIENT_REVIEWER: make_user(Role.CLIENT_REVIEWER, acme.tenant_id, now=now),
    }
    return World(acme, stranger, users, now)


_sms_numbers = count(10_000_000)
"""An SMS number is whose it is for the whole database: no two clients of one draw the same by chance."""


def make_tenant(name: str, *, now: datetime = NOW, **policy: object) -> TenantWorld:
    """Make a client with one site: notice mode, past quarantine, no holdout. `policy` overrides SiteChange's fields."""
    tenant_id, site_id = TenantId(new_id()), SiteId(new_id())
    origin = f"https://shop.{name}.example"
    sms_from = f"+8150{next(_sms_numbers):08d}"
    particulars = TenantChange(
        name=name,
        sender_name=f"{name}商店",
        sender_name_en=f"{name.title()} Store",
        postal_address="東京都渋谷区道玄坂1-2-3",
        complaint_contact=f"support@{name}.example",
        goods_kind="台所用品",
        goods_kind_en="kitchen goods",
        mail_from=f"shop@{name}.example",
        sms_from=sms_from,
        voice_from=sms_from,
        order_feed_max_age_s=None,
    )
    usual: dict[str, object] = {
        "name": f"{name} online",
        "origins": [origin],
        "capture_mode": CaptureMode.NOTICE,
        "notice_selector": "#modori-notice",
        "notice_text": NOTICE,
        "holdout_pct": 0,
        "quarantine_until": now - timedelta(days=1),
        "cart_url": f"{origin}/cart",
    }
    with db.tenant_transaction(tenant_id) as session:
        actions.make_tenant(session, tenant_id=tenant_id, particulars=particulars, now=now)
        change = SiteChange.model_validate(usual | policy)
        sites.make_site(session, tenant_id=tenant_id, site_id=site_id, change=change, now=now)
        site_key, secret_key = (
            keys.issue_site_key(session, tenant_id=tenant_id, site_id=site_id, kind=kind, now=now)[1]
            for kind in (KeyKind.PUBLISHABLE, KeyKind.SECRET)
        )
    return TenantWorld(name, tenant_id, site_id, origin, site_key, secret_key, sms_from)


def lift_limits() -> None:
    """Let sites be as loose as they like. Only for a database of one's own: the agency is everybody's."""
    change = LimitsChange(
        message_gap_s=0,
        first_messages_per_contact_day=100_000,
        messages_per_contact_week=100_000,
        dial_gap_s=0,
        dials_per_day=100_000,
        dials_per_lead=100_000,
    )
    with db.agency_transaction() as session:
        actions.change_limits(session, change=change)


def make_user(role: Role, client_tenant_id: TenantId | None, *, now: datetime = NOW) -> UserWorld:
    """Make a user who logs in with PASSWORD."""
    email = f"{role.value}-{secrets.token_hex(8)}@agency.example"
    with db.agency_transaction() as session:
        user = user_actions.make_user(
            session,
            email=email,
            name=role.value.replace("_", " ").title(),
            phone_e164="+819012345678",
            password_hash=_hashed(),
            now=now,
        )
        user_id = UserId(user.user_id)
        user_actions.give_membership(session, user_id=user_id, client_tenant_id=client_tenant_id, role=role, now=now)
    return UserWorld(user_id, email, role)


@cache
def _hashed() -> str:
    return passwords.hash_password(PASSWORD)
