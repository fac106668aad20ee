"""Log-in, its throttle, sessions, and the links that set passwords."""

import threading
from datetime import datetime, timedelta

import pytest
from sqlalchemy import text

from modori.console.door import recognise
from modori.kernel.ids import PLATFORM
from modori.storage import db
from modori.tenants.logins import actions as logins
from modori.tenants.logins import queries
from modori.tenants.logins.actions import LinkExpired, LoginAnswer
from modori.tenants.logins.rules import SESSION_ABSOLUTE, SESSION_IDLE, WeakPassword
from modori.tenants.model import Role, TokenKind
from modori.tenants.users import actions
from modori.tenants.users.values import email_index
from tests.world import PASSWORD, UserWorld, World

NEW_PASSWORD = "another horse, another battery"


@pytest.fixture
def operator(world: World) -> UserWorld:
    return world.users[Role.OPERATOR]


@pytest.fixture
def ip(world: World) -> str:
    """An address of this test's own: failures of other tests are counted in the same database."""
    return str(world.acme.tenant_id)


def attempt(email: str, password: str, ip: str, now: datetime) -> LoginAnswer:
    with db.agency_transaction() as session:
        return logins.verify_login(session, email=email, password=password, ip=ip, now=now)


def token_hashes_of(user: UserWorld) -> list[bytes]:
    """What is stored of the tokens of a user's log-ins."""
    with db.agency_transaction() as session:
        return list(
            session.connection().scalars(
                text("select token_hash from console_session where user_id = :user_id"), {"user_id": user.user_id}
            )
        )


def test_the_right_words_let_in(world: World, operator: UserWorld, ip: str) -> None:
    assert attempt(f" {operator.email.upper()} ", PASSWORD, ip, world.now) == LoginAnswer(operator.user_id)


def test_wrong_unknown_disabled_and_unset_look_the_same(world: World, operator: UserWorld, ip: str) -> None:
    with db.agency_transaction() as session:
        disabled = world.users[Role.CLIENT_REVIEWER]
        actions.disable_user(session, user_id=disabled.user_id, now=world.now)
        unset = f"unset-{operator.user_id}@agency.example"
        actions.make_user(session, email=unset, name="Unset", now=world.now)
    answers = {
        attempt(operator.email, "wrong password", ip, world.now),
        attempt("nobody@agency.example" + ip, "wrong password", ip, world.now),
        attempt(disabled.email, PASSWORD, ip, world.now),
        attempt(unset, "", ip, world.now),
    }
    assert answers == {LoginAnswer(None)}


def test_failures_lock_an_address_longer_and_longer(world: World, operator: UserWorld, ip: str) -> None:
    at = world.now
    for number in range(5):
        answer = attempt(operator.email, "wrong password", f"{ip}-{number}", at)
    assert answer.retry_after_s == 1
    assert attempt(operator.email, PASSWORD, ip, at) == LoginAnswer(None, 1), "locked, even with the right words"
    at += timedelta(seconds=1)
    assert attempt(operator.email, "wrong password", ip, at).retry_after_s == 2
    at += timedelta(seconds=2)
    assert attempt(operator.email, PASSWORD, ip, at).user_id == operator.user_id
    assert attempt(operator.email, "wrong password", ip, at).retry_after_s == 0, "a log-in forgets the failures"


def test_an_unknown_address_is_locked_just_the_same(world: World, ip: str) -> None:
    for number in range(5):
        answer = attempt(f"nobody-{ip}@agency.example", "wrong password", f"{ip}-{number}", world.now)
    assert answer.retry_after_s == 1


def test_one_origin_cannot_try_many_addresses(world: World, operator: UserWorld, ip: str) -> None:
    for number in range(20):
        answer = attempt(f"{number}-{ip}@agency.example", "wrong password", ip, world.now)
    assert answer.retry_after_s == 1
    assert attempt(operator.email, PASSWORD, ip, world.now).user_id is None
    assert attempt(operator.email, PASSWORD, f"{ip}-elsewhere", world.now).user_id == operator.user_id


