"""What the OpenAPI document says of answers: a shape for each that succeeds, a problem document for each other."""

from typing import Annotated, Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from modori.api.bodies import LONGEST_NAME, MOST_NAMES

PROBLEM: dict[str, Any] = {
    "type": "object",
    "required": ["type", "title", "status", "detail", "code"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string", "description": "Stable; docs/problems.md lists them all."},
        "field": {"type": "string", "description": "The path of what is wrong."},
        "kept": {"type": "boolean", "description": "Whether what was sent is on record all the same."},
        "ignored": {
            "type": "array",
            "items": {"type": "string"},
            "description": "Paths of names in the body that are not known; one may be meant for what is missing.",
        },
    },
}
"""A problem document (RFC 9457); some carry more."""

_READ = {
    400: "A parameter cannot be understood; the problem names it.",
    401: "No secret key, an unknown or a revoked one.",
    429: "Too many unknown keys from this network; Retry-After says when.",
    503: "The database cannot be reached; `detail` says whether it may have been kept. Retry-After says when to send it"
    " again.",
}
_WRITE = _READ | {
    400: "The body or a parameter is not as it should be; the problem names the field.",
    408: "The body did not arrive in time.",
    413: "The body is larger than 64 KiB.",
    415: "The body is not announced as application/json.",
    422: "This Idempotency-Key was sent with another request.",
}


AWAY = "The database cannot be reached; Retry-After says when to ask again."
"""What 503 means where nothing could have been kept."""


def refusal(what: str) -> dict[str, Any]:
    """Describe a refusal by problem document."""
    return {"description": what, "content": {"application/problem+json": {"schema": PROBLEM}}}


class Answer(BaseModel):
    """An answer that succeeds. What is not listed is not sent."""

    model_config = ConfigDict(extra="forbid")


class Taken(Answer):
    """An answer to a body. `ignored`: paths of names in it that are not known, as they stood; of items each once."""

    ignored: Annotated[list[Annotated[str, Field(max_length=LONGEST_NAME)]], Field(max_length=MOST_NAMES)]


class OrderTaken(Taken):
    """An order on record. Amounts in major units."""

    id: str
    order_id: str
    currency: str
    value: float
    reversed: float
    at: AwareDatetime
    recorded_at: AwareDatetime


class ReversalTaken(Taken):
    """A reversal that has been applied."""

    id: str
    reversal_id: str
    order: str
    currency: str
    value: float
    reason: str
    at: AwareDatetime


class ConsentTaken(Taken):
    """A consent, or its withdrawal, as evidence."""

    consent_id: str
    at: AwareDatetime


class StopTaken(Taken):
    """A stop. Said twice, it is the first one."""

    stop_id: str
    recorded_at: AwareDatetime


class ErasureTaken(Taken):
    """An erasure."""

    erasure_id: str
    erased_at: AwareDatetime


class FeedHeard(Taken):
    """Up to when the client's orders count as known."""

    heard_at: AwareDatetime


class Masked(Answer):
    """A contact point as the console shows it."""

    kind: str
    masked: str


class LeadListed(Answer):
    """A lead in a list."""

    id: str
    episode: str
    state: str
    arm: str
    currency: str | None
    value: float | None
    contacts: list[Masked]
    made_at: AwareDatetime
    ended_at: AwareDatetime | None
    ended_by: str | None


class LeadPage(Answer):
    """Leads, newest first. `next`: what `before` must be for the next page; null at the end."""

    leads: list[LeadListed]
    next: str | None


class ResultListed(Answer):
    """A result in a list."""

    id: str
    order: str
    lead: str
    state: str
    basis: str
    basis_at: AwareDatetime
    currency: str
    value: float
    fee: float
    hold_until: AwareDatetime
    made_at: AwareDatetime
    decided_at: AwareDatetime | None


class ResultPage(Answer):
    """Results, newest first, and what `before` must be for the next page."""

    results: list[ResultListed]
    next: str | None


class RateTotal(Answer):
    """A month's total of one tax rate."""

    tax_rate_pct: float
    net: float
    tax: float


class Line(Answer):
    """One ledger entry."""

    seq: int
    kind: str
    result: str
    reversal: str | None
    amount: float
    tax_rate_pct: float
    entered_at: AwareDatetime
    hash: str


class Month(Answer):
    """One month's totals; with its lines where it was asked for by name."""

    month: str
    state: str
    currency: str
    entries: int
    net: float
    tax: float
    gross: float
    by_rate: list[RateTotal]
    last_hash: str
    lines: list[Line] | None = None


class Months(Answer):
    """This month and every closed one."""

    statements: list[Month]


OTHERWISE: dict[Any, Any] = {"4XX": refusal("Any other refusal.")}
"""Says that there is no 422 with FastAPI's own body, which it would describe otherwise."""
_OK = {200: "Done; or it was known before.", 201: "On record."}


def answers(shape: Any, *, ok: tuple[int, ...] = (200,), conflict: str | None = None, **more: str) -> dict[Any, Any]:
    """Describe an endpoint's answers.

    shape     the model of an answer that succeeds, or a union of some
    ok        its statuses
    conflict  what 409 means here
    more      other refusals, by `s404="…"`
    """
    is_read = more.pop("method", "") == "GET"
    refusals = dict(_READ if is_read else _WRITE)
    refusals |= {int(code.removeprefix("s")): said for code, said in more.items()}
    if conflict is not None:
        refusals[409] = conflict
    said: dict[Any, Any] = {status: {"model": shape, "description": _OK[status]} for status in ok}
    said |= {status: refusal(what) for status, what in sorted(refusals.items())}
    return said | OTHERWISE if is_read else said
