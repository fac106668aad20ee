"""The SDK's scripts: who gets which, for how long it may be kept, and the digests that pages pin."""

import hashlib
import json
import subprocess
from base64 import b64encode
from pathlib import Path

import pytest
from fastapi import FastAPI
from starlette.responses import PlainTextResponse

from modori.entrypoints import resources, sdk
from modori.kernel.errors import NotFound
from modori.sandbox.node import find_or_install_node
from tests.asking import Asking

SCRIPTS = ("modori", "forms", "carts", "more")


@pytest.fixture(scope="module")
def client() -> Asking:
    app = FastAPI()
    app.include_router(sdk.make_router())
    app.add_exception_handler(NotFound, lambda _, error: PlainTextResponse(str(error), status_code=404))
    return Asking(app)


def digest(script: bytes) -> str:
    return "sha384-" + b64encode(hashlib.sha384(script).digest()).decode()


def test_every_script_of_the_version_is_served_and_matches_its_digest(client: Asking) -> None:
    told = client.get("/sdk/integrity.json")
    assert told.headers["access-control-allow-origin"] == "*"
    assert set(told.json()["integrity"]) == set(SCRIPTS)
    for name, integrity in told.json()["integrity"].items():
        answer = client.get(f"/sdk/{told.json()['version']}/{name}.js")
        assert answer.status_code == 200
        assert digest(answer.content) == integrity
        assert answer.headers["cache-control"] == "public, max-age=300"  # it may be built anew under its version
        assert answer.headers["access-control-allow-origin"] == "*"
        assert answer.headers["content-type"] == "text/javascript; charset=utf-8"


def test_the_evergreen_script_is_the_newest_and_kept_for_minutes(client: Asking) -> None:
    release = sdk.sdk_integrity()
    assert release is not None
    answer = client.get("/sdk/v1/modori.js")
    assert digest(answer.content) == release.integrity["modori"]
    assert answer.headers["cache-control"] == "public, max-age=300"
    assert release.version.encode() in answer.content


def test_a_part_is_kept_for_ever_under_the_digest_that_its_core_asks_for(client: Asking) -> None:
    core = client.get("/sdk/v1/modori.js").text
    for name in SCRIPTS[1:]:
        part = (resources.sdk() / f"{name}.js").read_bytes()
        named = "sha256-" + b64encode(hashlib.sha256(part).digest()).decode()
        assert named in core
        answer = client.get(f"/sdk/{name}.js?{named}")
        assert answer.content == part
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        ("gzip, deflate, br, zstd", "br"),
        ("br;q=0.5, gzip", "br"),  # the smaller one
        ("gzip, deflate", "gzip"),
        ("GZIP;q=1.0", "gzip"),
        ("gzip;q=0.001, br;q=0", "gzip"),
        ("br;q=0.000, gzip; Q=0", None),
        ("identity", None),
        ("*", None),
        ("brotli, gzipped", None),
        ("", None),
    ],
)
def test_a_script_leaves_as_small_as_the_browser_takes_it(client: Asking, accepted: str, coding: str | None) -> None:
    release = sdk.sdk_integrity()
    assert release is not None
    for path in ("v1/modori.js", f"{release.version}/forms.js"):
        answer = client.get(f"/sdk/{path}", headers={"Accept-Encoding": accepted})
        assert answer.headers.get("content-encoding") == coding
        assert answer.headers["vary"] == "Accept-Encoding"
        script = resources.sdk() / path.rpartition("/")[2]
        sent = answer.content  # httpx unpacks what it knows: no Brotli
        assert (unpacked(sent) if coding == "br" else sent) == script.read_bytes()
        assert (int(answer.headers["content-length"]) < script.stat().st_size / 1.8) is (coding is not None)


def test_who_only_asks_about_a_script_is_told_what_there_is(client: Asking) -> None:
    """As `curl -I` does, and whoever watches an address. source: RFC 9110, section 9.1: HEAD goes wherever GET does"""
    for path in ("v1/modori.js", "integrity.json"):
        told, got = (client.request(method, f"/sdk/{path}") for method in ("HEAD", "GET"))
        assert (told.status_code, told.content) == (200, b"")
        assert told.headers == got.headers
    assert client.request("HEAD", "/sdk/v1/forms.js").status_code == 404


