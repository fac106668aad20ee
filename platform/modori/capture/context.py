"""The site on whose behalf something is reported, as its key says, with the policy that judges the report."""

from dataclasses import dataclass, field

from modori.kernel.ids import SiteId, TenantId
from modori.tenants.model import CaptureMode, Site


@dataclass(frozen=True, slots=True)
class SiteContext:
    """What a key stands for. `is_secret` tells a server (sk_…) from a browser (pk_…)."""

    tenant_id: TenantId
    site_id: SiteId
    key_id: str
    is_secret: bool
    origins: tuple[str, ...]
    picture_origins: tuple[str, ...]
    """Where else pictures of goods may lie: https, never for links."""
    country: str
    capture_mode: CaptureMode
    notice_selector: str | None
    abandon_after_s: int
    episode_expires_after_s: int
    ip_events_per_s: int
    ip_events_burst: int
    site_events_per_s: int
    contact_points_per_ip_hour: int
    contact_points_per_visitor_day: int
    contact_points_per_prefix_hour: int
    signing_secrets: tuple[bytes, ...] = field(default=(), repr=False)
    """With which the shop's server signs who a visitor is (docs/signed-mode.md): two while one is changed."""


def context_of(site: Site, *, key_id: str, is_secret: bool, signing_secrets: tuple[bytes, ...] = ()) -> SiteContext:
    """Copy what ingest needs of a site out of its row, so that it may be kept for some seconds."""
    return SiteContext(
        tenant_id=TenantId(site.tenant_id),
        site_id=SiteId(site.site_id),
        key_id=key_id,
        is_secret=is_secret,
        origins=tuple(site.origins),
        picture_origins=tuple(site.picture_origins),
        country=site.country,
        capture_mode=site.capture_mode,
        notice_selector=site.notice_selector,
        abandon_after_s=site.abandon_after_s,
        episode_expires_after_s=site.episode_expires_after_s,
        ip_events_per_s=site.ip_events_per_s,
        ip_events_burst=site.ip_events_burst,
        site_events_per_s=site.site_events_per_s,
        contact_points_per_ip_hour=site.contact_points_per_ip_hour,
        contact_points_per_visitor_day=site.contact_points_per_visitor_day,
        contact_points_per_prefix_hour=site.contact_points_per_prefix_hour,
        signing_secrets=signing_secrets,
    )
