"""The routes of the JSON edge, put together. Ingest is an application of its own beside them (`api.ingest`)."""

from fastapi import APIRouter

from modori.api import config as site_config
from modori.api import consents, events, feed, hooks, orders, restore
from modori.api.edge import ApiConfig


def make_router(config: ApiConfig) -> APIRouter:
    """Put together events, orders, wishes, sites' configurations, returns and the providers' webhooks."""
    router = APIRouter()
    router.include_router(events.make_router(config))
    router.include_router(orders.make_router(config))
    router.include_router(feed.make_router())
    router.include_router(consents.make_router())
    router.include_router(site_config.make_router())
    router.include_router(restore.make_router(config))
    router.include_router(hooks.make_router(config))
    return router
