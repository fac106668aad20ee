"""Who looks at a page: the user of the session, and what they may see."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from modori.kernel.ids import TenantId, UserId
from modori.tenants.model import Role


@dataclass(frozen=True)
class SeenTenant:
    """A client that the viewer may see."""

    tenant_id: TenantId
    name: str


@dataclass(frozen=True)
class Viewer:
    """A logged-in user.

    tenants         every client that they may see, by name
    roles           their role at each of these clients
    agency_role     their role in the whole agency, if they have one
    best_role       what stands beside their name
    tenant_in_view  the one client that lists are narrowed to; None: all of them
    """

    user_id: UserId
    session_id: UUID
    name: str
    locale: str
    timezone: str
    csrf_token: str
    tenants: Sequence[SeenTenant]
    roles: Mapping[TenantId, Role]
    agency_role: Role | None
    tenant_in_view: TenantId | None = None
    best_role: Role | None = None

    def tenant_name(self, tenant_id: UUID) -> str:
        return next((one.name for one in self.tenants if one.tenant_id == tenant_id), "")
