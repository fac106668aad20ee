"""The SDK: the newest at `/sdk/v1/`, each version at `/sdk/<version>/`, late parts by digest (decision 0020)."""

import hashlib
import json
import re
from base64 import b64encode
from pathlib import Path
from typing import Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import FileResponse, JSONResponse

from modori.console.config import SdkRelease
from modori.entrypoints import resources
from modori.kernel.errors import NotFound

EVERGREEN: Final = "v1"
SCRIPTS: Final = ("modori", "forms", "carts", "more")
_METHODS: Final = ["GET", "HEAD"]
_VERSION: Final = re.compile(r"[0-9]+\.[0-9]+\.[0-9]+")
_A_WHILE: Final = "public, max-age=300"
_FOR_EVER: Final = "public, max-age=31536000, immutable"
_PACKED: Final = (("br", ".br"), ("gzip", ".gz"))
_NOT_ACCEPTED: Final = re.compile(r"q=0(\.0{0,3})?", re.IGNORECASE)


def sdk_integrity() -> SdkRelease | None:
    """Say which version is served and the digests of its scripts; None where the SDK has not been built."""
    try:
        made = json.loads((resources.sdk() / "integrity.json").read_text())
    except FileNotFoundError:
        return None
    return SdkRelease(version=made["version"], integrity=made["integrity"])


def find_script(folder: Path, *, version: str, name: str, built: str | None) -> Path | None:
    """Return the file of one version, the built one or an earlier release; None where there is none.

    folder  of the build: its own scripts, and each earlier release in a folder named by its version
    built   the version that has been built
    """
    if name not in SCRIPTS or not (version == EVERGREEN or _VERSION.fullmatch(version)):
        return None
    if version == EVERGREEN and name != "modori":
        return None  # a late part belongs to one core: its digest is inside
    path = folder / f"{name}.js" if version in (EVERGREEN, built) else folder / version / f"{name}.js"
    return path if path.is_file() else None


def make_router() -> APIRouter:
    router = APIRouter(include_in_schema=False)

    @router.api_route("/sdk/integrity.json", methods=_METHODS)
    def show_integrity() -> Response:
        release = sdk_integrity()
        if release is None:
            raise NotFound()
        told = {"version": release.version, "integrity": dict(release.integrity)}
        return JSONResponse(told, headers={"Cache-Control": _A_WHILE, "Access-Control-Allow-Origin": "*"})

    @router.api_route("/sdk/{name}.js", methods=_METHODS)
    def show_part(name: str, request: Request) -> Response:
        path = find_part(resources.sdk(), name=name, digest=request.url.query)
        if path is None:
            raise NotFound()
        return _script(path, request, kept=_FOR_EVER)

    @router.api_route("/sdk/{version}/{name}.js", methods=_METHODS)
    def show_script(version: str, name: str, request: Request) -> Response:
        release = sdk_integrity()
        built = release.version if release else None
        path = find_script(resources.sdk(), version=version, name=name, built=built)
        if path is None:
            raise NotFound()
        # What is built under a version may be built anew; what was released under one stays the same.
        return _script(path, request, kept=_A_WHILE if version in (EVERGREEN, built) else _FOR_EVER)

    return router


def find_part(folder: Path, *, name: str, digest: str) -> Path | None:
    """Return the late part that has a digest, of the build or of an earlier release; None where there is none.

    A core asks by the digest that it holds: a browser never keeps, for another core, what that one would refuse.
    """
    if name not in SCRIPTS:
        return None
    candidates = (folder / f"{name}.js", *folder.glob(f"*/{name}.js"))
    return next((path for path in candidates if path.is_file() and _digest(path) == digest), None)


def _script(path: Path, request: Request, *, kept: str) -> Response:
    headers = {"Cache-Control": kept, "Access-Control-Allow-Origin": "*", "Vary": "Accept-Encoding"}
    packed = find_packed(path, accepted=request.headers.get("accept-encoding", ""))
    if packed is not None:
        path, headers["Content-Encoding"] = packed
    # By what is in it: the same of each machine that serves a build, so that what has not changed is not sent again.
    headers["ETag"] = f'"{hashlib.sha256(path.read_bytes()).hexdigest()[:32]}"'
    if headers["ETag"] in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return FileResponse(path, media_type="text/javascript; charset=utf-8", headers=headers)


def find_packed(path: Path, *, accepted: str) -> tuple[Path, str] | None:
    """Return the smallest packed form of a script that the build made and the caller takes, and its coding.

    accepted  the `Accept-Encoding` header. source: RFC 9110, section 12.5.3
    """
    codings = {
        coding.strip().lower()
        for coding, _, weight in (one.partition(";") for one in accepted.split(","))
        if not _NOT_ACCEPTED.fullmatch(weight.strip())
    }
    for coding, ending in _PACKED:
        packed = path.with_name(path.name + ending)
        if coding in codings and packed.is_file():
            return packed, coding
    return None


def _digest(path: Path) -> str:
    """Spell a script's digest as a core names its parts."""
    return "sha256-" + b64encode(hashlib.sha256(path.read_bytes()).digest()).decode()
