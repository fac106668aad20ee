"""How many parts an SMS has (RULES 25). Pure arithmetic: what carriers count and what providers bill."""

from dataclasses import dataclass
from enum import StrEnum

MAX_UNITS = 660
"""Longest text that every Japanese carrier takes: the limit is 670 full-width, and some stop at 660 (RULES 25)."""

GSM7_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
GSM7_EXTENDED = frozenset("^{}\\[~]|€\f")
"""Sent behind an escape, so they count 2."""


class SmsEncoding(StrEnum):
    """gsm7: Latin letters, 7 bits each · ucs2: anything else, 16 bits each."""

    GSM7 = "gsm7"
    UCS2 = "ucs2"


@dataclass(frozen=True, slots=True)
class SmsSize:
    """What a text comes to: units are septets for gsm7 and UTF-16 code units for ucs2."""

    encoding: SmsEncoding
    units: int
    parts: int

    @property
    def fits(self) -> bool:
        return self.units <= MAX_UNITS


_LONE = {SmsEncoding.GSM7: 160, SmsEncoding.UCS2: 70}
_EACH = {SmsEncoding.GSM7: 153, SmsEncoding.UCS2: 67}


def measure_sms(text: str) -> SmsSize:
    """Count a text as the provider will send it: in GSM-7 where every character is in its alphabet, else in UCS-2.

    A character of two units is never split over two parts, so a part may be one unit short.
    raises   ValueError on empty text
    source   3GPP TS 23.038 (alphabet; 140 octets a message) and TS 23.040 (6-octet concatenation header)
    """
    if not text:
        raise ValueError("an empty text is no SMS")
    alphabet = GSM7_BASIC | GSM7_EXTENDED
    encoding = SmsEncoding.GSM7 if all(character in alphabet for character in text) else SmsEncoding.UCS2
    widths = [_width(character, encoding) for character in text]
    units = sum(widths)
    if units <= _LONE[encoding]:
        return SmsSize(encoding, units, 1)
    parts, filled = 1, 0
    for width in widths:
        if filled + width > _EACH[encoding]:
            parts, filled = parts + 1, 0
        filled += width
    return SmsSize(encoding, units, parts)


def _width(character: str, encoding: SmsEncoding) -> int:
    if encoding is SmsEncoding.GSM7:
        return 2 if character in GSM7_EXTENDED else 1
    return 2 if ord(character) > 0xFFFF else 1