@pytest.mark.parametrize("accepted", ["identity", "gzip", "br"])
def test_a_script_that_has_not_changed_is_not_sent_again(client: Asking, accepted: str) -> None:
    taken = {"Accept-Encoding": accepted}
    first = client.get("/sdk/v1/modori.js", headers=taken)
    tag = first.headers["etag"]
    for known in (tag, f"W/{tag}", f'"of-yesterday", {tag}'):
        again = client.get("/sdk/v1/modori.js", headers=taken | {"If-None-Match": known})
        assert (again.status_code, again.content) == (304, b"")
        for name in ("etag", "cache-control", "vary", "access-control-allow-origin"):
            assert again.headers[name] == first.headers[name]
    other = client.get("/sdk/v1/modori.js", headers=taken | {"If-None-Match": '"of-yesterday"'})
    assert (other.status_code, other.content) == (200, first.content)


def unpacked(brotli: bytes) -> bytes:
    said = "process.stdout.write(require('zlib').brotliDecompressSync(require('fs').readFileSync(0)))"
    return subprocess.run(
        [*find_or_install_node().node, "-e", said], input=brotli, capture_output=True, check=True
    ).stdout


def test_a_release_that_was_not_packed_leaves_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "modori.js").write_text("1")
    assert sdk.find_packed(tmp_path / "modori.js", accepted="br, gzip") is None
    (tmp_path / "modori.js.gz").write_text("1")
    assert sdk.find_packed(tmp_path / "modori.js", accepted="br, gzip") == (tmp_path / "modori.js.gz", "gzip")


def test_a_part_of_another_build_is_not_there_and_never_kept(client: Asking) -> None:
    """A browser that has the core of another process's build must not keep what that core refuses."""
    answer = client.get(f"/sdk/forms.js?sha256-{b64encode(bytes(32)).decode()}")
    assert answer.status_code == 404
    assert "cache-control" not in answer.headers


@pytest.mark.parametrize("path", ["v1/forms.js", "0.0.1/modori.js", "v1/integrity.js", "v2/modori.js", "9.9.9/../x.js"])
def test_other_scripts_and_versions_are_not_there(client: Asking, path: str) -> None:
    assert client.get(f"/sdk/{path}").status_code == 404


@pytest.mark.parametrize(
    ("version", "name", "found"),
    [
        ("v1", "modori", "modori.js"),
        ("v1", "forms", None),  # a late part belongs to one core
        ("2.0.0", "forms", "forms.js"),
        ("1.9.0", "forms", "1.9.0/forms.js"),
        ("1.9.0", "more", None),  # that release had none
        ("1.8.0", "modori", None),
        ("..", "modori", None),
        ("2.0.0", "../secret", None),
    ],
)
def test_an_earlier_release_stays_where_pages_pinned_it(
    tmp_path: Path, version: str, name: str, found: str | None
) -> None:
    for there in ("modori.js", "forms.js", "more.js", "1.9.0/modori.js", "1.9.0/forms.js", "secret.js"):
        (tmp_path / there).parent.mkdir(exist_ok=True)
        (tmp_path / there).write_text("")
    path = sdk.find_script(tmp_path, version=version, name=name, built="2.0.0")
    assert (str(path.relative_to(tmp_path)) if path else None) == found


def test_the_core_of_an_earlier_release_finds_its_own_parts(tmp_path: Path) -> None:
    for there in ("forms.js", "1.9.0/forms.js"):
        (tmp_path / there).parent.mkdir(exist_ok=True)
        (tmp_path / there).write_text(there)
    earlier = "sha256-" + b64encode(hashlib.sha256(b"1.9.0/forms.js").digest()).decode()
    assert sdk.find_part(tmp_path, name="forms", digest=earlier) == tmp_path / "1.9.0" / "forms.js"
    assert sdk.find_part(tmp_path, name="forms", digest="") is None
    assert sdk.find_part(tmp_path, name="../forms", digest=earlier) is None


def test_the_version_is_the_packages() -> None:
    package = json.loads((Path(__file__).parents[2] / "client_sdk" / "package.json").read_text())
    release = sdk.sdk_integrity()
    assert release is not None
    assert release.version == package["version"]
