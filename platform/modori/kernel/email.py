"""E-mail addresses: from what people type to an address that can be sent to and looked up."""

import re
from dataclasses import dataclass

from email_validator import EmailNotValidError, validate_email

from modori.kernel.errors import BadEmail

LONGEST_TEXT = 254
"""RFC 5321 4.5.3.1.3: a path has 256 octets, its angle brackets included."""

_NARROW = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {0x3000: 0x20}
_OLD_CARRIERS = re.compile(r"(?:[a-z0-9-]+\.)?(?:docomo\.ne\.jp|ezweb\.ne\.jp|au\.com)")


@dataclass(frozen=True, slots=True)
class Email:
    """An address. `address` is what mail goes to; `key`, all in lower case, is what it is looked up by."""

    address: str
    key: str
    deliverability_warning: bool = False
    """An old carrier address that breaks RFC 5321; other mail servers may refuse it (RULES 29)."""


def normalise_email(text: str) -> Email:
    """Read an address as people type it: full-width ASCII narrowed, the domain in lower case and in ASCII (IDNA).

    raises  BadEmail for what no mail server could be asked to take, and for names outside ASCII before the @
    source  RFC 5321 and 5322 as email-validator reads them; RULES 29: docomo and au once gave out `a..b@` and `a.@`
    """
    typed = text[: LONGEST_TEXT + 1].translate(_NARROW).strip()
    if len(text) > LONGEST_TEXT:
        raise BadEmail()
    local, at, domain = typed.rpartition("@")
    if not at:
        raise BadEmail()
    is_old = ".." in local or local.startswith(".") or local.endswith(".")
    if is_old and not _OLD_CARRIERS.fullmatch(domain.lower()):
        raise BadEmail()
    standing = re.sub(r"\.{2,}", ".", local).strip(".") if is_old else local
    try:
        checked = validate_email(
            f"{standing}@{domain}",
            check_deliverability=False,
            allow_smtputf8=False,
            test_environment=True,  # .test names nobody (RFC 6761): the demo's and the tests' people live there
        )
    except EmailNotValidError as error:
        raise BadEmail() from error
    address = f"{local if is_old else checked.local_part}@{checked.ascii_domain}"
    return Email(address, address.lower(), deliverability_warning=is_old)
