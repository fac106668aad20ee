"""Users and their roles are made, changed and taken away."""

import pytest
from sqlalchemy import text

from modori.kernel.email import normalise_email
from modori.kernel.errors import BadEmail, BadInput, Conflict
from modori.kernel.ids import PLATFORM, UserId
from modori.storage import db
from modori.tenants.model import Role, User
from modori.tenants.users import actions, queries
from modori.tenants.users.actions import EmailTaken
from modori.tenants.users.values import user_email, user_phone
from tests.world import World, make_user


def test_g13_a_users_address_is_sealed(world: World) -> None:
    user = _user(world.users[Role.OPERATOR].user_id)
    assert b"agency.example" not in user.email
    with db.agency_transaction() as session:
        assert user_email(session, user) == world.users[Role.OPERATOR].email
        assert user_phone(session, user) == "+819012345678"


def test_an_address_names_one_user_however_it_is_written(world: World) -> None:
    email = world.users[Role.OPERATOR].email
    for spelling in (email, email.upper(), f" {email} "):
        with db.agency_transaction() as session, pytest.raises(EmailTaken):
            actions.make_user(session, email=spelling, name="Twin", now=world.now)


def test_what_is_no_address_makes_no_user(world: World) -> None:
    with db.agency_transaction() as session, pytest.raises(BadEmail):
        actions.make_user(session, email="nobody", name="Nobody", now=world.now)
    assert normalise_email("ok@agency.example").address == "ok@agency.example"


def test_a_reviewer_belongs_to_a_client(world: World) -> None:
    user_id = world.users[Role.OPERATOR].user_id
    with db.agency_transaction() as session, pytest.raises(BadInput):
        actions.give_membership(
            session, user_id=user_id, client_tenant_id=None, role=Role.CLIENT_REVIEWER, now=world.now
        )


def test_a_second_role_at_a_client_replaces_the_first(world: World) -> None:
    user_id, acme = world.users[Role.OPERATOR].user_id, world.acme.tenant_id
    for role in (Role.ACCOUNT_MANAGER, Role.ACCOUNT_MANAGER):
        with db.agency_transaction() as session:
            actions.give_membership(session, user_id=user_id, client_tenant_id=acme, role=role, now=world.now)
    with db.agency_transaction() as session:
        held = queries.list_memberships(session, user_id=user_id)
        assert [(one.client_tenant_id, one.role) for one in held] == [(acme, Role.ACCOUNT_MANAGER)]
        actions.take_membership(session, user_id=user_id, client_tenant_id=acme)
        assert queries.list_memberships(session, user_id=user_id) == []


def test_an_invitation_is_promised_and_holds_no_secret(world: World) -> None:
    with db.agency_transaction() as session:
        user = actions.invite_user(
            session,
            email=f"new-{world.acme.tenant_id}@agency.example",
            name="New",
            role=Role.OPERATOR,
            client_tenant_id=world.acme.tenant_id,
            now=world.now,
        )
        with pytest.raises(Conflict):
            actions.invite_again(session, user_id=world.users[Role.OPERATOR].user_id, now=world.now)
    assert _promised("user.invited", UserId(user.user_id)) == [{"user_id": str(user.user_id)}]


def test_a_disabled_user_may_come_back(world: World) -> None:
    user = make_user(Role.OPERATOR, world.acme.tenant_id)
    with db.agency_transaction() as session:
        actions.disable_user(session, user_id=user.user_id, now=world.now)
        actions.enable_user(session, user_id=user.user_id)
        assert queries.get_user(session, user_id=user.user_id).disabled_at is None


def _user(user_id: UserId) -> User:
    with db.agency_transaction() as session:
        return queries.get_user(session, user_id=user_id)


def _promised(topic: str, user_id: UserId) -> list[dict[str, object]]:
    with db.agency_transaction() as session:
        rows = session.connection().execute(
            text(
                "select payload from promise where tenant_id = :platform and topic = :topic"
                " and payload ->> 'user_id' = :user_id"
            ),
            {"platform": PLATFORM, "topic": topic, "user_id": str(user_id)},
        )
        return [row.payload for row in rows]
