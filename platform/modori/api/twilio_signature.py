"""Who posts to a webhook of ours: Twilio, by the signature over the URL that we gave it (RULES 26, 37)."""

from urllib.parse import parse_qsl

from fastapi import Request
from prometheus_client import Counter
from starlette.datastructures import ImmutableMultiDict
from twilio.request_validator import RequestValidator

from modori.kernel.errors import BadInput, Forbidden

Form = ImmutableMultiDict[str, str]

MOST_BODY_BYTES = 65_536

REFUSED = Counter("modori_webhooks_refused", "Webhook posts that carried no valid signature", ["provider"])


class BadSignature(Forbidden):
    code = "bad_signature"
    title = "The signature is missing or wrong"


class SignedForm:
    """A dependency that reads a form and believes it only if one of the current tokens signed it.

    The signed URL is built from configuration: behind a proxy the Host header names anybody.
    """

    def __init__(self, *, public_url: str, auth_tokens: tuple[str, ...]) -> None:
        self._public_url = public_url.rstrip("/")
        self._validators = tuple(RequestValidator(token) for token in auth_tokens if token)

    async def __call__(self, request: Request) -> Form:
        """Return the form's fields. raises BadSignature, BadInput; nothing is kept of a refused post but the count"""
        form = _fields(await _body(request))
        signature = request.headers.get("x-twilio-signature", "")
        query = request.url.query
        url = f"{self._public_url}{request.url.path}" + (f"?{query}" if query else "")
        if not any(validator.validate(url, form, signature) for validator in self._validators):
            REFUSED.labels("twilio").inc()
            raise BadSignature()
        return form


async def _body(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST_BODY_BYTES:
            raise BadInput(f"A webhook's body has at most {MOST_BODY_BYTES} bytes.")
    return bytes(body)


def _fields(body: bytes) -> Form:
    try:
        return ImmutableMultiDict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=200))
    except ValueError as error:
        raise BadInput("The body is no form.") from error
