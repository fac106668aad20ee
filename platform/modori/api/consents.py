"""What a client's server knows about its customers' wishes: `/v1/consents`, `/v1/stops`, `/v1/erasures`."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from modori.api import problems
from modori.api.auth import SecretKeySite
from modori.api.bodies import Said, body_of, shape
from modori.api.described import ConsentTaken, ErasureTaken, StopTaken, answers
from modori.api.idempotency import IdempotencyKey, Reply, answer_once, respond
from modori.capture import episodes
from modori.capture.pages import scrub_page_url
from modori.capture.wire import At
from modori.kernel import clock
from modori.kernel.errors import BadInput
from modori.kernel.origins import origin_of
from modori.outcomes.errors import AtInFuture
from modori.outcomes.rules import CLOCK_TOLERANCE
from modori.people import actions as people
from modori.people import queries as people_queries
from modori.people.model import Channel, ContactKind, EvidenceSource, StopReason
from modori.people.points import meet_contact_point
from modori.people.values import ContactValue, read_value, value_index
from modori.storage.db import tenant_transaction
from modori.storage.retrying import retry_deadlocks

_KINDS = {"email": ContactKind.EMAIL, "tel": ContactKind.PHONE, "line": ContactKind.LINE}
_KIND_OF_CHANNEL = {
    Channel.EMAIL: ContactKind.EMAIL,
    Channel.SMS: ContactKind.PHONE,
    Channel.CALL: ContactKind.PHONE,
    Channel.LINE: ContactKind.LINE,
}


class WrongContact(BadInput):
    code = "wrong_contact"
    title = "The channel does not reach that kind of contact"


class Somebody(BaseModel):
    """Exactly one contact point."""

    model_config = ConfigDict(frozen=True, strict=True, str_strip_whitespace=True)

    email: Annotated[str, Field(max_length=320)] | None = None
    tel: Annotated[str, Field(max_length=64)] | None = None
    line: Annotated[str, Field(max_length=64)] | None = None

    @model_validator(mode="after")
    def _is_one(self) -> "Somebody":
        if sum(bool(value) for value in (self.email, self.tel, self.line)) != 1:
            raise ValueError("name exactly one of email, tel and line")
        return self


class ConsentIn(Somebody):
    """A consent given to the client, or withdrawn: the evidence that RULES 3 asks for.

    text  the exact words beside the control; not needed to withdraw
    at    when it was given, with its zone; None: now
    """

    channel: Literal["email", "sms", "line", "call"]
    granted: bool
    text: Annotated[str, Field(max_length=2048, validate_default=True)] = ""
    control: Annotated[str, Field(max_length=500)] | None = None
    page: Annotated[str, Field(max_length=2048)] | None = None
    at: At | None = None

    @field_validator("text")
    @classmethod
    def _is_evidence(cls, text: str, said: ValidationInfo) -> str:
        if said.data.get("granted") and not text:
            raise ValueError("a consent needs the words that were agreed to")
        return text


class StopIn(Somebody):
    """Somebody who must not be contacted any more, by whatever channel reaches that contact point."""


class ErasureIn(Somebody):
    """Somebody who asked to be forgotten. The stop stays, as a keyed hash (RULES 18)."""


def make_router() -> APIRouter:
    router = APIRouter(route_class=problems.ProblemRoute, tags=["wishes"])
    for path, endpoint, summary, model, taken in (
        ("/v1/consents", post_consent, "Report a consent, or its withdrawal", ConsentIn, ConsentTaken),
        ("/v1/stops", post_stop, "Stop every contact with somebody", StopIn, StopTaken),
        ("/v1/erasures", post_erasure, "Forget somebody", ErasureIn, ErasureTaken),
    ):
        router.add_api_route(
            path,
            endpoint,
            methods=["POST"],
            summary=summary,
            status_code=201,
            openapi_extra=shape(model),
            responses=answers(taken, ok=(201,)),
        )
    return router


@retry_deadlocks
def post_consent(
    site: SecretKeySite,
    said: Annotated[Said[ConsentIn], Depends(body_of(ConsentIn))],
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Record a consent, or its withdrawal. It binds to this contact point; the newest word counts."""
    now, sent = clock.now(), said.value
    value = _value(sent, country=site.country)
    channel = Channel(sent.channel)
    if _KIND_OF_CHANNEL[channel] is not value.kind:
        raise WrongContact(field="channel")
    if sent.at is not None and sent.at > now + CLOCK_TOLERANCE:
        raise AtInFuture(field="at")
    given_at = min(sent.at or now, now)

    def record() -> Reply:
        point = meet_contact_point(session, tenant_id=site.tenant_id, kind=value.kind, value=value.text, now=now)
        consent = people.record_consent(
            session,
            tenant_id=site.tenant_id,
            channel=channel,
            granted=sent.granted,
            text=sent.text,
            control=sent.control,
            page_url=_page(sent.page),
            site_id=site.site_id,
            contact_point_id=point.contact_point_id,
            source=EvidenceSource.SERVER,
            given_at=given_at,
            now=now,
        )
        return Reply(201, {"consent_id": str(consent.consent_id), "at": given_at.isoformat()})

    with tenant_transaction(site.tenant_id) as session:
        request = b"POST /v1/consents\n" + said.digest
        reply = answer_once(session, site=site, key=idempotency_key, request=request, do=record, now=now)
    return respond(reply, said)


