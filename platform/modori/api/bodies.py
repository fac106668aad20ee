"""JSON bodies of the server API: bounded, strict, and named where they are wrong."""

import json
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from hashlib import sha256
from itertools import islice
from typing import Any, Final, Generic, TypeVar, get_args

from fastapi import Request
from pydantic import BaseModel, ValidationError

from modori.kernel.errors import BadAmount, BadInput

MAX_BODY_BYTES = 64 * 1024

MOST_NAMES: Final = 20
LONGEST_NAME: Final = 200
"""Of the names that are not known: so many are told, each up to so many characters of its path."""

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
    """A body as its shape.

    digest   SHA-256 of its bytes, by which a repeat is told from a change
    ignored  paths of the names that the shape does not have, as they stood; never a value (decision 0056)
    """

    value: M
    digest: bytes
    ignored: list[str]


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
        return parse(model, bytes(raw))

    return read


def parse(model: type[M], raw: bytes) -> Said[M]:
    """Read a body. raises MalformedBody, DuplicateKey, BadAmount, BadInput"""
    try:
        sent = json.loads(raw.decode(), parse_float=Decimal, parse_constant=_refuse, object_pairs_hook=_once)
    except (ValueError, RecursionError, InvalidOperation) as error:  # the last: an exponent of twenty digits
        raise MalformedBody() from error
    if not isinstance(sent, dict):
        raise MalformedBody()
    ignored = _ignored(model, sent)
    try:
        return Said(model.model_validate(sent), sha256(raw).digest(), ignored)
    except ValidationError as error:
        raise _refusal(error, ignored) from error


def _refusal(error: ValidationError, ignored: list[str]) -> BadInput:
    """Name what is wrong first. What is missing may stand under a name that is not known: those are told with it."""
    first = error.errors(include_input=False, include_url=False)[0]
    path = ".".join(str(part) for part in first["loc"])
    said = _SAID.get(first["type"]) or first["msg"].removeprefix("Value error, ")
    extra: dict[str, object] = {"field": path} if path else {}
    if ignored and (not path or first["type"] == "missing"):
        said, extra["ignored"] = f"{said}; not known: {', '.join(ignored)}", ignored
    problem = BadAmount if first["type"] == BadAmount.code else BadInput
    return problem(f"{path}: {said}" if path else said, **extra)


def _ignored(model: type[BaseModel], sent: dict[str, Any]) -> list[str]:
    """Name by its path what a shape does not have, as it stood; of a list's items each name once, where it is first."""
    first: dict[tuple[str, ...], tuple[str | int, ...]] = {}
    for path in _unknown_paths(model, sent):
        first.setdefault(tuple(part for part in path if isinstance(part, str)), path)
    return [
        ".".join(map(str, path)).encode(errors="replace").decode()[:LONGEST_NAME]  # half a character cannot be answered
        for path in islice(first.values(), MOST_NAMES)
    ]


def _unknown_paths(
    model: type[BaseModel], sent: dict[str, Any], at: tuple[str | int, ...] = ()
) -> Iterator[tuple[str | int, ...]]:
    """Walk a body by its shape, its own names before those of its items. What is within an unknown one is not seen."""
    for name in sent:
        if name not in model.model_fields:
            yield (*at, name)
    for name, field in model.model_fields.items():
        within = [one for one in get_args(field.annotation) if isinstance(one, type) and issubclass(one, BaseModel)]
        value = sent.get(name)
        for place, item in enumerate(value if within and isinstance(value, list) else ()):
            if isinstance(item, dict):
                yield from _unknown_paths(within[0], item, (*at, name, place))


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
