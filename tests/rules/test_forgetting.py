"""What may be taken of a visitor who said something about capture (RULES 15)."""

from datetime import timedelta
from itertools import permutations

import pytest

from modori.capture.forgetting.rules import Permission
from tests.world import NOW

S = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("permission", "before", "at", "after"),
    [
        (Permission(), False, False, False),  # silence is for the site's mode
        (Permission(granted_at=NOW), False, False, False),
        (Permission(refused_at=NOW), True, True, True),  # what happened at that very instant is refused, too
        (Permission(refused_at=NOW, granted_at=NOW - S), True, True, True),
        (Permission(refused_at=NOW, granted_at=NOW), True, True, True),  # at once: the careful reading
        (Permission(refused_at=NOW, granted_at=NOW + S), True, True, False),  # re-opened; what was refused stays away
    ],
)
def test_what_is_forbidden(permission: Permission, *, before: bool, at: bool, after: bool) -> None:
    assert [permission.forbids(moment) for moment in (NOW - S, NOW, NOW + 2 * S)] == [before, at, after]


def test_words_may_arrive_in_any_order() -> None:
    words = [(False, NOW), (True, NOW + S), (False, NOW + 2 * S), (True, NOW + 3 * S)]
    for order in permutations(words):
        permission = Permission()
        for granted, at in order:
            permission = permission.after(granted=granted, at=at)
        assert permission == Permission(refused_at=NOW + 2 * S, granted_at=NOW + 3 * S)
        assert not permission.is_refused


def test_a_refusal_reaches_until_it_was_heard_unless_a_grant_followed_it() -> None:
    said_at, heard_at = NOW, NOW + timedelta(seconds=7)
    before, after = NOW - timedelta(days=1), NOW + timedelta(seconds=1)
    for known, reach in (
        (Permission(), heard_at),
        (Permission(refused_at=said_at, granted_at=before), heard_at),
        (Permission(granted_at=said_at), heard_at),
        (Permission(granted_at=after), said_at),
    ):
        assert known.reach(said_at=said_at, heard_at=heard_at) == reach
    assert Permission().reach(said_at=heard_at, heard_at=said_at) == heard_at
