"""Users of the console: who there is, invitations, roles, disabling."""

from typing import Annotated, NamedTuple
from uuid import UUID

from fastapi import APIRouter, Form
from fastapi.responses import Response
from sqlmodel import Session

from modori.console.door import ConsoleRoute
from modori.console.visit import Visit, Visiting
from modori.console.words import LOCALES, say
from modori.kernel.errors import BadInput, Conflict, ModoriError, NotFound
from modori.kernel.ids import PLATFORM, TenantId, UserId
from modori.storage.db import agency_transaction
from modori.tenants.model import Membership, Role, User
from modori.tenants.users import actions, queries
from modori.tenants.users.values import user_email

router = APIRouter(route_class=ConsoleRoute)

PROBLEMS = {
    "email_taken": say("A user with this e-mail address exists already."),
    "last_administrator": say("The agency's last administrator must stay."),
    "bad_email": say("This is not an e-mail address."),
    "bad_input": say("Check the e-mail address and the role: a client reviewer belongs to one client."),
    "conflict": say("This user has a password already, or is disabled."),
}


class UserRow(NamedTuple):
    """A user in the list, with their roles."""

    user: User
    email: str
    roles: list[Membership]


@router.get("/users", name="users.index")
def index(visit: Visiting) -> Response:
    with agency_transaction() as session:
        users = queries.list_users(session)
        roles = queries.list_all_memberships(session)
        rows = [
            UserRow(user, user_email(session, user), [one for one in roles if one.user_id == user.user_id])
            for user in users
        ]
    return visit.page("users/index.html", section="users", users=rows)


@router.get("/users/new", name="users.new")
def new(visit: Visiting) -> Response:
    return _invitation(visit, values={"role": Role.OPERATOR.value, "locale": visit.locale}, problem=None)


@router.post("/users", name="users.invite")
def invite(
    visit: Visiting,
    role: Annotated[Role, Form()],
    email: Annotated[str, Form(max_length=400)] = "",
    name: Annotated[str, Form(max_length=100)] = "",
    tenant: Annotated[str, Form(max_length=40)] = "",
    locale: Annotated[str, Form(max_length=2)] = "ja",
) -> Response:
    values = {"email": email, "name": name, "role": role.value, "tenant": tenant, "locale": locale}
    client = _client(visit, tenant)
    try:
        with agency_transaction() as session:
            user = actions.invite_user(
                session,
                email=email,
                name=name.strip() or email,
                role=role,
                client_tenant_id=client,
                locale=locale if locale in LOCALES else visit.locale,
                now=visit.now,
            )
            _audit(session, visit, user.user_id, "user.invited")
    except (BadInput, Conflict) as error:
        return _invitation(visit, values=values, problem=_said(visit, error))
    return visit.go(f"/console/users/{user.user_id}", done="invited")


@router.get("/users/{user_id}", name="users.show")
def show(visit: Visiting, user_id: UUID) -> Response:
    return _page(visit, UserId(user_id), problem=None)


@router.post("/users/{user_id}/roles", name="users.give_role")
def give_role(
    visit: Visiting, user_id: UUID, role: Annotated[Role, Form()], tenant: Annotated[str, Form(max_length=40)] = ""
) -> Response:
    client = _client(visit, tenant)
    try:
        with agency_transaction() as session:
            actions.give_membership(session, user_id=UserId(user_id), client_tenant_id=client, role=role, now=visit.now)
            _audit(session, visit, user_id, "user.role_given")
    except (BadInput, Conflict) as error:
        return _page(visit, UserId(user_id), problem=_said(visit, error))
    return visit.go(f"/console/users/{user_id}", done="saved")


@router.post("/users/{user_id}/roles/remove", name="users.take_role")
def take_role(visit: Visiting, user_id: UUID, tenant: Annotated[str, Form(max_length=40)] = "") -> Response:
    client = _client(visit, tenant)
    try:
        with agency_transaction() as session:
            actions.take_membership(session, user_id=UserId(user_id), client_tenant_id=client)
            _audit(session, visit, user_id, "user.role_taken")
    except Conflict as error:
        return _page(visit, UserId(user_id), problem=_said(visit, error))
    return visit.go(f"/console/users/{user_id}", done="saved")


@router.post("/users/{user_id}/disable", name="users.disable")
def disable(visit: Visiting, user_id: UUID) -> Response:
    try:
        with agency_transaction() as session:
            actions.disable_user(session, user_id=UserId(user_id), now=visit.now)
            _audit(session, visit, user_id, "user.disabled")
    except Conflict as error:
        return _page(visit, UserId(user_id), problem=_said(visit, error))
    return visit.go(f"/console/users/{user_id}", done="disabled")


@router.post("/users/{user_id}/enable", name="users.enable")
def enable(visit: Visiting, user_id: UUID) -> Response:
    with agency_transaction() as session:
        actions.enable_user(session, user_id=UserId(user_id))
        _audit(session, visit, user_id, "user.enabled")
    return visit.go(f"/console/users/{user_id}", done="enabled")


@router.post("/users/{user_id}/invite", name="users.invite_again")
def invite_again(visit: Visiting, user_id: UUID) -> Response:
    try:
        with agency_transaction() as session:
            actions.invite_again(session, user_id=UserId(user_id), now=visit.now)
            _audit(session, visit, user_id, "user.invited")
    except Conflict as error:
        return _page(visit, UserId(user_id), problem=_said(visit, error))
    return visit.go(f"/console/users/{user_id}", done="invited")


def _said(visit: Visit, error: ModoriError) -> str:
    return visit.word(PROBLEMS.get(error.code, PROBLEMS["bad_input"]))


def _client(visit: Visit, text: str) -> TenantId | None:
    """Read which client a role is for; empty: the whole agency. raises NotFound for one that there is not."""
    known = {str(one.tenant_id): one.tenant_id for one in visit.viewer.tenants}
    if text and text not in known:
        raise NotFound()
    return known[text] if text else None


def _page(visit: Visit, user_id: UserId, *, problem: str | None) -> Response:
    with agency_transaction() as session:
        user = queries.get_user(session, user_id=user_id)
        email = user_email(session, user)
        roles = queries.list_memberships(session, user_id=user_id)
    return visit.page(
        "users/show.html",
        section="users",
        status=422 if problem else 200,
        user=user,
        email=email,
        roles=roles,
        all_roles=list(Role),
        problem=problem,
    )


def _invitation(visit: Visit, *, values: dict[str, str], problem: str | None) -> Response:
    return visit.page(
        "users/new.html",
        section="users",
        status=422 if problem else 200,
        values=values,
        all_roles=list(Role),
        problem=problem,
    )


def _audit(session: Session, visit: Visit, user_id: UUID, action: str) -> None:
    visit.audit(session, action, "user", user_id, tenant_id=PLATFORM)
