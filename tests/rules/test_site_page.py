"""What is missing on a site, row by row; and the chart of the fields at which people leave."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from modori.reports.sites.rules import (
    MOST_BARS,
    SILENT_AFTER,
    Bar,
    Health,
    LeftField,
    Missing,
    PageKind,
    SiteFacts,
    SitePolicy,
    Trouble,
    chart,
    check_pages,
    check_tag,
    judge_health,
)

NOW = datetime(2026, 11, 18, 2, 0, tzinfo=UTC)
POLICY = SitePolicy(has_key=True, mode="notice", has_cart_url=False, wants_consent=True)
ALL_THERE = SiteFacts(
    asked_at=NOW,
    heard_at=NOW,
    pages_at={"product": NOW, "thanks": NOW},
    cart_at=NOW,
    priced_cart_at=NOW,
    linked_cart_at=NOW,
    pictured_cart_at=NOW,
    form_at=NOW,
    email_at=NOW,
    phone_at=NOW,
    consent_at=NOW,
    proven_order_at=NOW,
    versions=("1.0.0",),
)


def missing(facts: SiteFacts, policy: SitePolicy = POLICY) -> dict[PageKind, tuple[Missing, ...]]:
    return {one.kind: one.missing for one in check_pages(facts, policy)}


def without(**facts: Any) -> SiteFacts:
    return replace(ALL_THERE, **facts)


def test_nothing_is_missing_where_everything_was_heard_of() -> None:
    checks = check_pages(ALL_THERE, POLICY)
    assert [one.missing for one in checks] == [(), (), (), ()]
    assert all(one.is_good for one in checks)
    assert check_tag(ALL_THERE, POLICY) == []


def test_of_a_new_site_everything_is_missing() -> None:
    assert missing(SiteFacts()) == {
        PageKind.PRODUCT: (Missing.PRODUCT_NEVER,),
        PageKind.CART: (Missing.CART_NEVER,),
        PageKind.FORM: (Missing.FORM_NEVER, Missing.CONSENT_NEVER),
        PageKind.THANKS: (Missing.ORDER_NEVER,),
    }
    assert not any(one.is_good for one in check_pages(SiteFacts(), POLICY))


@pytest.mark.parametrize(
    ("facts", "kind", "expected"),
    [
        (without(pages_at={}), PageKind.PRODUCT, (Missing.PRODUCT_NEVER,)),
        (without(priced_cart_at=None), PageKind.CART, (Missing.CART_WITHOUT_PRICE,)),
        (without(linked_cart_at=None), PageKind.CART, (Missing.CART_WITHOUT_LINK,)),
        (without(pictured_cart_at=None), PageKind.CART, (Missing.CART_WITHOUT_PICTURE,)),
        (without(cart_at=None, priced_cart_at=None), PageKind.CART, (Missing.CART_NEVER,)),
        (without(email_at=None), PageKind.FORM, (Missing.FORM_WITHOUT_EMAIL,)),
        (without(phone_at=None), PageKind.FORM, (Missing.FORM_WITHOUT_PHONE,)),
        (
            without(email_at=None, consent_at=None, phone_at=None),
            PageKind.FORM,
            (Missing.FORM_WITHOUT_EMAIL, Missing.CONSENT_NEVER, Missing.FORM_WITHOUT_PHONE),  # the gravest first
        ),
        (without(proven_order_at=None), PageKind.THANKS, (Missing.ORDER_NEVER,)),
        # A browser's word bills nothing (G11).
        (without(proven_order_at=None, claimed_order_at=NOW), PageKind.THANKS, (Missing.ORDER_NEVER_FROM_SERVER,)),
    ],
)
def test_what_a_page_does_not_tell(facts: SiteFacts, kind: PageKind, expected: tuple[Missing, ...]) -> None:
    found = missing(facts)
    assert found.pop(kind) == expected
    assert set(found.values()) == {()}


def test_what_the_policy_makes_up_for_is_not_missing() -> None:
    linked = SitePolicy(has_key=True, mode="notice", has_cart_url=True, wants_consent=False)
    found = missing(without(linked_cart_at=None, consent_at=None), linked)
    assert set(found.values()) == {()}


def test_a_hint_does_not_make_a_page_bad() -> None:
    (form,) = (one for one in check_pages(without(phone_at=None), POLICY) if one.kind is PageKind.FORM)
    assert form.is_good
    (form,) = (one for one in check_pages(without(email_at=None), POLICY) if one.kind is PageKind.FORM)
    assert not form.is_good


JUST = SILENT_AFTER
EARLIER = NOW - SILENT_AFTER - timedelta(seconds=1)
LEAKED = frozenset({"sk_abcde"})
WITH_SECRET = replace(POLICY, secret_keys=frozenset({"sk_abcde", "sk_vwxyz"}))
AFTER_CONSENT = SitePolicy(has_key=True, mode="after-consent", has_cart_url=True, wants_consent=True)


@pytest.mark.parametrize(
    ("facts", "policy", "expected"),
    [
        (ALL_THERE, SitePolicy(False, "notice", True, True), [Trouble.NO_KEY]),
        (ALL_THERE, SitePolicy(True, "off", True, True), [Trouble.CAPTURE_OFF]),
        (SiteFacts(), POLICY, [Trouble.NEVER_LOADED]),
        (without(secret_keys=LEAKED), WITH_SECRET, [Trouble.LEAKED_KEY]),
        (SiteFacts(secret_keys=LEAKED), WITH_SECRET, [Trouble.LEAKED_KEY, Trouble.NEVER_LOADED]),
        (without(secret_keys=LEAKED), POLICY, []),  # it has been revoked
        (SiteFacts(asked_at=NOW), POLICY, [Trouble.NOTICE_NOT_IN_PAGE]),
        (SiteFacts(asked_at=NOW), AFTER_CONSENT, [Trouble.NO_PERMISSION_YET]),
        (SiteFacts(asked_at=NOW, foreign_at=NOW), POLICY, [Trouble.FOREIGN_ORIGIN]),
        (SiteFacts(asked_at=NOW, foreign_at=NOW), AFTER_CONSENT, [Trouble.FOREIGN_ORIGIN]),
        (SiteFacts(foreign_at=NOW), POLICY, [Trouble.FOREIGN_ORIGIN]),  # the policy was in the browser's cache
        (without(heard_at=EARLIER, foreign_at=NOW), POLICY, [Trouble.FOREIGN_ORIGIN]),
        (without(heard_at=EARLIER, foreign_at=EARLIER), POLICY, [Trouble.NOTICE_NOT_IN_PAGE]),  # heard since
        (without(foreign_at=NOW + JUST), POLICY, []),  # a second shop, or somebody's copy: the site itself is heard
        (without(heard_at=NOW - JUST), POLICY, []),  # to the second it is not silent yet
        (without(heard_at=EARLIER), POLICY, [Trouble.NOTICE_NOT_IN_PAGE]),
        (without(asked_at=None), POLICY, []),  # heard of, from before policies were counted
        (without(pages_with_errors=1, pages_with_drops=2), POLICY, [Trouble.ERRORS, Trouble.DROPPED]),
        (ALL_THERE, SitePolicy(True, "notice", True, True, version="1.0.0"), []),
        (ALL_THERE, SitePolicy(True, "notice", True, True, version="1.0.1"), [Trouble.OLD_VERSION]),
    ],
)
def test_what_is_wrong_with_the_tag(facts: SiteFacts, policy: SitePolicy, expected: list[Trouble]) -> None:
    assert check_tag(facts, policy) == expected


SECOND = timedelta(seconds=1)
ON_AT = NOW - timedelta(hours=2)
OFF = replace(POLICY, mode="off")
ON_AGAIN = replace(POLICY, on_at=ON_AT)
LONG_AGO = ON_AT - timedelta(days=1)


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (without(asked_at=ON_AT - SECOND, heard_at=LONG_AGO), []),  # who asked was told "off"
        (without(asked_at=ON_AT - SECOND, heard_at=None), []),  # off for longer than the page looks back
        (SiteFacts(asked_at=ON_AT - SECOND), []),  # a new site, whose tag was there before its capture was on
        (without(asked_at=ON_AT, heard_at=LONG_AGO), []),
        (without(asked_at=ON_AT + SILENT_AFTER, heard_at=LONG_AGO), []),  # to the second it is not silent yet
        (without(asked_at=ON_AT + SILENT_AFTER + SECOND, heard_at=LONG_AGO), [Trouble.NOTICE_NOT_IN_PAGE]),
        (without(asked_at=ON_AT + SILENT_AFTER + SECOND, heard_at=ON_AT + SECOND), []),
        (SiteFacts(asked_at=ON_AT), [Trouble.NOTICE_NOT_IN_PAGE]),  # never heard of: an engineer waits to be told
        (without(heard_at=ON_AT + SECOND), [Trouble.NOTICE_NOT_IN_PAGE]),  # heard once, and silent again
        (without(asked_at=ON_AT - SECOND, heard_at=LONG_AGO, foreign_at=ON_AT), []),
    ],
)
def test_a_tag_is_silent_by_what_it_did_since_capture_is_on(facts: SiteFacts, expected: list[Trouble]) -> None:
    assert check_tag(facts, ON_AGAIN) == expected


@pytest.mark.parametrize(
    ("facts", "policy", "expected"),
    [
        (ALL_THERE, POLICY, Health.GOOD),
        (without(pages_with_errors=1), POLICY, Health.TROUBLED),
        (without(pages_with_drops=1), POLICY, Health.TROUBLED),
        (SiteFacts(), POLICY, Health.UNKNOWN),
        (ALL_THERE, OFF, Health.OFF),
        (without(pages_with_errors=1, pages_with_drops=1), OFF, Health.OFF),
        (without(heard_at=ON_AT - SECOND), ON_AGAIN, Health.UNKNOWN),
        (without(heard_at=ON_AT), ON_AGAIN, Health.GOOD),
        (without(heard_at=ON_AT, pages_with_drops=1), ON_AGAIN, Health.TROUBLED),
    ],
)
def test_how_the_tag_fares_is_said_of_the_time_that_capture_is_on(
    facts: SiteFacts, policy: SitePolicy, expected: Health
) -> None:
    assert judge_health(facts, policy) is expected


@pytest.mark.parametrize(
    ("facts", "policy", "held"),
    [
        (SiteFacts(), OFF, Missing.WHILE_OFF),
        (ALL_THERE, OFF, Missing.WHILE_OFF),
        (SiteFacts(), ON_AGAIN, Missing.NOT_SINCE_ON),
        (without(heard_at=ON_AT - SECOND), ON_AGAIN, Missing.NOT_SINCE_ON),
    ],
)
def test_while_capture_is_off_and_until_something_is_heard_no_page_is_missing_anything(
    facts: SiteFacts, policy: SitePolicy, held: Missing
) -> None:
    found = missing(facts, policy)
    of_orders = found.pop(PageKind.THANKS)  # a server reports them all the same
    assert of_orders == (() if facts.proven_order_at else (Missing.ORDER_NEVER,))
    assert set(found.values()) == {(held,)}


def test_once_something_was_heard_since_capture_is_on_what_is_missing_is_said_again() -> None:
    assert missing(without(heard_at=ON_AT, cart_at=None), ON_AGAIN)[PageKind.CART] == (Missing.CART_NEVER,)


def test_the_chart_has_the_longest_bar_on_top_and_shares_of_its_form() -> None:
    rows = [
        LeftField("contact", "email", 1, None, 0),
        LeftField("checkout", "tel", 6, 9000, 3),
        LeftField("checkout", None, 1, None, 0),
        LeftField("checkout", "email", 3, 4000, 1),
    ]
    checkout, contact = chart(rows)
    assert (checkout.form, checkout.people, checkout.more) == ("checkout", 10, 0)
    assert checkout.bars == (
        Bar("tel", 6, 60, 100, 9000, 50),
        Bar("email", 3, 30, 50, 4000, 33),
        Bar(None, 1, 10, 17, None, 0),
    )
    assert contact.bars == (Bar("email", 1, 100, 100, None, 0),)
    assert chart([]) == []


def test_the_chart_counts_what_it_does_not_draw() -> None:
    rows = [LeftField("form", f"field-{number:02d}", 1, None, 0) for number in range(MOST_BARS + 3)]
    (drawn,) = chart(rows)
    assert (len(drawn.bars), drawn.more, drawn.people) == (MOST_BARS, 3, MOST_BARS + 3)
