"""`GET /v1/sites/{pk}/config`: what the SDK must know before it reads anything."""

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, Field

from modori.api import problems
from modori.api.admission import SecretInBrowser
from modori.api.described import AWAY, OTHERWISE, refusal
from modori.api.keys import site_keys
from modori.api.problems import ProblemRoute
from modori.api.strangers import Guest, Presented, guest_of
from modori.capture.context import SiteContext
from modori.capture.sightings.counts import POLICY_ASKED, Counts, counts
from modori.kernel import clock
from modori.kernel.errors import NotFound
from modori.tenants.keys import shown_of_secret
from modori.tenants.model import CaptureMode
from modori.tenants.policy import rules_of

MAX_AGE_S: Final = 300
LONGEST_HEARTBEAT_S: Final = 30


class UnknownSite(NotFound):
    code = "unknown_key"
    title = "The key is unknown or has been revoked"


class SiteConfig(BaseModel):
    """What a page's script is told. Not to be had and not cached means `off`."""

    mode: CaptureMode
    notice_selector: str | None = Field(description="A CSS selector of the notice; in mode notice it must match.")
    origins: list[str]
    heartbeat_s: int = Field(description="How often an open page says so: a third of the site's threshold.")
    gpc: bool = Field(description="The browser's Global Privacy Control counts as a refusal of capture.")


def heartbeat_s(abandon_after_s: int) -> int:
    """Say how often an open page must be heard of, so that two lost heartbeats do not make it abandoned."""
    return max(1, min(LONGEST_HEARTBEAT_S, abandon_after_s // 3))


async def _guest(publishable_key: str, request: Request) -> Guest:
    return guest_of(request, Presented.KEY, publishable_key)


def _note_secret(sightings: Counts, site: SiteContext, key: str) -> None:
    """Tell the site's page that a tag carries a secret key: it asks for this, and then sends nothing."""
    code = SecretInBrowser.code
    sightings.note(site.tenant_id, site.site_id, code, now=clock.now(), subject=shown_of_secret(key))
    sightings.write_if_due()


def _unknown() -> Response:
    """Answer so that the page's script may read it: what it may not, it takes for a network that is away."""
    answer = problems.response(UnknownSite())
    answer.headers["Access-Control-Allow-Origin"] = "*"
    return answer


def make_router(*, sightings: Counts = counts) -> APIRouter:
    router = APIRouter(route_class=ProblemRoute, tags=["sites"])

    @router.get(
        "/v1/sites/{publishable_key}/config",
        summary="What the SDK must know of a site",
        response_model=SiteConfig,
        responses={
            404: refusal("The key is unknown or has been revoked."),
            429: refusal("Too many unknown keys from this network; Retry-After says when."),
            503: refusal(AWAY),
        }
        | OTHERWISE,
    )
    def show_site_config(
        publishable_key: str, request: Request, response: Response, guest: Annotated[Guest, Depends(_guest)]
    ) -> SiteConfig | Response:
        site = site_keys.find(publishable_key)
        if site is not None and site.is_secret and "origin" in request.headers:
            _note_secret(sightings, site, publishable_key)
        if site is None or site.is_secret:
            guest.is_unknown()
            return _unknown()
        guest.is_known()
        sightings.note(site.tenant_id, site.site_id, POLICY_ASKED, now=clock.now())
        sightings.write_if_due()
        response.headers["Cache-Control"] = f"public, max-age={MAX_AGE_S}"
        response.headers["Access-Control-Allow-Origin"] = "*"
        return SiteConfig(
            mode=site.capture_mode,
            notice_selector=site.notice_selector,
            origins=list(site.origins),
            heartbeat_s=heartbeat_s(site.abandon_after_s),
            gpc=rules_of(site.country).privacy_signal_counts,
        )

    return router
