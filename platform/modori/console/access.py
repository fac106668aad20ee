"""Who may open what: one table, route name → scope and roles. A route without an entry cannot be served.

    PUBLIC   nobody needs to be logged in
    SELF     anybody who is logged in, about themselves
    TENANTS  a list over the clients at which the viewer has one of the roles
    TENANT   one client's page: the path carries its id
    AGENCY   the agency's own pages: the role must be held in the whole agency

Another client's id is answered as a missing one (404). A role that is too low is refused (403) before anything is
looked up, so the answer is the same whether the thing exists or not.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from uuid import UUID

from modori.console.viewer import Viewer
from modori.kernel.errors import Forbidden, NotFound
from modori.kernel.ids import TenantId
from modori.tenants.model import Role


class Scope(StrEnum):
    PUBLIC = "public"
    SELF = "self"
    TENANTS = "tenants"
    TENANT = "tenant"
    AGENCY = "agency"


@dataclass(frozen=True)
class Rule:
    scope: Scope
    roles: frozenset[Role] = frozenset()


ADMIN: Final = frozenset({Role.AGENCY_ADMIN})
MANAGERS: Final = ADMIN | {Role.ACCOUNT_MANAGER}
CALLERS: Final = MANAGERS | {Role.OPERATOR}
REVIEWERS: Final = MANAGERS | {Role.CLIENT_REVIEWER}
EVERYBODY: Final = frozenset(Role)

_PUBLIC, _SELF = Rule(Scope.PUBLIC), Rule(Scope.SELF)


def _tenants(roles: frozenset[Role]) -> Rule:
    return Rule(Scope.TENANTS, roles)


def _tenant(roles: frozenset[Role]) -> Rule:
    return Rule(Scope.TENANT, roles)


def _agency(roles: frozenset[Role]) -> Rule:
    return Rule(Scope.AGENCY, roles)


ACCESS: Final[Mapping[str, Rule]] = {
    "login.show": _PUBLIC,
    "login.submit": _PUBLIC,
    "login.forgotten": _PUBLIC,
    "login.request_reset": _PUBLIC,
    "login.password": _PUBLIC,
    "login.set_password": _PUBLIC,
    "me.home": _SELF,
    "me.logout": _SELF,
    "me.view": _SELF,
    "me.settings": _SELF,
    "me.change": _SELF,
    "me.stream": _SELF,
    "me.nowhere": _SELF,
    "queue.index": _tenants(CALLERS),
    "queue.rows": _tenants(CALLERS),
    "queue.next": _tenants(CALLERS),
    "calls.claim": _tenant(CALLERS),
    "calls.release": _tenant(CALLERS),
    "calls.renew": _tenant(CALLERS),
    "calls.panel": _tenant(CALLERS),
    "calls.dial": _tenant(CALLERS),
    "calls.opening": _tenant(CALLERS),
    "calls.disposition": _tenant(CALLERS),
    "leads.index": _tenants(EVERYBODY),
    "leads.show": _tenant(EVERYBODY),
    "leads.timeline": _tenant(EVERYBODY),
    "leads.reveal": _tenant(CALLERS),
    "leads.release": _tenant(MANAGERS),
    "leads.refuse": _tenant(MANAGERS),
    "leads.erasure": _tenant(ADMIN),
    "leads.erase": _tenant(ADMIN),
    "scenarios.index": _tenants(EVERYBODY),
    "scenarios.show": _tenant(EVERYBODY),
    "scenarios.preview": _tenant(EVERYBODY),
    "scenarios.approve": _tenant(REVIEWERS),
    "results.index": _tenants(REVIEWERS),
    "results.show": _tenant(REVIEWERS),
    "results.approve": _tenant(REVIEWERS),
    "results.refuse": _tenant(REVIEWERS),
    "statements.index": _tenants(REVIEWERS),
    "statements.show": _tenant(REVIEWERS),
    "statements.close": _agency(ADMIN),
    "tenants.index": _tenants(MANAGERS),
    "tenants.new": _agency(ADMIN),
    "tenants.make": _agency(ADMIN),
    "tenants.show": _tenant(MANAGERS),
    "tenants.edit": _tenant(MANAGERS),
    "tenants.change": _tenant(MANAGERS),
    "tenants.terms": _tenant(ADMIN),
    "tenants.stop": _tenant(MANAGERS),
    "tenants.resume": _tenant(MANAGERS),
    "switches.show": _tenant(MANAGERS),
    "switches.stop": _tenant(MANAGERS),
    "switches.resume": _tenant(MANAGERS),
    "switches.show_everywhere": _agency(ADMIN),
    "switches.stop_everywhere": _agency(ADMIN),
    "switches.resume_everywhere": _agency(ADMIN),
    "sites.new": _tenant(MANAGERS),
    "sites.make": _tenant(MANAGERS),
    "sites.show": _tenant(MANAGERS),
    "sites.edit": _tenant(MANAGERS),
    "sites.change": _tenant(MANAGERS),
    "sites.issue_key": _tenant(MANAGERS),
    "sites.revoke_key": _tenant(MANAGERS),
    "sites.live": _tenant(MANAGERS),
    "sites.events": _tenant(MANAGERS),
    "sites.event_rows": _tenant(MANAGERS),
    "sites.refused": _tenant(MANAGERS),
    "sites.fields": _tenant(MANAGERS),
    "sites.forms": _tenant(MANAGERS),
    "sites.leaks": _tenant(MANAGERS),
    "sites.notice": _tenant(MANAGERS),
    "sites.adopt_notice": _tenant(MANAGERS),
    "sites.settings": _tenant(MANAGERS),
    "sites.rotate_signing": _tenant(MANAGERS),
    "sites.end_rotation": _tenant(MANAGERS),
    "sites.signed_mode": _tenant(MANAGERS),
    "sites.feed": _tenant(MANAGERS),
    "sites.stop": _tenant(MANAGERS),
    "sites.resume": _tenant(MANAGERS),
    "uploads.index": _tenants(MANAGERS),
    "uploads.new": _tenants(MANAGERS),
    "uploads.make": _tenant(MANAGERS),
    "uploads.show": _tenant(MANAGERS),
    "uploads.progress": _tenant(MANAGERS),
    "uploads.report": _tenant(MANAGERS),
    "uploads.apply": _tenant(MANAGERS),
    "uploads.stop": _tenant(MANAGERS),
    "uploads.drop": _tenant(MANAGERS),
    "agency.show": _agency(ADMIN),
    "agency.stop": _agency(ADMIN),
    "agency.resume": _agency(ADMIN),
    "agency.limits": _agency(ADMIN),
    "users.index": _agency(ADMIN),
    "users.new": _agency(ADMIN),
    "users.invite": _agency(ADMIN),
    "users.show": _agency(ADMIN),
    "users.invite_again": _agency(ADMIN),
    "users.give_role": _agency(ADMIN),
    "users.take_role": _agency(ADMIN),
    "users.disable": _agency(ADMIN),
    "users.enable": _agency(ADMIN),
    "audit.index": _tenants(MANAGERS),
}


def may(viewer: Viewer, route: str) -> bool:
    """Say whether the viewer has any business with a list or an agency page: for links, not for doors."""
    rule = ACCESS[route]
    match rule.scope:
        case Scope.PUBLIC | Scope.SELF:
            return True
        case Scope.AGENCY:
            return viewer.agency_role in rule.roles
        case Scope.TENANTS | Scope.TENANT:
            return any(role in rule.roles for role in viewer.roles.values())


def may_at(viewer: Viewer, route: str, tenant_id: UUID) -> bool:
    """Say whether the viewer may use a client's route: for buttons, not for doors."""
    rule = ACCESS[route]
    if rule.scope is Scope.AGENCY:
        return viewer.agency_role in rule.roles
    return viewer.roles.get(TenantId(tenant_id)) in rule.roles


def admit(viewer: Viewer, route: str, tenant_id: UUID | None) -> None:
    """Let the viewer through a route's door. raises Forbidden (role too low), NotFound (not their client)."""
    rule = ACCESS[route]
    if rule.scope is Scope.TENANT:
        if tenant_id is None:
            raise LookupError(f"{route} is scoped to a client, but its path carries none")
        if TenantId(tenant_id) not in viewer.roles:
            raise NotFound()
    elif tenant_id is not None and TenantId(tenant_id) not in viewer.roles:
        raise NotFound()
    allowed = may_at(viewer, route, tenant_id) if rule.scope is Scope.TENANT and tenant_id else may(viewer, route)
    if not allowed:
        raise Forbidden()


def tenants_shown(viewer: Viewer, route: str) -> list[TenantId]:
    """List the clients over which a list route may run: those of the role, narrowed to the one in view."""
    rule = ACCESS[route]
    allowed = [one.tenant_id for one in viewer.tenants if viewer.roles[one.tenant_id] in rule.roles]
    return [one for one in allowed if viewer.tenant_in_view in (None, one)]
