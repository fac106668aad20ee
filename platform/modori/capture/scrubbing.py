"""What must not be stored: card numbers, links typed into names (G8). Pure; texts in, texts out."""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from itertools import accumulate
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
        re.compile(r"(?:\A|[-_])(?:cvv2?|cvc2?|csc)(?:[-_]|\Z)|security[-_ ]?code|セキュリティコード", re.I),
    ),
    (
        LeakKind.ONE_TIME_CODE,
        re.compile(r"\Aone-time-code\Z|(?:\A|[-_])otp(?:[-_]|\Z)|ワンタイム|認証コード", re.I),
    ),
    (LeakKind.PASSWORD, re.compile(r"pass(?:word|wd|code|phrase)|\Apwd\Z|パスワード|暗証番号", re.I)),
    (LeakKind.CARD, re.compile(r"\A(?:cc|transaction)-|card[-_ ]?n(?:umber|o)|カード番号", re.I)),
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


def forbidden_kind(token: str) -> LeakKind | None:
    """Say what a field of this name would hold that may never come: a card, a password, a one-time code (RULES 34)."""
    folded = unicodedata.normalize("NFKC", token).strip()
    return next((kind for kind, pattern in _FORBIDDEN_TOKENS if pattern.search(folded)), None)


def may_hold_card_number(text: str) -> bool:
    """Say whether somebody may have typed a card number: any 13 to 19 digits in a row that pass Luhn (RULES 34).

    Careful, for what people type into fields: digits of any script count, and whatever but letters stands between.
    source  PCI DSS 4; ISO/IEC 7812-1 annex B
    """
    for run in _runs(text):
        sums = _luhn_sums(run)
        if any(sums[end % 2][end] in sums[end % 2][max(0, end - 19) : end - 12] for end in range(13, len(run) + 1)):
            return True
    return False


def is_card_number(text: str) -> bool:
    """Say whether a text holds what can only be a card number: whole groups of digits, of a brand's prefix and length.

    For ids, titles, addresses and wordings, where one long number in ten passes Luhn by chance. Groups before and after
    do not hide it (`2026-11-21 4111 1111 1111 1111`), nor do the escapes of an address (`%204111…`).
    """
    if "%" not in text and not _may_be_long_number(text):  # nearly every text
        return False
    return any(_hold_card(groups) for read in {text, unquote(text)} for groups in _runs_of_groups(read))


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


def _runs_of_groups(text: str) -> Iterator[list[str]]:
    """Yield neighbouring groups of digits, where they come to a card number's length."""
    narrow = text if text.isascii() else _with_ascii_digits(unicodedata.normalize("NFKC", text))
    if _FOURTEEN_DIGITS.match(narrow) is not None:
        yield from (_DIGITS.findall(run) for run in _RUN.findall(narrow))


def _hold_card(groups: Sequence[str]) -> bool:
    """Say whether some of the groups, put together, are a number that a brand issues."""
    digits, bounds = "".join(groups), list(accumulate(map(len, groups), initial=0))
    sums, ends = _luhn_sums(digits), frozenset(bounds)
    return any(
        end in ends and sums[end % 2][start] == sums[end % 2][end] and _is_issued(digits[start:end])
        for start in bounds
        for end in range(start + SHORTEST_CARD, min(start + LONGEST_CARD, len(digits)) + 1)
    )


def _is_issued(digits: str) -> bool:
    return any(len(digits) in lengths and prefix.match(digits) for prefix, lengths in _BRANDS)


def _luhn_sums(digits: str) -> list[str]:
    """Add up digits from the first on, modulo 10: digits[a:b] pass Luhn where those of b's parity are alike at a and b.

    Which digits are doubled hangs on where a number ends, so there are sums for even ends and for odd ones.
    """
    sums = []
    for parity in (0, 1):
        counted = [int(digit) for digit in digits]
        counted[parity::2] = map(int, digits[parity::2].translate(_DOUBLED))
        sums.append("".join(str(total % 10) for total in accumulate(counted, initial=0)))
    return sums


_DOUBLED: Final = str.maketrans("0123456789", "0246813579")
"""Each digit twice, its own digits added up: 7 becomes 14, becomes 5."""
