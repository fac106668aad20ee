"""The routes of the JSON edge, put together. Ingest is an application of its own beside them (`api.ingest`)."""

from fastapi import APIRouter

from modori.api.edge import ApiConfig
from modori.api.problems import ProblemRoute


def make_router(config: ApiConfig) -> APIRouter:
    return APIRouter(route_class=ProblemRoute)
