"""Throttles, sessions, passwords and roles, as tables."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from modori.tenants.logins import rules
from modori.tenants.logins.rules import Throttle, WeakPassword
from modori.tenants.model import Role
from modori.tenants.users.rules import strongest

NOW = datetime(2026, 11, 18, 2, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("failures", "lock_s"),
    [(1, 0), (4, 0), (5, 1), (6, 2), (7, 4), (14, 512), (15, 900), (16, 900), (1000, 900)],
)
def test_a_lock_doubles_after_the_free_failures(failures: int, lock_s: int) -> None:
    assert rules.lock_after(failures, free=5) == timedelta(seconds=lock_s)


def test_a_day_without_failures_forgets_them() -> None:
    almost = Throttle(9, NOW - timedelta(days=1), None)
    assert rules.after_failure(almost, free=5, now=NOW).failures == 10
    over = Throttle(9, NOW - timedelta(days=1) - SECOND, None)
    assert rules.after_failure(over, free=5, now=NOW) == Throttle(1, NOW, None)
    assert rules.after_failure(None, free=5, now=NOW) == Throttle(1, NOW, None)


def test_a_lock_ends_at_its_instant() -> None:
    locked = Throttle(5, NOW, NOW + SECOND)
    assert rules.lock_left(locked, now=NOW) == SECOND
    assert rules.lock_left(locked, now=NOW + SECOND) == timedelta(0)
    assert rules.lock_left(None, now=NOW) == timedelta(0)


@pytest.mark.parametrize(
    ("idle", "age", "holds"),
    [
        (timedelta(0), timedelta(0), True),
        (timedelta(hours=12) - SECOND, timedelta(hours=13), True),
        (timedelta(hours=12), timedelta(hours=13), False),  # not used for half a day
        (timedelta(0), timedelta(days=7) - SECOND, True),
        (timedelta(0), timedelta(days=7), False),  # a week, however busy
    ],
)
def test_a_session_ends_by_idleness_or_age(idle: timedelta, age: timedelta, holds: bool) -> None:
    expires_at = NOW - age + rules.SESSION_ABSOLUTE
    assert rules.session_holds(seen_at=NOW - idle, expires_at=expires_at, now=NOW) is holds


@pytest.mark.parametrize(
    ("password", "reason"),
    [
        ("elevenchars", "too_short"),
        ("x" * 257, "too_long"),
        ("taro.yamada@agency.example", "is_email"),
        ("ＴＡＲＯ.yamada@agency.example", "is_email"),  # full-width letters are the same word
        ("Taro.Yamada.", None),
        ("aaaaaaaaaaaa", "too_simple"),
        ("twelve chars", None),
        ("十二文字の合言葉ですよね", None),
        ("xyz!" * 64, None),  # 256
    ],
)
def test_password_rules(password: str, reason: str | None) -> None:
    if reason is None:
        rules.check_password(password, email="taro.yamada@agency.example")
        return
    with pytest.raises(WeakPassword) as refused:
        rules.check_password(password, email="taro.yamada@agency.example")
    assert refused.value.extra["reason"] == reason


def test_the_part_before_the_at_is_no_password() -> None:
    with pytest.raises(WeakPassword):
        rules.check_password("taro.yamada.1980", email="Taro.Yamada.1980@agency.example")


def test_the_strongest_role() -> None:
    ranked = [Role.CLIENT_REVIEWER, Role.OPERATOR, Role.ACCOUNT_MANAGER, Role.AGENCY_ADMIN]
    for weaker, stronger in pairwise(ranked):
        assert strongest(weaker, stronger) == strongest(stronger, weaker) == stronger
