"""Refusals as Twilio words them."""

from __future__ import annotations

import re

import phonenumbers
from starlette.responses import JSONResponse

_E164 = re.compile(r"\+[1-9]\d{6,14}")


class TwilioRefusal(Exception):
    """An answer that is a refusal. `code` is from Twilio's error dictionary."""

    def __init__(self, status: int, code: int, message: str, *, retry_after_s: int | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.retry_after_s = retry_after_s

    def as_response(self) -> JSONResponse:
        headers = {} if self.retry_after_s is None else {"Retry-After": str(self.retry_after_s)}
        return JSONResponse(
            {
                "code": self.code,
                "message": self.message,
                "more_info": f"https://www.twilio.com/docs/errors/{self.code}",
                "status": self.status,
            },
            status_code=self.status,
            headers=headers,
        )


def is_phone_number(text: str) -> bool:
    """Whether it is E.164 and of a length that its country has."""
    if not _E164.fullmatch(text):
        return False
    try:
        return phonenumbers.is_possible_number(phonenumbers.parse(text))
    except phonenumbers.NumberParseException:
        return False


def check_receiver(to: str, *, missing_code: int) -> None:
    if not to:
        raise TwilioRefusal(400, missing_code, "A 'To' phone number is required.")
    if not is_phone_number(to):
        raise TwilioRefusal(400, 21211, f"Invalid 'To' Phone Number: {to}")


def check_sender(sender: str, *, missing_code: int, names_allowed: bool) -> None:
    """A sender is a number or, for messages, an alphanumeric id of 1 to 11 characters with a letter in it."""
    if not sender:
        raise TwilioRefusal(400, missing_code, "A 'From' phone number is required.")
    is_name = re.fullmatch(r"[A-Za-z0-9 &_+-]{1,11}", sender) and re.search(r"[A-Za-z]", sender)
    if not (is_phone_number(sender) or (names_allowed and is_name)):
        raise TwilioRefusal(400, 21212, f"The 'From' number {sender} is not a valid phone number or id.")
