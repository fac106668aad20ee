"""The error tree. Each leaf has a stable public `code` and an HTTP status; only edges turn it into a response.

    ModoriError
    ├── Refused        the caller asked for something that we do not do (4xx)
    │   ├── BadInput       400  the words are wrong
    │   ├── Unauthorised   401  we do not know who asks
    │   ├── Forbidden      403  we know, and the answer is no
    │   ├── NotFound       404  not there, or another tenant's: the same answer
    │   ├── Conflict       409  it contradicts what is on record
    │   └── Limited        429  too often; carries retry_after_s
    └── Unavailable    503  we cannot answer safely now; carries retry_after_s

Declining to contact somebody is not an error: that is a value (STYLE 6).
"""

from typing import ClassVar


class ModoriError(Exception):
    """Root of everything that we raise on purpose.

    detail  one English sentence for the caller; never personal data
    """

    code: ClassVar[str] = "error"
    status: ClassVar[int] = 500
    title: ClassVar[str] = "Something went wrong"

    def __init__(self, detail: str = "", **extra: object) -> None:
        super().__init__(detail or self.title)
        self.detail = detail or self.title
        self.extra = extra


class Refused(ModoriError):
    status = 400


class BadInput(Refused):
    code = "bad_input"
    title = "The request cannot be understood"


class Unauthorised(Refused):
    code = "unauthorised"
    status = 401
    title = "Log in or present a valid key"


class Forbidden(Refused):
    code = "forbidden"
    status = 403
    title = "This is not allowed"


class NotFound(Refused):
    code = "not_found"
    status = 404
    title = "There is no such thing"


class Conflict(Refused):
    code = "conflict"
    status = 409
    title = "This contradicts what is on record"


class Limited(Refused):
    code = "rate_limited"
    status = 429
    title = "Too many requests"

    def __init__(self, detail: str = "", *, retry_after_s: int = 1, **extra: object) -> None:
        super().__init__(detail, **extra)
        self.retry_after_s = retry_after_s


class Unavailable(ModoriError):
    code = "unavailable"
    status = 503
    title = "The service cannot answer now"

    def __init__(self, detail: str = "", *, retry_after_s: int = 1, **extra: object) -> None:
        super().__init__(detail, **extra)
        self.retry_after_s = retry_after_s


class BadAmount(BadInput):
    code = "bad_amount"
    title = "The amount is not a possible sum of money in its currency"


class UnknownCurrency(BadInput):
    code = "unknown_currency"
    title = "The currency is not an ISO 4217 code"


class BadPhone(BadInput):
    code = "bad_phone"
    title = "This is not a telephone number"


class BadEmail(BadInput):
    code = "bad_email"
    title = "This is not an e-mail address"
