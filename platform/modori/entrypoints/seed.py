"""Seed the demo: two clients (one a stranger), a log-in for each role, a scenario, a contract, a site in its own zone.

Seconds stand where production has hours, and they stand in data: the code knows no demo.
"""

import secrets
from datetime import UTC, datetime, timedelta

from modori.billing import actions as billing
from modori.billing.wire import ContractTerms
from modori.entrypoints.demo_story import DemoStory, DemoUrls, Login
from modori.kernel.ids import SiteId, TenantId, UserId, new_id
from modori.leads import actions as leads
from modori.outreach import actions as outreach
from modori.outreach.standard import standard_steps
from modori.storage import db
from modori.tenants import actions as tenants
from modori.tenants import keys
from modori.tenants.logins import passwords
from modori.tenants.model import CaptureMode, KeyKind, Role
from modori.tenants.sites import actions as sites
from modori.tenants.sites import queries
from modori.tenants.users import actions as users
from modori.tenants.wire import LimitsChange, SiteChange, TenantChange

DEMO_DELAYS_S = (10, 20, 32)
"""Mail, SMS, call: production waits 1 h, 24 h and 3 d."""

HURRIED = LimitsChange(
    message_gap_s=3,
    messages_per_contact_week=100_000,
    first_messages_per_contact_day=100_000,
    dial_gap_s=5,
    dials_per_day=100,
    dials_per_lead=100,
)
"""Caps and gaps that let a tour pass in a minute, and be taken again: a site's and, since none may be looser, the
agency's."""

NOTICE = "ご入力の内容は、ご購入手続きのご案内のため、みなと道具店と委託先のリカバリー代理店が取得します。"

TENANT = TenantChange(
    name="みなと道具店",
    sender_name="みなと道具店",
    sender_name_en="Minato Kitchen",
    postal_address="〒231-0023 神奈川県横浜市中区山下町1-1",
    complaint_contact="support@minato-dougu.example",
    goods_kind="台所道具",
    goods_kind_en="kitchen tools",
    mail_from="shop@minato-dougu.example",
    sms_from="+815031234567",
    voice_from="+815031234567",
    order_feed_max_age_s=None,  # nobody buys in the demo for days
)
STRANGER = TenantChange(
    name="やまと書房",
    sender_name="やまと書房",
    sender_name_en="Yamato Books",
    postal_address="〒630-8213 奈良県奈良市登大路町30",
    complaint_contact="support@yamato-books.example",
    goods_kind="書籍",
    goods_kind_en="books",
    mail_from="shop@yamato-books.example",
    sms_from="+815037654321",
    voice_from="+815037654321",
    order_feed_max_age_s=None,  # nobody buys in the demo for days
)
PEOPLE = {
    Role.AGENCY_ADMIN: ("佐藤 美咲", "admin@agency.example"),
    Role.ACCOUNT_MANAGER: ("鈴木 健", "manager@agency.example"),
    Role.OPERATOR: ("高橋 優", "operator@agency.example"),
    Role.CLIENT_REVIEWER: ("田中 葵", "reviewer@minato-dougu.example"),
}


def seed_demo(database: db.Database, *, urls: DemoUrls, now: datetime, known: DemoStory | None) -> DemoStory:
    """Make the story, or bring a known one up to this start: the shop's port and the zone where it is 11:00 change."""
    if known is not None:
        tenant_id, site_id = site_of_key(known.site_key)
        _hurry()
        with db.tenant_transaction(tenant_id) as session:
            sites.change_site(session, tenant_id=tenant_id, site_id=site_id, change=_where_and_when(urls, now), now=now)
        return known
    with db.agency_transaction() as session:
        tenants.make_agency(
            session,
            name="リカバリー代理店",
            postal_address="〒100-0005 東京都千代田区丸の内1-1-1",
            complaint_contact="support@agency.example",
            registration_number="T1234567890123",
        )
    _hurry()
    tenant_id, site_key, secret_key = _make_client(TENANT, urls, now)
    _make_client(STRANGER, urls, now, origin="https://yamato-books.example")
    logins = {role.value: _make_user(role, tenant_id, now) for role in Role}
    return DemoStory(site_key=site_key, secret_key=secret_key, tenant=TENANT.name or "", logins=logins)


def _hurry() -> None:
    """Let the agency's limits allow what the demo's sites do."""
    with db.agency_transaction() as session:
        tenants.change_limits(session, change=HURRIED)


