"""JSON bodies of the server API: bounded, strict, and named where they are wrong."""

import json
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from hashlib import sha256
from typing import Any, Final, Generic, TypeVar

from fastapi import Request
from pydantic import BaseModel, ValidationError

from modori.kernel.errors import BadAmount, BadInput

MAX_BODY_BYTES = 64 * 1024

M = TypeVar("M", bound=BaseModel)

_SAID: Final = {"tuple_type": "Input should be an array"}
"""What pydantic says in Python's words, in JSON's."""


class MalformedBody(BadInput):
    code = "malformed_body"
    title = "The body is not a JSON object in UTF-8"


class DuplicateKey(BadInput):
    code = "duplicate_key"
    title = "A key stands twice in one object of the body"


class BodyTooLarge(BadInput):
    code = "body_too_large"
    status = 413
    title = "The body is larger than 64 KiB"


class WrongMediaType(BadInput):
    code = "wrong_media_type"
    status = 415
    title = "Send the body as application/json"


@dataclass(frozen=True, slots=True)
class Said(Generic[M]):
    """A body as its shape, and the SHA-256 of its bytes, by which a repeat is told from a change."""

    value: M
    digest: bytes


def body_of(model: type[M]) -> Callable[[Request], Coroutine[Any, Any, Said[M]]]:
    """Make the dependency that reads a request's body as `model`."""

    async def read(request: Request) -> Said[M]:
        media_type = request.headers.get("content-type", "").split(";")[0].strip().lower()
        if media_type != "application/json":
            raise WrongMediaType()
        raw = bytearray()
        async for chunk in request.stream():
            raw += chunk
            if len(raw) > MAX_BODY_BYTES:
                raise BodyTooLarge()
        return Said(parse(model, bytes(raw)), sha256(raw).digest())

    return read


def parse(model: type[M], raw: bytes) -> M:
    """Read a body. raises MalformedBody, DuplicateKey, BadAmount, BadInput"""
    try:
        sent = json.loads(raw.decode(), parse_float=Decimal, parse_constant=_refuse, object_pairs_hook=_once)
    except (ValueError, RecursionError, InvalidOperation) as error:  # the last: an exponent of twenty digits
        raise MalformedBody() from error
    if not isinstance(sent, dict):
        raise MalformedBody()
    try:
        return model.model_validate(sent)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        path = ".".join(str(part) for part in first["loc"])
        said = _SAID.get(first["type"]) or first["msg"].removeprefix("Value error, ")
        problem = BadAmount if first["type"] == BadAmount.code else BadInput
        raise (problem(f"{path}: {said}", field=path) if path else problem(said)) from error


def shape(model: type[BaseModel]) -> dict[str, Any]:
    """Describe a body for OpenAPI: the dependency reads it itself, so that FastAPI does not know its shape.

    Shapes inside shapes are written out where they stand, so that no reference points outside the document.
    """
    schema = model.model_json_schema()
    definitions = schema.pop("$defs", {})
    inlined = _inlined(schema, definitions)
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": inlined}}}}


def _inlined(part: Any, definitions: dict[str, Any]) -> Any:
    if isinstance(part, list):
        return [_inlined(one, definitions) for one in part]
    if not isinstance(part, dict):
        return part
    if "$ref" in part:
        return _inlined(definitions[part["$ref"].rpartition("/")[2]], definitions)
    return {key: _inlined(value, definitions) for key, value in part.items() if key != "discriminator"}


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise DuplicateKey()
    return found


def _refuse(constant: str) -> object:
    raise ValueError(constant)
