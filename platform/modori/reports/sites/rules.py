"""What is missing on a site, by what has been heard of it; and where in a form people leave. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import groupby
from typing import Final

SILENT_AFTER: Final = timedelta(minutes=15)
"""A page that asks for the site's policy and permits capture is heard of within seconds; this leaves slow ones time."""
MOST_BARS: Final = 12


class PageKind(StrEnum):
    """The four pages that a shop or a form has, in the order in which a person meets them."""

    PRODUCT = "product"
    CART = "cart"
    FORM = "form"
    THANKS = "thanks"


class Missing(StrEnum):
    """What a page of a kind does not tell us, and might."""

    PRODUCT_NEVER = "product_never"
    CART_NEVER = "cart_never"
    CART_WITHOUT_PRICE = "cart_without_price"
    CART_WITHOUT_LINK = "cart_without_link"
    CART_WITHOUT_PICTURE = "cart_without_picture"
    FORM_NEVER = "form_never"
    FORM_WITHOUT_EMAIL = "form_without_email"
    FORM_WITHOUT_PHONE = "form_without_phone"
    CONSENT_NEVER = "consent_never"
    ORDER_NEVER = "order_never"
    ORDER_NEVER_FROM_SERVER = "order_never_from_server"
    WHILE_OFF = "while_off"
    NOT_SINCE_ON = "not_since_on"


HINTS: Final = frozenset(
    {
        Missing.PRODUCT_NEVER,
        Missing.CART_WITHOUT_PICTURE,
        Missing.FORM_WITHOUT_PHONE,
        Missing.WHILE_OFF,
        Missing.NOT_SINCE_ON,
    }
)
"""What is only worth having, or nobody's fault; the rest costs people who could have been reached, or money."""


class Trouble(StrEnum):
    """What is wrong with the tag itself, the gravest first."""

    LEAKED_KEY = "leaked_key"
    NO_KEY = "no_key"
    CAPTURE_OFF = "capture_off"
    NEVER_LOADED = "never_loaded"
    FOREIGN_ORIGIN = "foreign_origin"
    NOTICE_NOT_IN_PAGE = "notice_not_in_page"
    NO_PERMISSION_YET = "no_permission_yet"
    ERRORS = "errors"
    DROPPED = "dropped"
    OLD_VERSION = "old_version"


class Health(StrEnum):
    """How the tag fares in pages, in a word. unknown: nothing was heard, or nothing since capture was switched on."""

    OFF = "off"
    UNKNOWN = "unknown"
    TROUBLED = "troubled"
    GOOD = "good"


@dataclass(frozen=True, slots=True)
class SiteFacts:
    """What has been heard of a site lately. Instants are None where a thing was never heard of.

    asked_at        when a page last asked for the site's policy: the tag is there, whatever it may report
    heard_at        the newest event of a person
    secret_keys     that came from pages, as the console shows them
    foreign_at      when a page of an origin that is not registered was last refused, and foreign_origin: which one,
                    empty where it has no name (a file on somebody's disk)
    cart_at         the newest cart that was not empty · priced_cart_at: the newest whose total was not 0
    linked_cart_at  the newest that named its address · pictured_cart_at: the newest with a picture that was kept
    versions        of the tag, newest page first
    health          sums over the pages heard of: how many told of errors, of dropped events; most queued at once.
                    Where capture was switched on meanwhile, since then; what was given up while it was off is left out
    """

    asked_at: datetime | None = None
    heard_at: datetime | None = None
    secret_keys: frozenset[str] = frozenset()
    foreign_at: datetime | None = None
    foreign_origin: str = ""
    pages_at: Mapping[str, datetime] = field(default_factory=dict)
    cart_at: datetime | None = None
    priced_cart_at: datetime | None = None
    linked_cart_at: datetime | None = None
    pictured_cart_at: datetime | None = None
    form_at: datetime | None = None
    email_at: datetime | None = None
    phone_at: datetime | None = None
    consent_at: datetime | None = None
    claimed_order_at: datetime | None = None
    proven_order_at: datetime | None = None
    versions: Sequence[str] = ()
    pages_with_errors: int = 0
    pages_with_drops: int = 0
    most_queued: int = 0


