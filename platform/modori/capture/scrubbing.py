"""What must not be stored: card numbers, links typed into names (G8). Pure; texts in, texts out."""

import re
import unicodedata
from collections.abc import Iterator
from typing import Final
from urllib.parse import unquote

from modori.capture.model import LeakKind
from modori.kernel.masking import DOTS
from modori.kernel.names import without_links

NAME_TOKENS: Final = ("name", "family-name", "given-name", "family-name-kana", "given-name-kana", "name-kana")
FIELD_TOKENS: Final = frozenset(
    {
        "email",
        "tel",
        *NAME_TOKENS,
        "postal-code",
        "address-level1",
        "address-level2",
        "address-line1",
        "address-line2",
        "street-address",
        "organization",
    }
)
"""The fields that may be captured: WHATWG autocomplete tokens, and three for kana (DESIGN section 9)."""

_FORBIDDEN_TOKENS = (
    (
        LeakKind.SECURITY_CODE,
        re.compile(
            r"cc-csc|(?:.*[-_])?(?:cvv2?|cvc2?|csc)(?:[-_].*)?|.*security[-_ ]?code.*|.*セキュリティコード.*", re.I
        ),
    ),
    (
        LeakKind.ONE_TIME_CODE,
        re.compile(r"one-time-code|(?:.*[-_])?otp(?:[-_].*)?|.*(?:ワンタイム|認証コード).*", re.I),
    ),
    (LeakKind.PASSWORD, re.compile(r".*pass(?:word|wd|code|phrase).*|pwd|.*(?:パスワード|暗証番号).*", re.I)),
    (LeakKind.CARD, re.compile(r"cc-.*|transaction-.*|.*card[-_ ]?n(?:umber|o).*|.*カード番号.*", re.I)),
)
"""Names of fields whose value may not come, by what it would be: a security code's name may hold a card's, too."""
_NUMBER_IN_A_NAME = re.compile(r"[0-9]{7,}")
"""Seven digits may be a telephone number that a shop has made a part of an input's name."""
_THIRTEEN_DIGITS = re.compile(r"(?:[^0-9]*[0-9]){13}")
_FOURTEEN_DIGITS = re.compile(r"(?:[^0-9]*[0-9]){14}")
_BETWEEN_DIGITS = re.compile(r"(?:[^\w]|[_ー]){1,2}")
_DIGITS = re.compile(r"[0-9]+")
_RUN = re.compile(rf"[0-9]+(?:{_BETWEEN_DIGITS.pattern}[0-9]+)*")
_BETWEEN_TYPED_DIGITS = re.compile(r"(?<=[0-9])(?:[^\w]|[_ー一の])+(?=[0-9])")
"""What people type between digits, however much of it: no letter, but what looks like a dash, or reads like one."""
_FOREIGN_DIGIT = re.compile(r"(?![0-9])\d")
SHORTEST_CARD: Final = 14
LONGEST_CARD: Final = 19
"""Digits. The 13-digit numbers of one brand are no longer issued, and goods have 13-digit codes (JAN)."""

_BRANDS: Final = (
    # IIN range as a pattern, and the lengths that it is issued in (ISO/IEC 7812; the brands' published ranges).
    (re.compile(r"4"), frozenset({16, 18, 19})),
    (re.compile(r"5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720"), frozenset({16})),
    (re.compile(r"3[47]"), frozenset({15})),
    (re.compile(r"30[0-5]|3[689]"), frozenset({14, 16, 17, 18, 19})),
    (re.compile(r"352[89]|35[3-8]"), frozenset({16, 17, 18, 19})),
    (re.compile(r"6011|64[4-9]|65"), frozenset({16, 17, 18, 19})),
    (re.compile(r"62|81"), frozenset({16, 17, 18, 19})),
    (re.compile(r"5[06-9]|6[37]"), frozenset({16, 18, 19})),
)


def is_forbidden_field(token: str) -> bool:
    """Say whether a field's name alone forbids its value: cards, passwords, one-time codes (RULES 34)."""
    return forbidden_kind(token) is not None


def forbidden_kind(token: str) -> LeakKind | None:
    """Say what a field of this name would hold that may never come, or None."""
    folded = unicodedata.normalize("NFKC", token).strip()
    return next((kind for kind, pattern in _FORBIDDEN_TOKENS if pattern.fullmatch(folded)), None)


