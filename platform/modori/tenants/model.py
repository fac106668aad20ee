"""The agency, its clients, their sites and keys; the agency's users and their sessions; audit."""

from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, BigInteger, CheckConstraint, ForeignKeyConstraint, Index, String, text
from sqlmodel import Field, SQLModel

from modori.storage.columns import Instant, Json, TenantRow, choice


class Agency(SQLModel, table=True):
    """The one agency of an installation: a single row, readable by every process."""

    __tablename__ = "agency"
    agency_id: int = Field(default=1, primary_key=True)
    name: str
    postal_address: str = ""
    complaint_contact: str = ""
    registration_number: str | None = Field(default=None, max_length=14)
    """適格請求書 number: T and 13 digits (RULES 20)."""
    tax_rounding: str = "down"
    sending_stopped_at: datetime | None = Field(default=None, sa_type=Instant)
    """The platform's kill switch: while set, no gate allows anything."""
    sending_stopped_reason: str | None = None
    message_gap_s: int = Field(default=20 * 3600, sa_column_kwargs={"server_default": text("72000")})
    first_messages_per_contact_day: int = Field(default=1, sa_column_kwargs={"server_default": text("1")})
    messages_per_contact_week: int = Field(default=3, sa_column_kwargs={"server_default": text("3")})
    dial_gap_s: int = Field(default=3600, sa_column_kwargs={"server_default": text("3600")})
    dials_per_day: int = Field(default=2, sa_column_kwargs={"server_default": text("2")})
    dials_per_lead: int = Field(default=5, sa_column_kwargs={"server_default": text("5")})
    """What no site may loosen (`rules.LIMITS`): caps over all clients are promised to people, not to one client. The
    gate uses the stricter of the agency's figure and the site's (RULES 12, 31)."""

    __table_args__ = (CheckConstraint("agency_id = 1", name="one_agency"),)


class Tenant(TenantRow, table=True):
    """A client company of the agency, with what the law wants shown in its messages (RULES 4, 8, 10)."""

    __tablename__ = "tenant"
    name: str
    sender_name: str
    """The seller's name as it stands in messages and in the opening lines of a call."""
    sender_name_en: str
    postal_address: str
    complaint_contact: str
    goods_kind: str
    goods_kind_en: str
    """The kind of goods, said at the opening of a call (RULES 10)."""
    mail_from: str
    sms_from: str
    """A Twilio number in E.164 or an alphanumeric sender id (RULES 24)."""
    voice_from: str
    dkim_domain: str | None = None
    dkim_selector: str | None = None
    dkim_key: bytes | None = None
    """The DKIM private key, sealed."""
    currency: str = Field(default="JPY", max_length=3)
    tax_rate_bp: int = 1000
    """Consumption tax on the agency's fee, in basis points: 1000 is 10 %."""
    order_feed_max_age_s: int | None = None
    """How old the newest word of the order feed may be before sends are held; None: somebody said that no feed is to be
    expected. A new client starts with a day."""
    order_feed_seen_at: datetime | None = Field(default=None, sa_type=Instant)
    """Of all sites together: nobody reads it since each site has its own (`OrderFeed`). Processes of the version before
    write it, so that it goes with the next one."""
    monthly_spend_limit_minor: int | None = Field(default=None, sa_type=BigInteger)
    """Most that deliveries may cost in a calendar month, minor units; None: no limit."""
    sending_stopped_at: datetime | None = Field(default=None, sa_type=Instant)
    sending_stopped_reason: str | None = None
    consent_duty: str = "tenant"
    record_duty: str = "tenant"
    opt_out_duty: str = "agency"
    """Who holds each of the three duties of 特商法 12条の4: tenant or agency (RULES 8)."""
    made_at: datetime = Field(sa_type=Instant)


class CaptureMode(StrEnum):
    """off: nothing is captured · notice: while the page shows a notice · after-consent: once permission is given."""

    OFF = "off"
    NOTICE = "notice"
    AFTER_CONSENT = "after-consent"


