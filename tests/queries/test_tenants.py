"""Clients, sites, keys and users as the row-secured role finds them, with a stranger in the room."""

from collections.abc import Mapping

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from modori.console.door import recognise, viewer_of
from modori.kernel.errors import NotFound
from modori.kernel.ids import TenantId, new_id
from modori.storage import db
from modori.tenants import actions as tenants
from modori.tenants import keys
from modori.tenants.logins import actions as logins
from modori.tenants.model import KeyKind, Role
from modori.tenants.queries import get_tenant
from modori.tenants.sites import queries
from modori.tenants.users import actions as users
from modori.tenants.wire import TenantChange
from tests.world import NOW, UserWorld, World, make_user


def test_g7_a_strangers_site_is_not_found(world: World) -> None:
    acme, stranger = world.acme, world.stranger
    with db.tenant_transaction(acme.tenant_id) as session:
        assert queries.get_site(session, tenant_id=acme.tenant_id, site_id=acme.site_id).name == "acme online"
        with pytest.raises(NotFound):
            queries.get_site(session, tenant_id=acme.tenant_id, site_id=stranger.site_id)
        with pytest.raises(NotFound):
            queries.get_site(session, tenant_id=stranger.tenant_id, site_id=stranger.site_id)
        with pytest.raises(NotFound):
            get_tenant(session, tenant_id=stranger.tenant_id)
        with pytest.raises(NotFound):
            queries.lock_site(session, tenant_id=stranger.tenant_id, site_id=stranger.site_id)
        assert queries.list_sites(session, tenant_id=stranger.tenant_id) == []
        assert queries.list_site_keys(session, tenant_id=stranger.tenant_id, site_id=stranger.site_id) == []


def test_g7_a_strangers_tenant_cannot_be_written(world: World) -> None:
    fields = "name sender_name postal_address complaint_contact goods_kind mail_from sms_from voice_from"
    particulars = TenantChange.model_validate(dict.fromkeys(fields.split(), "xxx"))
    with pytest.raises(DBAPIError, match="row-level security"), db.tenant_transaction(world.acme.tenant_id) as session:
        tenants.make_tenant(session, tenant_id=TenantId(new_id()), particulars=particulars, now=world.now)


def test_a_key_is_found_before_a_tenant_is_known(world: World) -> None:
    with db.agency_transaction() as session:
        public = queries.find_site_key(session, key_hash=keys.key_hash(world.acme.site_key))
        secret = queries.find_site_key(session, key_hash=keys.key_hash(world.stranger.secret_key))
        assert queries.find_site_key(session, key_hash=keys.key_hash("pk_nobody")) is None
    assert public is not None
    assert secret is not None
    assert (public.tenant_id, public.site_id, public.kind) == (
        world.acme.tenant_id,
        world.acme.site_id,
        KeyKind.PUBLISHABLE,
    )
    assert (secret.tenant_id, secret.kind, secret.revoked_at) == (world.stranger.tenant_id, KeyKind.SECRET, None)


def test_an_origin_is_registered_by_any_site(world: World) -> None:
    with db.agency_transaction() as session:
        assert queries.origin_is_registered(session, origin=world.stranger.origin)
        assert not queries.origin_is_registered(session, origin="https://shop.nobody.example")


def roles_of(user: UserWorld) -> Mapping[TenantId, Role]:
    """Every client that a user sees, logged in, and as what."""
    with db.agency_transaction() as session:
        token = logins.open_session(session, user_id=user.user_id, now=NOW).token
    row = recognise(token, now=NOW)
    assert row is not None
    return viewer_of(row).roles


def test_g7_users_see_the_clients_of_their_memberships(world: World) -> None:
    both = {world.acme.tenant_id, world.stranger.tenant_id}

    assert both <= set(roles_of(world.users[Role.AGENCY_ADMIN]))
    assert both <= set(roles_of(world.users[Role.ACCOUNT_MANAGER]))
    assert roles_of(world.users[Role.OPERATOR]) == {world.acme.tenant_id: Role.OPERATOR}
    assert roles_of(world.users[Role.CLIENT_REVIEWER]) == {world.acme.tenant_id: Role.CLIENT_REVIEWER}


def test_the_strongest_of_two_roles_at_a_client_counts(world: World) -> None:
    user = make_user(Role.ACCOUNT_MANAGER, None)
    with db.agency_transaction() as session:
        users.give_membership(
            session,
            user_id=user.user_id,
            client_tenant_id=world.acme.tenant_id,
            role=Role.CLIENT_REVIEWER,
            now=world.now,
        )
    assert roles_of(user)[world.acme.tenant_id] == Role.ACCOUNT_MANAGER


def test_a_disabled_user_sees_nothing(world: World) -> None:
    user_id = world.users[Role.OPERATOR].user_id
    with db.agency_transaction() as session:
        users.disable_user(session, user_id=user_id, now=world.now)
        seen = session.connection().execute(text("select from tenants_of_user(:user_id)"), {"user_id": user_id})
        assert seen.all() == []