def may_hold_card_number(text: str) -> bool:
    """Say whether somebody may have typed a card number: any 13 to 19 digits in a row that pass Luhn (RULES 34).

    Careful, for what people type into fields: digits of any script count, and whatever but letters stands between.
    source  PCI DSS 4; ISO/IEC 7812-1 annex B
    """
    return any(
        _luhn_holds(run[start : start + length])
        for run in _runs(text)
        for length in range(13, 20)
        for start in range(len(run) - length + 1)
    )


def is_card_number(text: str) -> bool:
    """Say whether a text holds what can only be a card number: whole groups of digits, of a brand's prefix and length.

    For ids, titles, addresses and wordings, where one long number in ten passes Luhn by chance. Groups before and after
    do not hide it (`2026-11-21 4111 1111 1111 1111`), nor do the escapes of an address (`%204111…`).
    """
    if "%" not in text and not _may_be_long_number(text):  # nearly every text
        return False
    return any(_is_issued(one) for read in {text, unquote(text)} for one in _joined_groups(read))


def is_card_number_alone(text: str) -> bool:
    """Say whether a random id is nothing but a card number: among 32 hexadecimal digits one turns up by chance."""
    digits = text.replace("-", "").replace("_", "")
    return digits.isdecimal() and is_card_number(digits)


def scrub_field(token: str, value: str) -> str:
    """Return a field's value as it may be kept; links are dropped from all but e-mail and telephone."""
    return value.strip() if token in ("email", "tel") else without_links(value, most=200)


def scrub_input_name(name: str) -> str:
    """Return an input's name or id as it may be stored: without what could be somebody's number or address.

    Some shops name inputs after the customer: `order[hanako@example.jp]`.
    """
    folded = unicodedata.normalize("NFKC", name).strip()
    if "@" in folded or may_hold_card_number(folded):
        return DOTS
    return _NUMBER_IN_A_NAME.sub(DOTS, folded)


def _runs(text: str) -> list[str]:
    """Join digits that only other signs than letters keep apart."""
    narrow = text if text.isascii() else _with_ascii_digits(unicodedata.normalize("NFKC", text))
    if _THIRTEEN_DIGITS.match(narrow) is None:
        return []
    return _DIGITS.findall(_BETWEEN_TYPED_DIGITS.sub("", narrow))


def _with_ascii_digits(text: str) -> str:
    """Write decimal digits of every script, ٤ or ४, as 0 to 9."""
    if _FOREIGN_DIGIT.search(text) is None:
        return text
    return "".join(str(unicodedata.decimal(sign)) if sign.isdecimal() else sign for sign in text)


def _may_be_long_number(text: str) -> bool:
    """Say whether as many digits as a card number has may be in a text: cheap, and never wrongly no.

    One sign may stand for two digits, ㊿ for 50.
    """
    if not text.isascii():
        return len(text) >= SHORTEST_CARD // 2
    return len(text) >= SHORTEST_CARD and _FOURTEEN_DIGITS.match(text) is not None


def _joined_groups(text: str) -> Iterator[str]:
    """Yield neighbouring groups of digits put together, wherever they come to a card number's length."""
    narrow = text if text.isascii() else _with_ascii_digits(unicodedata.normalize("NFKC", text))
    if _FOURTEEN_DIGITS.match(narrow) is None:
        return
    for run in _RUN.findall(narrow):
        groups = _DIGITS.findall(run)
        for first in range(len(groups)):
            joined = ""
            for group in groups[first:]:
                joined += group
                if len(joined) > LONGEST_CARD:
                    break
                if len(joined) >= SHORTEST_CARD:
                    yield joined


def _is_issued(digits: str) -> bool:
    return any(len(digits) in lengths and prefix.match(digits) for prefix, lengths in _BRANDS) and _luhn_holds(digits)


def _luhn_holds(digits: str) -> bool:
    backwards = digits[::-1]
    doubled = backwards[1::2].translate(_DOUBLED)
    return (sum(map(int, backwards[::2])) + sum(map(int, doubled))) % 10 == 0


_DOUBLED: Final = str.maketrans("0123456789", "0246813579")
"""Each digit twice, its own digits added up: 7 becomes 14, becomes 5."""