class Site(TenantRow, table=True):
    """One web property of a client, and its policy: every hour, cap, gap and limit is data here (RULES 12, 31, 36)."""

    __tablename__ = "site"
    site_id: UUID = Field(primary_key=True)
    name: str
    origins: list[str] = Field(sa_type=ARRAY(String))
    picture_origins: list[str] = Field(default_factory=list, sa_type=ARRAY(String))
    """Where else the pictures of its goods lie, https only: a CDN. Links lead to `origins` and nowhere else (G8)."""
    country: str = Field(default="JP", max_length=2)
    timezone: str = "Asia/Tokyo"
    locale: str = "ja"
    capture_mode: CaptureMode = Field(default=CaptureMode.OFF, sa_type=choice(CaptureMode))
    notice_selector: str | None = None
    notice_text: str | None = None
    abandon_after_s: int = 1800
    episode_expires_after_s: int = 30 * 86400
    holdout_pct: int = 10
    quarantine_until: datetime | None = Field(default=None, sa_type=Instant)
    quarantine_daily_cap: int = 20
    sending_stopped_at: datetime | None = Field(default=None, sa_type=Instant)
    sending_stopped_reason: str | None = None
    has_order_feed: bool = True
    """Orders of this site are reported, so that silence of longer than the client's limit holds its sends. False:
    somebody said that nobody buys here, or that nobody can report it."""
    hours: dict[str, Any] = Field(sa_type=Json)
    """Allowed hours: {"call": {"weekday": [["09:00","20:00"]], "holiday": [["10:00","18:00"]]}, "sms": …, …}."""
    messages_per_lead: int = 3
    message_gap_s: int = 20 * 3600
    first_messages_per_contact_day: int = 1
    messages_per_contact_week: int = 3
    dial_gap_s: int = 3600
    dials_per_day: int = 2
    dials_per_lead: int = 5
    touch_max_age_s: int = 2 * 86400
    ip_events_per_s: int = 10
    ip_events_burst: int = 50
    site_events_per_s: int = 200
    contact_points_per_ip_hour: int = 5
    contact_points_per_visitor_day: int = 3
    contact_points_per_prefix_hour: int = 30
    """New telephone numbers that differ in their last four digits only, or addresses of one pattern or rare domain."""
    signed_mode: bool = False
    """Only contact points that the shop's server has signed for make leads (docs/signed-mode.md)."""
    signing_secret: bytes | None = None
    signing_secret_before: bytes | None = None
    """Sealed. Both are good, so that a shop can change from one to the next (RULES 37)."""
    cart_url: str | None = None
    made_at: datetime = Field(sa_type=Instant)

    __table_args__ = (
        ForeignKeyConstraint(["tenant_id"], ["tenant.tenant_id"]),
        CheckConstraint("capture_mode = 'off' or notice_text is not null", name="no_capture_without_notice"),
        CheckConstraint("holdout_pct between 0 and 100", name="holdout_pct_range"),
    )


class NoticeVersion(TenantRow, table=True):
    """What a site's capture said of itself from an instant on: its mode, and the notice's text. Append-only.

    A result's proof names the one that was in force when the person's try began (G9).
    """

    __tablename__ = "notice_version"
    notice_version_id: UUID = Field(primary_key=True)
    site_id: UUID
    capture_mode: CaptureMode = Field(sa_type=choice(CaptureMode))
    text: str | None = None
    text_hash: bytes | None = None
    """SHA-256 of the text in UTF-8."""
    from_at: datetime = Field(sa_type=Instant)
    recorded_at: datetime = Field(sa_type=Instant)
    """Later than `from_at` for what stood before versions were kept."""

    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "site_id"], ["site.tenant_id", "site.site_id"]),
        Index("notice_version_of_site", "tenant_id", "site_id", "from_at"),
    )


class KeyKind(StrEnum):
    """publishable stands in the page (pk_…) · secret stays on a server (sk_…)."""

    PUBLISHABLE = "publishable"
    SECRET = "secret"  # noqa: S105  # the name of a kind, not a secret


class OrderFeed(TenantRow, table=True):
    """Up to when a site's orders are known. A row of its own: orders write it every ten seconds, and a site's row is
    what ingest's keys look at for changes."""

    __tablename__ = "order_feed"
    site_id: UUID = Field(primary_key=True)
    heard_at: datetime = Field(sa_type=Instant)
    settles_at: datetime | None = Field(default=None, sa_type=Instant)
    """After a silence: until then what came first may be the newest of a backlog that is still on its way."""

    __table_args__ = (ForeignKeyConstraint(["tenant_id", "site_id"], ["site.tenant_id", "site.site_id"]),)


class SiteKey(TenantRow, table=True):
    """A key of a site, by its SHA-256. Looked up before a tenant is known, by the function `resolve_site_key`."""

    __tablename__ = "site_key"
    key_id: UUID = Field(primary_key=True)
    site_id: UUID
    kind: KeyKind = Field(sa_type=choice(KeyKind))
    key_hash: bytes = Field(unique=True)
    shown: str
    """pk_ whole, since it is public; of sk_ the first eight characters."""
    made_at: datetime = Field(sa_type=Instant)
    revoked_at: datetime | None = Field(default=None, sa_type=Instant)

    __table_args__ = (ForeignKeyConstraint(["tenant_id", "site_id"], ["site.tenant_id", "site.site_id"]),)