@dataclass(frozen=True, slots=True)
class SitePolicy:
    """What the site is set to, as far as it changes what should be heard of it."""

    has_key: bool
    mode: str
    has_cart_url: bool
    wants_consent: bool
    version: str | None = None
    """The newest tag's; None: not known here."""
    secret_keys: frozenset[str] = frozenset()
    """Those that still open something, as the console shows them."""
    on_at: datetime | None = None
    """When capture was last switched on: what was silent before then was off. None: it was never off."""


@dataclass(frozen=True, slots=True)
class PageCheck:
    """One kind of page: when it was last heard of, and what it does not tell."""

    kind: PageKind
    last_at: datetime | None
    missing: tuple[Missing, ...]

    @property
    def is_good(self) -> bool:
        return self.last_at is not None and set(self.missing) <= HINTS


def check_pages(facts: SiteFacts, policy: SitePolicy) -> list[PageCheck]:
    """Say for each kind of page what is missing, the gravest first.

    Nobody asks what a browser may not tell, or has not told since it may. Orders come from servers, too.
    """
    pages, held = facts.pages_at, _not_judged(facts, policy)
    of_product = _where(pages.get("product") is None, Missing.PRODUCT_NEVER)
    return [
        PageCheck(PageKind.PRODUCT, pages.get("product"), held or of_product),
        PageCheck(PageKind.CART, _newest(facts.cart_at, pages.get("cart")), held or _of_cart(facts, policy)),
        PageCheck(PageKind.FORM, _newest(facts.form_at, pages.get("checkout")), held or _of_form(facts, policy)),
        PageCheck(
            PageKind.THANKS,
            _newest(facts.claimed_order_at, facts.proven_order_at, pages.get("thanks")),
            _of_order(facts),
        ),
    ]


def _not_judged(facts: SiteFacts, policy: SitePolicy) -> tuple[Missing, ...]:
    if policy.mode == "off":
        return (Missing.WHILE_OFF,)
    return _where(_is_unheard_since_on(facts, policy), Missing.NOT_SINCE_ON)


def _is_unheard_since_on(facts: SiteFacts, policy: SitePolicy) -> bool:
    return policy.on_at is not None and (facts.heard_at is None or facts.heard_at < policy.on_at)


def _of_cart(facts: SiteFacts, policy: SitePolicy) -> tuple[Missing, ...]:
    if facts.cart_at is None:
        return (Missing.CART_NEVER,)
    return (
        _where(facts.priced_cart_at is None, Missing.CART_WITHOUT_PRICE)
        + _where(facts.linked_cart_at is None and not policy.has_cart_url, Missing.CART_WITHOUT_LINK)
        + _where(facts.pictured_cart_at is None, Missing.CART_WITHOUT_PICTURE)
    )


def _of_form(facts: SiteFacts, policy: SitePolicy) -> tuple[Missing, ...]:
    consent = _where(policy.wants_consent and facts.consent_at is None, Missing.CONSENT_NEVER)
    if facts.form_at is None:
        return (Missing.FORM_NEVER, *consent)
    return (
        _where(facts.email_at is None, Missing.FORM_WITHOUT_EMAIL)
        + consent
        + _where(facts.phone_at is None, Missing.FORM_WITHOUT_PHONE)
    )


def _of_order(facts: SiteFacts) -> tuple[Missing, ...]:
    """A browser's word stops messages; without a server's nothing bills (G11)."""
    if facts.proven_order_at is not None:
        return ()
    return (Missing.ORDER_NEVER_FROM_SERVER if facts.claimed_order_at else Missing.ORDER_NEVER,)


def judge_health(facts: SiteFacts, policy: SitePolicy) -> Health:
    """Say how the tag fares where capture is on, by what pages told since it is."""
    if policy.mode == "off":
        return Health.OFF
    if facts.heard_at is None or _is_unheard_since_on(facts, policy):
        return Health.UNKNOWN
    return Health.TROUBLED if facts.pages_with_errors or facts.pages_with_drops else Health.GOOD


