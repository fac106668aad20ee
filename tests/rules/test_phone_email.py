"""Telephone numbers and e-mail addresses as people type them."""

import pytest

from modori.kernel.email import normalise_email
from modori.kernel.errors import BadEmail, BadPhone
from modori.kernel.masking import mask_email, mask_line, mask_name, mask_phone
from modori.kernel.phone import PhoneKind, normalise_phone


@pytest.mark.parametrize(
    ("typed", "e164", "kind"),
    [
        ("09012345678", "+819012345678", PhoneKind.MOBILE),
        ("０９０ー１２３４ー５６７８", "+819012345678", PhoneKind.MOBILE),  # full width, long vowel marks
        ("090‐1234‑5678", "+819012345678", PhoneKind.MOBILE),  # U+2010 and U+2011
        (" 090 (1234) 5678 ", "+819012345678", PhoneKind.MOBILE),
        ("+81 (0)90 1234 5678", "+819012345678", PhoneKind.MOBILE),
        ("0081-90-1234-5678", "+819012345678", PhoneKind.MOBILE),
        ("06012345678", "+816012345678", PhoneKind.MOBILE),  # RULES 23: 060 since 2024
        ("07012345678", "+817012345678", PhoneKind.MOBILE),
        ("08012345678", "+818012345678", PhoneKind.MOBILE),
        ("02012345678", "+812012345678", PhoneKind.OTHER),  # 020: machines, no SMS
        ("03-1234-5678", "+81312345678", PhoneKind.LANDLINE),
        ("050-1234-5678", "+815012345678", PhoneKind.VOIP),
        ("0120-123-456", "+81120123456", PhoneKind.TOLL_FREE),
        ("0570-012-345", "+81570012345", PhoneKind.OTHER),
        ("+14155552671", "+14155552671", PhoneKind.MOBILE),
    ],
)
def test_reads_a_number(typed: str, e164: str, kind: PhoneKind) -> None:
    phone = normalise_phone(typed)
    assert (phone.e164, phone.kind, phone.is_mobile) == (e164, kind, kind is PhoneKind.MOBILE)


@pytest.mark.parametrize(
    "typed",
    ["", "090", "0901234567", "090123456789", "090-0000-0000", "090-1234-567x", "1-800-FLOWERS", "9" * 65, "４" * 16],
)
def test_refuses_what_is_no_number(typed: str) -> None:
    with pytest.raises(BadPhone):
        normalise_phone(typed)


def test_a_number_is_read_in_the_site_s_country() -> None:
    assert normalise_phone("(415) 555-2671", country="US").e164 == "+14155552671"


@pytest.mark.parametrize(
    ("typed", "address", "key", "warning"),
    [
        ("hanako@example.jp", "hanako@example.jp", "hanako@example.jp", False),
        (" Ｈanako＠Example.JP　", "Hanako@example.jp", "hanako@example.jp", False),
        ("x@日本.jp", "x@xn--wgv71a.jp", "x@xn--wgv71a.jp", False),
        ("a..b@docomo.ne.jp", "a..b@docomo.ne.jp", "a..b@docomo.ne.jp", True),  # RULES 29
        ("a.@docomo.ne.jp", "a.@docomo.ne.jp", "a.@docomo.ne.jp", True),
        ("a.-@ezweb.ne.jp", "a.-@ezweb.ne.jp", "a.-@ezweb.ne.jp", False),
        ("a.@au.com", "a.@au.com", "a.@au.com", True),
    ],
)
def test_reads_an_address(typed: str, address: str, key: str, warning: bool) -> None:
    email = normalise_email(typed)
    assert (email.address, email.key, email.deliverability_warning) == (address, key, warning)


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "@",
        "hanako",
        "hanako@",
        "@example.jp",
        "hanako@example",
        "hanako@localhost",
        "a b@example.jp",
        "a..b@gmail.com",  # only the old carriers ever gave these out
        "花子@example.jp",
        "x@y.jp\r\nBcc: z@q.jp",
        '"a b"@example.jp',
        "a@[192.0.2.1]",
        "a" * 250 + "@example.jp",
    ],
)
def test_refuses_what_is_no_address(typed: str) -> None:
    with pytest.raises(BadEmail):
        normalise_email(typed)


def test_masks_show_little() -> None:
    assert mask_email("hanako@example.co.jp") == "h•••@e•••.jp"
    assert mask_phone("+819012345678") == "090••••5678"
    assert mask_phone("+14155552671") == "+1••••2671"
    assert mask_line("U0123456789abcdef0123456789abcdef") == "U•••cdef"
    assert mask_name("山田 花子") == "山•••"
    assert mask_name("  ") == ""