def _make_client(
    particulars: TenantChange, urls: DemoUrls, now: datetime, origin: str | None = None
) -> tuple[TenantId, str, str]:
    """Take a client on with a site, keys, the standard scenario, a route to it and a contract."""
    tenant_id, site_id = TenantId(new_id()), SiteId(new_id())
    week_ago = now - timedelta(days=8)
    with db.tenant_transaction(tenant_id) as session:
        tenants.make_tenant(session, tenant_id=tenant_id, particulars=particulars, now=week_ago)
        change = _policy(particulars.name or "", urls, now, origin)
        sites.make_site(session, tenant_id=tenant_id, site_id=site_id, change=change, now=week_ago)
        site_key, secret_key = (
            keys.issue_site_key(session, tenant_id=tenant_id, site_id=site_id, kind=kind, now=week_ago)[1]
            for kind in (KeyKind.PUBLISHABLE, KeyKind.SECRET)
        )
        scenario_id = outreach.make_scenario(session, tenant_id=tenant_id, name="標準（3段階）", now=week_ago)
        version_id = outreach.add_version(
            session, tenant_id=tenant_id, scenario_id=scenario_id, steps=standard_steps(DEMO_DELAYS_S), now=week_ago
        )
        outreach.approve_version(session, tenant_id=tenant_id, version_id=version_id, user_id=None, now=week_ago)
        leads.add_route(
            session, tenant_id=tenant_id, site_id=site_id, name="すべて", conditions={}, scenario_id=scenario_id
        )
        terms = ContractTerms(valid_from_at=week_ago, fee_bp=1500, hold_s=5, call_hold_s=5)
        billing.make_contract_version(session, tenant_id=tenant_id, terms=terms, now=week_ago)
    return tenant_id, site_key, secret_key


def _policy(name: str, urls: DemoUrls, now: datetime, origin: str | None) -> SiteChange:
    """The demo's policy: past quarantine, no holdout, caps and gaps that let a tour pass in a minute."""
    where = _where_and_when(urls, now) if origin is None else SiteChange(origins=[origin], cart_url=f"{origin}/cart")
    return SiteChange(
        name=f"{name} オンライン",
        capture_mode=CaptureMode.NOTICE,
        notice_selector="#modori-notice",
        notice_text=NOTICE,
        abandon_after_s=6,
        holdout_pct=0,
        quarantine_until=now - timedelta(days=8),
        **HURRIED.model_dump(),
        ip_events_per_s=500,
        ip_events_burst=2000,
        site_events_per_s=2000,
        contact_points_per_ip_hour=100_000,
        contact_points_per_visitor_day=100,
        contact_points_per_prefix_hour=100_000,
        **where.model_dump(exclude_unset=True),
    )


def _where_and_when(urls: DemoUrls, now: datetime) -> SiteChange:
    return SiteChange(origins=[urls.shop], cart_url=f"{urls.shop}/cart", timezone=zone_at_eleven(now))


def zone_at_eleven(now: datetime) -> str:
    """Name a zone where it is now about 11:00, so that the demo's tour passes the calling hours at any hour.

    POSIX signs: Etc/GMT-9 is nine hours ahead of UTC. Zones reach from 12 hours behind to 14 ahead.
    """
    ahead = 11 - now.astimezone(UTC).hour
    return f"Etc/GMT{-ahead:+d}" if ahead else "Etc/GMT"


def _make_user(role: Role, tenant_id: TenantId, now: datetime) -> Login:
    name, email = PEOPLE[role]
    password = f"demo-{secrets.token_urlsafe(9)}"
    of_client = tenant_id if role is Role.CLIENT_REVIEWER else None
    with db.agency_transaction() as session:
        user = users.make_user(
            session,
            email=email,
            name=name,
            phone_e164="+819011112222",
            password_hash=passwords.hash_password(password),
            now=now,
        )
        users.give_membership(session, user_id=UserId(user.user_id), client_tenant_id=of_client, role=role, now=now)
    return Login(email, password)


def site_of_key(site_key: str) -> tuple[TenantId, SiteId]:
    """Find the client and site of a key. raises RuntimeError where the database does not know it"""
    with db.agency_transaction() as session:
        found = queries.find_site_key(session, key_hash=keys.key_hash(site_key))
    if found is None:
        raise RuntimeError("the story names a site key that the database does not know: start with --reseed")
    return TenantId(found.tenant_id), SiteId(found.site_id)