class Role(StrEnum):
    """Who a member is: agency_admin > account_manager > operator; client_reviewer belongs to one client."""

    AGENCY_ADMIN = "agency_admin"
    ACCOUNT_MANAGER = "account_manager"
    OPERATOR = "operator"
    CLIENT_REVIEWER = "client_reviewer"


class User(SQLModel, table=True):
    """Somebody who works in the console. The agency's own row; e-mail and telephone are sealed under PLATFORM."""

    __tablename__ = "user_account"
    user_id: UUID = Field(primary_key=True)
    email: bytes
    email_index: bytes = Field(unique=True)
    name: str
    phone: bytes | None = None
    """The operator's own telephone, which a dial rings first; sealed."""
    password_hash: str | None = None
    locale: str = "ja"
    timezone: str = "Asia/Tokyo"
    made_at: datetime = Field(sa_type=Instant)
    disabled_at: datetime | None = Field(default=None, sa_type=Instant)


class Membership(SQLModel, table=True):
    """A user's role at one client, or (client_tenant_id null) in the whole agency."""

    __tablename__ = "membership"
    membership_id: UUID = Field(primary_key=True)
    user_id: UUID = Field(foreign_key="user_account.user_id", index=True)
    client_tenant_id: UUID | None = None
    role: Role = Field(sa_type=choice(Role))
    made_at: datetime = Field(sa_type=Instant)

    __table_args__ = (
        Index("membership_once", "user_id", "client_tenant_id", unique=True, postgresql_nulls_not_distinct=True),
        CheckConstraint("role <> 'client_reviewer' or client_tenant_id is not null", name="reviewer_has_client"),
    )


class ConsoleSession(SQLModel, table=True):
    """A log-in. The cookie holds a token of which only the SHA-256 is stored."""

    __tablename__ = "console_session"
    session_id: UUID = Field(primary_key=True)
    user_id: UUID = Field(foreign_key="user_account.user_id", index=True)
    token_hash: bytes = Field(unique=True)
    csrf_token: str
    tenant_in_view: UUID | None = None
    """The client whose rows the screens show; None: all that the user may see."""
    made_at: datetime = Field(sa_type=Instant)
    seen_at: datetime = Field(sa_type=Instant)
    expires_at: datetime = Field(sa_type=Instant)


class TokenKind(StrEnum):
    """What a mailed link lets its holder do, once: set a first password, or a new one."""

    INVITATION = "invitation"
    RESET = "reset"


class PasswordToken(SQLModel, table=True):
    """A link mailed to a user, by its SHA-256."""

    __tablename__ = "password_token"
    token_hash: bytes = Field(primary_key=True)
    user_id: UUID = Field(foreign_key="user_account.user_id", index=True)
    kind: TokenKind = Field(sa_type=choice(TokenKind))
    made_at: datetime = Field(sa_type=Instant)
    expires_at: datetime = Field(sa_type=Instant)
    used_at: datetime | None = Field(default=None, sa_type=Instant)


class LoginThrottle(SQLModel, table=True):
    """Failures per e-mail index and per address of origin; `locked_until` doubles with each."""

    __tablename__ = "login_throttle"
    subject: bytes = Field(primary_key=True)
    failures: int = 0
    failed_at: datetime = Field(sa_type=Instant)
    locked_until: datetime | None = Field(default=None, sa_type=Instant)


class AuditEntry(TenantRow, table=True):
    """Who did what in the console, reveals of personal data included (RULES 16). Append-only."""

    __tablename__ = "audit_entry"
    audit_id: UUID = Field(primary_key=True)
    at: datetime = Field(sa_type=Instant)
    user_id: UUID | None = None
    action: str
    subject_kind: str
    subject_id: str
    detail: dict[str, Any] = Field(sa_type=Json)

    __table_args__ = (Index("audit_of_subject", "tenant_id", "subject_kind", "subject_id", "at"),)


class Spend(TenantRow, table=True):
    """What a client's deliveries have cost in a month: the tenant budget that begin locks last (G2)."""

    __tablename__ = "spend"
    month_on: date = Field(primary_key=True)
    spent_minor: int = Field(default=0, sa_type=BigInteger, sa_column_kwargs={"server_default": text("0")})