@retry_deadlocks
def post_stop(
    site: SecretKeySite,
    said: Annotated[Said[StopIn], Depends(body_of(StopIn))],
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Stop everything to one contact point, known to us or not. Once answered, nothing to it begins any more."""
    now = clock.now()
    value = _value(said.value, country=site.country)

    def record() -> Reply:
        stop = people.record_stop(
            session,
            tenant_id=site.tenant_id,
            kind=value.kind,
            value_index=value_index(site.tenant_id, value.kind, value.text),
            via=None,
            reason=StopReason.SERVER,
            source=EvidenceSource.SERVER,
            source_ref=site.key_id,
            now=now,
        )
        return Reply(201, {"stop_id": str(stop.stop_id), "recorded_at": stop.recorded_at.isoformat()})

    with tenant_transaction(site.tenant_id) as session:
        request = b"POST /v1/stops\n" + said.digest
        reply = answer_once(session, site=site, key=idempotency_key, request=request, do=record, now=now)
    return respond(reply, said)


@retry_deadlocks
def post_erasure(
    site: SecretKeySite,
    said: Annotated[Said[ErasureIn], Depends(body_of(ErasureIn))],
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Forget one contact point: its value, what was typed with it, its name. It is never contacted again."""
    now = clock.now()
    value = _value(said.value, country=site.country)
    index = value_index(site.tenant_id, value.kind, value.text)

    def record() -> Reply:
        point = people_queries.find_contact_point(session, tenant_id=site.tenant_id, kind=value.kind, value_index=index)
        if point is not None:
            episodes.forget_contacts(session, tenant_id=site.tenant_id, contact_point_ids=[point.contact_point_id])
        erasure = people.erase_contact(
            session,
            tenant_id=site.tenant_id,
            kind=value.kind,
            value_index=index,
            requested_by=f"key:{site.key_id}",
            now=now,
        )
        return Reply(201, {"erasure_id": str(erasure.erasure_id), "erased_at": now.isoformat()})

    with tenant_transaction(site.tenant_id) as session:
        request = b"POST /v1/erasures\n" + said.digest
        reply = answer_once(session, site=site, key=idempotency_key, request=request, do=record, now=now)
    return respond(reply, said)


def _page(said: str | None) -> str | None:
    """Drop what a page's address says of the person (DESIGN section 6); the name of a paper form stays as it is."""
    return scrub_page_url(said) if said is not None and origin_of(said) is not None else said


def _value(sent: Somebody, *, country: str) -> ContactValue:
    """Normalise the one contact point of a body. raises BadEmail, BadPhone, BadLineUser"""
    name = next(name for name in _KINDS if getattr(sent, name))
    return read_value(_KINDS[name], getattr(sent, name), country=country)
