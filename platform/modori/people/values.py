"""Contact values: normalised, masked, and the keyed hashes by which they are looked up."""

import re
from dataclasses import dataclass
from functools import lru_cache

from modori.kernel.email import normalise_email
from modori.kernel.errors import BadInput
from modori.kernel.ids import TenantId
from modori.kernel.masking import mask_email, mask_line, mask_phone
from modori.kernel.phone import normalise_phone
from modori.people.model import ContactKind
from modori.storage import crypto

_LINE_USER = re.compile(r"U[0-9a-f]{32}")


class BadLineUser(BadInput):
    code = "bad_line"
    title = "This is not a LINE user id"


@dataclass(frozen=True, slots=True)
class ContactValue:
    """One e-mail address, phone number or LINE user id. `key` is what it is looked up by."""

    kind: ContactKind
    text: str
    key: str
    is_mobile: bool | None = None

    @property
    def masked(self) -> str:
        match self.kind:
            case ContactKind.EMAIL:
                return mask_email(self.text)
            case ContactKind.PHONE:
                return mask_phone(self.text)
            case ContactKind.LINE:
                return mask_line(self.text)


def read_value(kind: ContactKind, text: str, *, country: str = "JP") -> ContactValue:
    """Normalise what somebody typed. The last thousand answers are at hand: a form says the same again and again.

    raises  BadEmail, BadPhone or BadLineUser
    source  a LINE user id is U and 32 hexadecimal digits (Messaging API reference)
    """
    return _read(kind, text, country)


@lru_cache(maxsize=1000)
def _read(kind: ContactKind, text: str, country: str) -> ContactValue:
    match kind:
        case ContactKind.EMAIL:
            email = normalise_email(text)
            return ContactValue(kind, email.address, email.key)
        case ContactKind.PHONE:
            phone = normalise_phone(text, country=country)
            return ContactValue(kind, phone.e164, phone.e164, is_mobile=phone.is_mobile)
        case ContactKind.LINE:
            if not _LINE_USER.fullmatch(text.strip()):
                raise BadLineUser()
            return ContactValue(kind, text.strip(), text.strip())


def value_index(tenant_id: TenantId, kind: ContactKind, text: str) -> bytes:
    """Return the blind index of a normalised value: of an e-mail address in whatever case."""
    return crypto.blind_index(tenant_id, kind.value, _key(kind, text))


def platform_value_index(kind: ContactKind, text: str) -> bytes:
    """Return the keyed hash of a normalised value for the caps over all tenants (RULES 31)."""
    return crypto.platform_index(kind.value, _key(kind, text))


def _key(kind: ContactKind, text: str) -> str:
    return text.lower() if kind is ContactKind.EMAIL else text
