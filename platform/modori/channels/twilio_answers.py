"""Twilio's answers to a request that creates something, as the port knows them."""

from collections.abc import Callable

from twilio.base.exceptions import TwilioRestException, TwilioServiceException

from modori.channels.twilio_http import MayHaveArrived, NeverLeft, Throttled
from modori.sending.ports import Accepted, Answer, NotSent, Rejected, Unknown

DEAD_NUMBER = frozenset((21211, 21214, 21217, 21401, 21407, 21421, 30005))
"""No such number, or one that exists no more. source: Twilio's error dictionary"""
NO_SMS = frozenset((21614, 30006))
"""No mobile, or a landline: dead for SMS, and callable. source: Twilio's error dictionary"""
OPTED_OUT = frozenset((21610,))
"""The person has told Twilio to stop us. source: Twilio's error dictionary"""
QUEUE_FULL = frozenset((21611, 30001))
"""The sender's queue at Twilio is full: refused, and worth another try. source: Twilio's error dictionary"""
NOT_OUR_REQUEST = frozenset((401, 403, 404, 407))
"""Statuses that refuse the account or the address: a mistake of configuration must not end anybody's touches."""


def answer_of(create: Callable[[], str | None]) -> Answer:
    """Make one request and read its outcome.

    create  makes the request and returns the SID. Whatever is not certain to have failed is Unknown
    """
    try:
        sid = create()
    except NeverLeft as error:
        return NotSent(None, f"connect: {error}")
    except Throttled as error:
        return NotSent(error.retry_at, f"throttled: {error.status}")
    except MayHaveArrived as error:
        return Unknown(f"after the request was begun: {error}")
    except (TwilioRestException, TwilioServiceException) as error:
        return _refusal(int(error.status), int(error.code or 0))
    except (ValueError, KeyError, TypeError) as error:
        # An answer that says 2xx and cannot be read.
        return Unknown(f"unreadable answer: {type(error).__name__}")
    return Accepted(sid) if sid else Unknown("the answer names no SID")


def refusal_of(code: str) -> Rejected | None:
    """Read the error code of a status callback for what it says of the number; None where it says nothing of it."""
    number = int(code) if code.isascii() and code.isdecimal() and len(code) <= 6 else 0
    refused = _rejected(number, number)
    return refused if refused.address_is_dead or refused.takes_no_sms or refused.opted_out else None


def _rejected(status: int, code: int) -> Rejected:
    return Rejected(
        str(code or status),
        address_is_dead=code in DEAD_NUMBER,
        opted_out=code in OPTED_OUT,
        takes_no_sms=code in NO_SMS,
    )


def _refusal(status: int, code: int) -> Answer:
    if status in NOT_OUR_REQUEST or code in QUEUE_FULL:
        return NotSent(None, f"{status} {code}")
    if 400 <= status < 500 and status != 408:
        return _rejected(status, code)
    return Unknown(f"{status} {code}")
