"""The kill switches of everything: of a site, a client, the agency. Those of one channel are in `sending.switches`."""

from datetime import datetime

from sqlmodel import Session

from modori.kernel.ids import SiteId, TenantId
from modori.tenants import queries
from modori.tenants.model import Agency, Site, Tenant
from modori.tenants.sites.queries import lock_site


def stop_sending(
    session: Session, *, tenant_id: TenantId | None, reason: str, now: datetime, site_id: SiteId | None = None
) -> None:
    """Throw a kill switch: of one site, one client, or (tenant_id None) of the whole agency. It shuts at once."""
    stopped = _lock(session, tenant_id=tenant_id, site_id=site_id)
    stopped.sending_stopped_at, stopped.sending_stopped_reason = stopped.sending_stopped_at or now, reason


def resume_sending(session: Session, *, tenant_id: TenantId | None, site_id: SiteId | None = None) -> None:
    """Release what `stop_sending` has shut."""
    stopped = _lock(session, tenant_id=tenant_id, site_id=site_id)
    stopped.sending_stopped_at = stopped.sending_stopped_reason = None


def _lock(session: Session, *, tenant_id: TenantId | None, site_id: SiteId | None) -> Agency | Tenant | Site:
    if tenant_id is None:
        return queries.lock_agency(session)
    if site_id is None:
        return queries.lock_tenant(session, tenant_id=tenant_id)
    return lock_site(session, tenant_id=tenant_id, site_id=site_id)
