"""RULES 25: units and parts of an SMS, at their edges."""

import pytest

from modori.kernel.sms import SmsEncoding, measure_sms


@pytest.mark.parametrize(
    ("text", "encoding", "units", "parts"),
    [
        ("a", SmsEncoding.GSM7, 1, 1),
        ("a" * 160, SmsEncoding.GSM7, 160, 1),  # the most that a lone part holds
        ("a" * 161, SmsEncoding.GSM7, 161, 2),  # parts of 153 from here
        ("a" * 306, SmsEncoding.GSM7, 306, 2),
        ("a" * 307, SmsEncoding.GSM7, 307, 3),
        ("€" * 80, SmsEncoding.GSM7, 160, 1),  # behind an escape: 2 each
        ("a" * 152 + "€" + "a" * 152, SmsEncoding.GSM7, 306, 3),  # € would straddle the edge, and moves on whole
        ("あ", SmsEncoding.UCS2, 1, 1),
        ("a`", SmsEncoding.UCS2, 2, 1),  # the backquote is not in the alphabet
        ("あ" * 70, SmsEncoding.UCS2, 70, 1),
        ("あ" * 71, SmsEncoding.UCS2, 71, 2),  # parts of 67 from here
        ("あ" * 134, SmsEncoding.UCS2, 134, 2),
        ("あ" * 135, SmsEncoding.UCS2, 135, 3),
        ("😀" * 35, SmsEncoding.UCS2, 70, 1),  # outside the BMP: 2 each
        ("𠮷" * 36, SmsEncoding.UCS2, 72, 2),
        ("あ" * 66 + "😀" + "あ" * 66, SmsEncoding.UCS2, 134, 3),  # a surrogate pair is never torn
        ("あ" * 660, SmsEncoding.UCS2, 660, 10),
    ],
)
def test_units_and_parts(text: str, encoding: SmsEncoding, units: int, parts: int) -> None:
    size = measure_sms(text)
    assert (size.encoding, size.units, size.parts) == (encoding, units, parts)


@pytest.mark.parametrize(("units", "fits"), [(660, True), (661, False)])
def test_some_carriers_stop_at_660(units: int, fits: bool) -> None:
    assert measure_sms("あ" * units).fits is fits


def test_an_empty_text_is_no_sms() -> None:
    with pytest.raises(ValueError, match="empty"):
        measure_sms("")
