"""Telephone numbers: from what people type to E.164, and what kind of line it is."""

import re
import unicodedata
from dataclasses import dataclass
from enum import StrEnum

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumber, PhoneNumberFormat, PhoneNumberType

from modori.kernel.errors import BadPhone

LONGEST_TEXT = 64
"""E.164 has 15 digits; the rest is room for spaces, brackets and a spelled-out prefix."""

_FILLING = re.compile(r"[\s\-()./‐-―ー−ｰ~〜・]+")
_DIALLABLE = re.compile(r"\+?[0-9]{6,20}")
_JAPANESE_MOBILE = re.compile(r"\+81[6789]0[0-9]{8}")


class PhoneKind(StrEnum):
    """What sort of line a number is. Only a mobile one takes an SMS in Japan (RULES 23)."""

    MOBILE = "mobile"
    LANDLINE = "landline"
    VOIP = "voip"
    TOLL_FREE = "toll_free"
    OTHER = "other"


_KINDS = {
    PhoneNumberType.MOBILE: PhoneKind.MOBILE,
    PhoneNumberType.FIXED_LINE: PhoneKind.LANDLINE,
    PhoneNumberType.FIXED_LINE_OR_MOBILE: PhoneKind.MOBILE,
    PhoneNumberType.VOIP: PhoneKind.VOIP,
    PhoneNumberType.TOLL_FREE: PhoneKind.TOLL_FREE,
}


@dataclass(frozen=True, slots=True)
class Phone:
    """A telephone number: `e164` as "+819012345678"."""

    e164: str
    kind: PhoneKind

    @property
    def is_mobile(self) -> bool:
        return self.kind is PhoneKind.MOBILE


def known_country(code: str) -> str:
    """Return an ISO 3166 code as it is. raises ValueError for one of no country whose numbers can be read"""
    if code not in phonenumbers.SUPPORTED_REGIONS:
        raise ValueError(f"{code} is the code of no country")
    return code


def normalise_phone(text: str, *, country: str = "JP") -> Phone:
    """Read a number as people type it: full-width digits, hyphens of any kind, 0081, +81 (0)90….

    country  ISO 3166 code of the country in which a number without a prefix is meant
    raises   BadPhone for what is no number that the country's plan has handed out
    source   RULES 23: mobile in Japan are 060, 070, 080 and 090; numbering plans as in libphonenumber
    """
    digits = _FILLING.sub("", unicodedata.normalize("NFKC", text[:LONGEST_TEXT]).strip())
    if len(text) > LONGEST_TEXT or not _DIALLABLE.fullmatch(digits):
        raise BadPhone()
    number = _valid(digits, country)
    if number is None and digits.startswith("00"):
        number = _valid("+" + digits.removeprefix("00"), country)
    if number is None:
        raise BadPhone()
    e164 = phonenumbers.format_number(number, PhoneNumberFormat.E164)
    return Phone(e164, _kind(number, e164))


def _valid(digits: str, country: str) -> PhoneNumber | None:
    try:
        number = phonenumbers.parse(digits, country)
    except NumberParseException:
        return None
    return number if phonenumbers.is_valid_number(number) else None


def _kind(number: PhoneNumber, e164: str) -> PhoneKind:
    if number.country_code == 81:
        if _JAPANESE_MOBILE.fullmatch(e164):
            return PhoneKind.MOBILE
        found = _KINDS.get(phonenumbers.number_type(number), PhoneKind.OTHER)
        return PhoneKind.OTHER if found is PhoneKind.MOBILE else found
    return _KINDS.get(phonenumbers.number_type(number), PhoneKind.OTHER)