def check_tag(facts: SiteFacts, policy: SitePolicy) -> list[Trouble]:
    """Say what is wrong with the tag, the gravest first; nothing where it works."""
    in_pages = [Trouble.LEAKED_KEY] if facts.secret_keys & policy.secret_keys else []
    return in_pages + _of_tag(facts, policy)


def _of_tag(facts: SiteFacts, policy: SitePolicy) -> list[Trouble]:
    if not policy.has_key:
        return [Trouble.NO_KEY]
    if policy.mode == "off":
        return [Trouble.CAPTURE_OFF]
    if facts.asked_at is None and facts.heard_at is None:
        return [Trouble.FOREIGN_ORIGIN if _is_turned_away(facts) else Trouble.NEVER_LOADED]
    found: list[Trouble] = []
    if _is_silent(facts, policy) and _is_turned_away(facts):
        found.append(Trouble.FOREIGN_ORIGIN)
    elif _is_silent(facts, policy):
        found.append(Trouble.NOTICE_NOT_IN_PAGE if policy.mode == "notice" else Trouble.NO_PERMISSION_YET)
    if facts.pages_with_errors:
        found.append(Trouble.ERRORS)
    if facts.pages_with_drops:
        found.append(Trouble.DROPPED)
    if policy.version is not None and facts.versions and facts.versions[0] != policy.version:
        found.append(Trouble.OLD_VERSION)
    return found


def _is_silent(facts: SiteFacts, policy: SitePolicy) -> bool:
    """Pages have the tag, and none of them has said anything for a while. Those that were told "off" do not count."""
    if facts.asked_at is None or (policy.on_at is not None and facts.asked_at < policy.on_at):
        return False
    if facts.heard_at is None:
        return True
    since = _newest(facts.heard_at, policy.on_at)
    return since is not None and since < facts.asked_at - SILENT_AFTER


def _is_turned_away(facts: SiteFacts) -> bool:
    """Since anything was heard, a page sent something from an origin that is not registered."""
    return facts.foreign_at is not None and (facts.heard_at is None or facts.heard_at < facts.foreign_at)


def _where(is_so: bool, missing: Missing) -> tuple[Missing, ...]:
    return (missing,) if is_so else ()


def _newest(*instants: datetime | None) -> datetime | None:
    return max((one for one in instants if one is not None), default=None)


@dataclass(frozen=True, slots=True)
class LeftField:
    """People who left one form at one field. `token` is None where no field is known.

    median_ms  they spent in it; None where it was not measured
    corrected  how many of them had changed it again after leaving it
    """

    form: str
    token: str | None
    people: int
    median_ms: int | None
    corrected: int


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar of the chart: people who left at a field, and their share of all who left this form.

    length_pct  of the longest bar
    """

    token: str | None
    people: int
    share_pct: int
    length_pct: int
    median_ms: int | None
    corrected_pct: int


@dataclass(frozen=True, slots=True)
class DropOff:
    """One form's chart. `more` counts the people of fields that are not drawn."""

    form: str
    people: int
    bars: tuple[Bar, ...]
    more: int


def chart(rows: Iterable[LeftField]) -> list[DropOff]:
    """Make a chart for each form, the one that most people left first, the longest bar on top."""
    charts = []
    for form, group in groupby(sorted(rows, key=lambda row: row.form), key=lambda row: row.form):
        fields = sorted(group, key=lambda row: (-row.people, row.token or ""))
        people = sum(row.people for row in fields)
        bars = tuple(
            Bar(
                row.token,
                row.people,
                share_pct=_pct(row.people, people),
                length_pct=_pct(row.people, fields[0].people),
                median_ms=row.median_ms,
                corrected_pct=_pct(row.corrected, row.people),
            )
            for row in fields[:MOST_BARS]
        )
        charts.append(DropOff(form, people, bars, sum(row.people for row in fields[MOST_BARS:])))
    return sorted(charts, key=lambda one: (-one.people, one.form))


def _pct(part: int, whole: int) -> int:
    return round(100 * part / whole) if whole else 0
