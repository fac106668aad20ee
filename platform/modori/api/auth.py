"""Who calls the server API: `Authorization: Bearer sk_…`."""

from typing import Annotated

from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from modori.api.keys import site_keys
from modori.api.strangers import Guest, Presented, guest_of
from modori.capture.context import SiteContext
from modori.kernel.errors import Unauthorised

_bearer = HTTPBearer(
    auto_error=False, scheme_name="secret key", description="A site's secret key, sk_…; it stays on your server."
)


class UnknownKey(Unauthorised):
    code = "unknown_key"
    title = "The key is unknown or has been revoked"


async def _guest(
    request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)]
) -> Guest:
    """Admit whoever presents a secret key, before a thread or the database hears of it. raises UnknownKey, Limited"""
    if credentials is None or not credentials.credentials.startswith("sk_"):
        raise UnknownKey("Send Authorization: Bearer sk_… with a secret key of the site.")
    return guest_of(request, Presented.KEY, credentials.credentials)


def site_of_secret_key(guest: Annotated[Guest, Depends(_guest)]) -> SiteContext:
    """Return the site of the secret key in the request. raises UnknownKey, also for a publishable key; Limited"""
    site = site_keys.find(guest.presented)
    if site is None:
        guest.is_unknown()
        raise UnknownKey()
    guest.is_known()
    return site


SecretKeySite = Annotated[SiteContext, Depends(site_of_secret_key)]
"""The parameter type of an endpoint that wants a secret key: `def endpoint(site: SecretKeySite, …)`."""
