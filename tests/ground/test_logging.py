"""Nothing personal reaches a log, whoever writes it."""

import json
import subprocess
import sys
from typing import Any

import pytest

from modori.entrypoints.logging import without_personal_values
from modori.kernel.ids import new_id
from tests.leaks import without_ids

KEPT = [
    "plain words",
    "2026-11-22T00:36:33.123456Z",
    "2026-11-22 00:36:33",
    "127.0.0.1:8000",
    "at outreach/actions.py:120",
    "took 12.345 s",
    "¥4,980",
    "order A-1001",
    "a" * 64,
    "0123456789abcdef0123456789abcdef",
    "sha256:9f86d081884c7d659a2feaa0c55ad015",
    "12345678",  # eight digits are no telephone number
    "202611",
]

PERSONAL = [
    "taro@example.jp",
    "to=<Taro.Yamada+x@mail.example.co.jp>",
    "09012345678",
    "090-1234-5678",
    "+81 90 1234 5678",
    "+819012345678",
    "03) 1234-5678",
    "could not reach 08011112222, gave up",
]


@pytest.mark.parametrize("text", KEPT)
def test_what_is_not_personal_is_kept(text: str) -> None:
    assert without_personal_values(None, "info", {"event": text})["event"] == text


def test_ids_are_kept() -> None:
    for text in (str(new_id()) for _ in range(50)):  # random, so no parameter: workers must collect alike
        assert without_personal_values(None, "info", {"event": f"touch {text} sent"})["event"] == f"touch {text} sent"


@pytest.mark.parametrize("text", PERSONAL)
def test_what_looks_personal_is_masked_wherever_it_stands(text: str) -> None:
    entry: dict[str, Any] = {
        "event": text,
        "list": [text, (text,)],
        "dict": {"deep": {text: text}},
        "error": ValueError(text),
    }
    said = json.dumps(without_personal_values(None, "info", entry), default=str, ensure_ascii=False)
    assert text not in said
    assert "(e-mail)" in said or "(phone)" in said


SCRIPT = """
import logging, structlog
from modori.entrypoints import logging as ours
ours.configure(is_development={development}, level="info", process="worker")
with structlog.contextvars.bound_contextvars(request_id="abc"):
    structlog.get_logger().info("did.this", to="taro@example.jp", count=3)
    logging.getLogger("some.library").warning("mail to %s failed", "taro@example.jp")
    try:
        raise ValueError("no such number: 090-1234-5678")
    except ValueError:
        structlog.get_logger().exception("did.not")
"""


def written(*, development: bool) -> str:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(development=development)],
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    assert done.stdout == ""
    return done.stderr


def test_production_writes_json_lines_with_the_requests_id() -> None:
    text = written(development=False)
    lines = [json.loads(line) for line in text.splitlines()]
    assert [line["event"] for line in lines] == ["did.this", "mail to (e-mail) failed", "did.not"]
    assert {line["request_id"] for line in lines} == {"abc"}
    assert {line["process"] for line in lines} == {"worker"}
    assert lines[0]["count"] == 3
    assert "ValueError" in lines[2]["exception"]
    assert "example.jp" not in text
    assert "1234" not in without_ids(text)


def test_development_writes_lines_for_people() -> None:
    text = written(development=True)
    assert "did.this" in text
    assert "example.jp" not in text
    assert "1234-5678" not in text
