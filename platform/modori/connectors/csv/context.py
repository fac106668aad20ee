"""With what a file's rows are read: the zone that it came with, and what its site and its client are set to."""

from datetime import datetime

from sqlmodel import Session

from modori.connectors.csv.model import Upload
from modori.connectors.csv.reading import RowContext
from modori.kernel.ids import SiteId, TenantId
from modori.tenants import queries as tenants
from modori.tenants.sites import queries as sites


def context_of(session: Session, upload: Upload, *, now: datetime) -> RowContext:
    """Say with what an upload's rows must be read."""
    tenant_id, site_id = TenantId(upload.tenant_id), SiteId(upload.site_id)
    site = sites.get_site(session, tenant_id=tenant_id, site_id=site_id)
    tenant = tenants.get_tenant(session, tenant_id=tenant_id)
    return RowContext(tenant_id, site_id, upload.timezone, site.country, tenant.currency, now)
