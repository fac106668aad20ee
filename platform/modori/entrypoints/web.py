"""`modori web`: the three edges, the SDK and the assets, on Uvicorn."""

from hmac import compare_digest
from ipaddress import ip_address
from typing import Final

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Scope

import modori
from modori.api import problems
from modori.api.edge import ApiConfig
from modori.api.ingest import IngestApp
from modori.api.rates import Rates
from modori.api.routes import make_router as make_api_router
from modori.api.strangers import Strangers
from modori.console.config import ConsoleConfig
from modori.console.routes import add_console
from modori.entrypoints import health, metrics, resources, runtime, sdk, wiring
from modori.entrypoints.front import Front, answer_failure
from modori.entrypoints.serving import serve
from modori.entrypoints.settings import Settings
from modori.kernel import clock
from modori.kernel.errors import ModoriError, NotFound
from modori.public.routes import make_router as make_public_router

JSON_PATHS: Final = ("/v1/", "/hooks/")


def make_app(settings: Settings) -> ASGIApp:
    """Put the web process together. The database, keys and messenger are the process's (`runtime.running`)."""
    app = FastAPI(
        title="Modori",
        version=modori.__version__,
        description="Server API: report orders, reversals, consents and stops; read leads, results and statements.",
        docs_url=None,
        redoc_url=None,
    )
    rates = Rates()
    app.state.strangers = Strangers(rates)
    config = ApiConfig(
        public_url=settings.public_url,
        twilio_auth_tokens=wiring.twilio_auth_tokens(settings),
        trusted_proxies=settings.trusted_proxies,
    )
    app.include_router(make_api_router(config))
    app.include_router(make_public_router())
    add_console(
        app,
        ConsoleConfig(
            public_url=settings.public_url,
            ui=resources.operator_ui(),
            dialler=wiring.make_dialler(settings),
            now=clock.now,
            sdk_integrity=sdk.sdk_integrity,
            event_days=settings.event_retention_days,
        ),
    )
    app.include_router(sdk.make_router())
    app.mount("/assets", _Assets(directory=resources.operator_ui() / "assets"))
    _add_own_routes(app, settings)
    app.add_exception_handler(ModoriError, _refusal)
    app.add_exception_handler(HTTPException, _plain_refusal)
    app.add_exception_handler(ClientDisconnect, _nobody_listens)
    app.add_exception_handler(Exception, answer_failure)
    metrics.register_waiting()
    ingest = IngestApp(config, rates=rates)
    return Front(app, ingest=ingest, public_url=settings.public_url, trusted_proxies=settings.trusted_proxies)


def _add_own_routes(app: FastAPI, settings: Settings) -> None:
    redis_url = settings.redis_url.get_secret_value()
    token = settings.metrics_token.get_secret_value()

    @app.get("/healthz", include_in_schema=False)
    async def healthz() -> Response:
        return PlainTextResponse("ok")

    @app.get("/readyz", include_in_schema=False)
    def readyz() -> Response:
        state, checks = health.look(redis_url)
        return JSONResponse({"status": state, "checks": checks}, status_code=503 if state == health.UNREADY else 200)

    @app.get("/metrics", include_in_schema=False)
    def show_metrics(request: Request) -> Response:
        if not _may_read_metrics(request, token):
            raise NotFound()
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


def _may_read_metrics(request: Request, token: str) -> bool:
    if token:
        return compare_digest(request.headers.get("Authorization", "").encode(), f"Bearer {token}".encode())
    if "x-forwarded-for" in request.headers or "forwarded" in request.headers:
        return False  # a proxy on this machine asks for somebody, who may be anybody
    host = request.client.host if request.client else ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


class _Assets(StaticFiles):
    """Files with an ETag; an address that names the content's digest may be kept for ever."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        answer = await super().get_response(path, scope)
        is_named = scope["query_string"].startswith(b"v=")
        answer.headers["Cache-Control"] = "public, max-age=31536000, immutable" if is_named else "public, max-age=300"
        return answer


async def _refusal(request: Request, error: Exception) -> Response:
    """Answer an error that no edge has turned into a page or a document of its own."""
    assert isinstance(error, ModoriError)
    if request.url.path.startswith(JSON_PATHS):
        return problems.response(error)
    return PlainTextResponse(error.title, status_code=error.status)


async def _plain_refusal(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if isinstance(error.__cause__, ModoriError):  # FastAPI has met it while it read a form
        return await _refusal(request, error.__cause__)
    if request.url.path.startswith(JSON_PATHS):
        known: ModoriError = problems.MethodNotAllowed() if error.status_code == 405 else NotFound()
        return problems.response(known)
    return PlainTextResponse(str(error.detail), status_code=error.status_code, headers=error.headers)


async def _nobody_listens(_request: Request, _: Exception) -> Response:
    """End a request whose caller hung up in the middle of its body: only /metrics and the log see the status."""
    return Response(status_code=499)


def main(settings: Settings) -> int:
    """Serve until asked to stop; then let what is in hand end."""
    with runtime.running(settings, "web"):
        app = make_app(settings)
        serve(app, host=settings.host, port=settings.port)
    return 0