def test_many_guesses_at_once_are_no_more_guesses(world: World, operator: UserWorld, ip: str) -> None:
    answers: list[LoginAnswer] = []

    def guess(number: int) -> None:
        answers.append(attempt(operator.email, f"guess number {number}", f"{ip}-{number}", world.now))

    threads = [threading.Thread(target=guess, args=(number,)) for number in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with db.agency_transaction() as session:
        found = queries.find_throttle(session, subject=email_index(operator.email))
    assert found is not None
    assert found.failures == 5, "the lock took hold after five, whatever came beside them"
    assert sum(answer.retry_after_s > 0 for answer in answers) == 6


def test_a_session_is_found_by_its_token_alone(world: World, operator: UserWorld) -> None:
    with db.agency_transaction() as session:
        opened = logins.open_session(session, user_id=operator.user_id, now=world.now)
        again = logins.open_session(session, user_id=operator.user_id, now=world.now)
    assert len({opened.token, again.token, opened.csrf_token, again.csrf_token}) == 4
    assert len(opened.token) >= 43, "256 bits"
    current = recognise(opened.token, now=world.now)
    assert current is not None
    assert (current.user_id, current.csrf_token) == (operator.user_id, opened.csrf_token)
    assert recognise("x" * 43, now=world.now) is None
    stored = token_hashes_of(operator)
    assert len(stored) == 2
    assert opened.token.encode() not in stored


@pytest.mark.parametrize(
    ("used_every", "until", "holds"),
    [
        (None, SESSION_IDLE - timedelta(minutes=1), True),
        (None, SESSION_IDLE, False),
        (timedelta(hours=6), SESSION_ABSOLUTE - timedelta(minutes=1), True),
        (timedelta(hours=6), SESSION_ABSOLUTE, False),
    ],
)
def test_a_session_ends(
    world: World, operator: UserWorld, used_every: timedelta | None, until: timedelta, holds: bool
) -> None:
    with db.agency_transaction() as session:
        token = logins.open_session(session, user_id=operator.user_id, now=world.now).token
    at = world.now
    while used_every is not None and at + used_every < world.now + until:
        at += used_every
        assert recognise(token, now=at) is not None
    assert (recognise(token, now=world.now + until) is not None) is holds


def test_a_closed_session_and_a_disabled_user_are_out_at_once(world: World, operator: UserWorld) -> None:
    with db.agency_transaction() as session:
        first = logins.open_session(session, user_id=operator.user_id, now=world.now).token
        second = logins.open_session(session, user_id=operator.user_id, now=world.now).token
        logins.close_session(session, token=first)
    assert recognise(first, now=world.now) is None
    assert recognise(second, now=world.now) is not None
    with db.agency_transaction() as session:
        actions.disable_user(session, user_id=operator.user_id, now=world.now)
    assert recognise(second, now=world.now) is None


def test_a_link_sets_a_password_once_and_ends_every_session(world: World, operator: UserWorld, ip: str) -> None:
    with db.agency_transaction() as session:
        old = logins.open_session(session, user_id=operator.user_id, now=world.now).token
        token = logins.issue_password_token(session, user_id=operator.user_id, kind=TokenKind.RESET, now=world.now)
        assert logins.token_is_good(session, token=token, now=world.now)
    with db.agency_transaction() as session, pytest.raises(WeakPassword):
        logins.set_password(session, token=token, password="short", now=world.now)
    with db.agency_transaction() as session:
        assert logins.set_password(session, token=token, password=NEW_PASSWORD, now=world.now) == operator.user_id
    assert recognise(old, now=world.now) is None
    with db.agency_transaction() as session:
        assert not logins.token_is_good(session, token=token, now=world.now)
        with pytest.raises(LinkExpired):
            logins.set_password(session, token=token, password=NEW_PASSWORD, now=world.now)
    assert attempt(operator.email, PASSWORD, ip, world.now).user_id is None
    assert attempt(operator.email, NEW_PASSWORD, ip, world.now).user_id == operator.user_id


@pytest.mark.parametrize(
    ("kind", "after", "is_good"),
    [
        (TokenKind.RESET, timedelta(hours=1) - timedelta(seconds=1), True),
        (TokenKind.RESET, timedelta(hours=1), False),
        (TokenKind.INVITATION, timedelta(days=7) - timedelta(seconds=1), True),
        (TokenKind.INVITATION, timedelta(days=7), False),
    ],
)
def test_a_link_ends(world: World, operator: UserWorld, kind: TokenKind, after: timedelta, is_good: bool) -> None:
    with db.agency_transaction() as session:
        token = logins.issue_password_token(session, user_id=operator.user_id, kind=kind, now=world.now)
        assert logins.token_is_good(session, token=token, now=world.now + after) is is_good


def test_a_newer_link_ends_the_older(world: World, operator: UserWorld) -> None:
    with db.agency_transaction() as session:
        older = logins.issue_password_token(session, user_id=operator.user_id, kind=TokenKind.RESET, now=world.now)
        newer = logins.issue_password_token(session, user_id=operator.user_id, kind=TokenKind.RESET, now=world.now)
        assert not logins.token_is_good(session, token=older, now=world.now)
        assert logins.token_is_good(session, token=newer, now=world.now)


def test_a_reset_is_promised_to_users_alone_and_once_a_minute(world: World, operator: UserWorld) -> None:
    for second in (0, 30, 60):
        with db.agency_transaction() as session:
            now = world.now + timedelta(seconds=second)
            logins.request_reset(session, email=operator.email, now=now)
            logins.request_reset(session, email=f"nobody-{operator.user_id}@agency.example", now=now)
    with db.agency_transaction() as session:
        promised = session.connection().execute(
            text("select payload from promise where tenant_id = :platform and key like :key"),
            {"platform": PLATFORM, "key": f"reset:{operator.user_id}:%"},
        )
        assert [row.payload for row in promised] == [{"user_id": str(operator.user_id)}] * 2


def test_what_has_expired_is_deleted(world: World, operator: UserWorld, ip: str) -> None:
    with db.agency_transaction() as session:
        token = logins.open_session(session, user_id=operator.user_id, now=world.now).token
    attempt(operator.email, "wrong password", ip, world.now)
    later = world.now + timedelta(days=2)
    with db.agency_transaction() as session:
        assert logins.forget_expired_logins(session, now=world.now) >= 0
    assert recognise(token, now=world.now) is not None
    with db.agency_transaction() as session:
        assert logins.forget_expired_logins(session, now=later) >= 2
    assert token_hashes_of(operator) == []
    with db.agency_transaction() as session:
        assert queries.find_throttle(session, subject=email_index(operator.email)) is None
