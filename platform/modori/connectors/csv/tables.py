"""Read an uploaded file, purely: bytes to a table, cells to amounts, instants and words. And guard what goes out.

Nothing here raises for what somebody's file says: a file that cannot be read is a `Fault`, a cell a `Wrong`.
"""

import csv
import io
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

from modori.connectors.csv.columns import COLUMNS, CONTACT_FIELDS, plain
from modori.connectors.csv.layouts import find_layout, place_fields
from modori.kernel.money import is_currency, minor_digits

MOST_BYTES: Final = 10 * 1024 * 1024
MOST_ROWS: Final = 50_000
MOST_COLUMNS: Final = 200
LONGEST_CELL: Final = 10_000
DELIMITERS: Final = (",", "\t", ";")
"""What may stand between cells, the first of those that the header has as often. Excel writes semicolons in Europe."""


class FileFault(StrEnum):
    """Why a file as a whole is not taken. Nothing of it is kept then."""

    EMPTY = "empty"
    TOO_LARGE = "too_large"
    TOO_MANY_ROWS = "too_many_rows"
    UNKNOWN_ENCODING = "unknown_encoding"
    NOT_CSV = "not_csv"
    SPREADSHEET = "spreadsheet"
    NO_ROWS = "no_rows"
    MISSING_COLUMN = "missing_column"
    DUPLICATE_HEADER = "duplicate_header"


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a file.

    fields      which columns it is about
    row_number  where, as a spreadsheet counts
    headers     the headers that mean the same
    """

    code: FileFault
    fields: tuple[str, ...] = ()
    row_number: int | None = None
    headers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Table:
    """A file as rows of named cells.

    headers      field → the header under which the file has it
    rows         (row number as a spreadsheet counts, {field: cell}); a row with more cells than headers has OVERFLOW
    layout       the system whose export it was recognised as
    passed_over  headers that would have done for a field, too
    """

    encoding: str
    delimiter: str
    headers: Mapping[str, str]
    rows: Sequence[tuple[int, Mapping[str, str]]]
    layout: str | None = None
    passed_over: tuple[str, ...] = ()


OVERFLOW: Final = "+"
"""The name under which a row carries the cell that has no header: it is refused, since its cells may have moved."""


def read_table(raw: bytes, *, kind: str) -> Table | Fault:
    """Read a file.

    raw   UTF-8 (with or without a mark), UTF-16 with one (Excel's "Unicode text") or CP932, the superset of Shift_JIS
          that Windows writes; commas, tabs or semicolons
    kind  a key of COLUMNS
    """
    if len(raw) > MOST_BYTES:
        return Fault(FileFault.TOO_LARGE)
    if not raw.strip(b"\r\n\t ,\xef\xbb\xbf"):
        return Fault(FileFault.EMPTY)
    if raw.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        return Fault(FileFault.SPREADSHEET)
    text, encoding = _decode(raw)
    if text is None:
        return Fault(FileFault.UNKNOWN_ENCODING)
    if re.search(r"[\x00-\x08\x0b\x0c\x0e-\x1f]", text):
        return Fault(FileFault.NOT_CSV)
    first_line = text.lstrip("\r\n").partition("\n")[0]
    delimiter = max(DELIMITERS, key=first_line.count)
    return _read_rows(text, encoding=encoding, delimiter=delimiter, kind=kind)


def _decode(raw: bytes) -> tuple[str | None, str]:
    candidates = ["utf-8-sig", "cp932"]
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        candidates = ["utf-16"]
    for encoding in candidates:
        try:
            return raw.decode(encoding), "utf-8" if encoding == "utf-8-sig" else encoding
        except UnicodeDecodeError:
            continue
    return None, ""


def _read_rows(text: str, *, encoding: str, delimiter: str, kind: str) -> Table | Fault:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    header: _Header | None = None
    headers: dict[str, str] = {}
    rows: list[tuple[int, Mapping[str, str]]] = []
    number = 0
    try:
        for number, cells in enumerate(reader, 1):
            if not any(cell.strip() for cell in cells):
                continue
            if header is None:
                read = _read_header(cells, kind=kind, row_number=number)
                if isinstance(read, Fault):
                    return read
                header = read
                headers = {field: cell.strip() for field, cell in zip(header.fields, cells, strict=True) if field}
                continue
            if len(rows) >= MOST_ROWS:
                return Fault(FileFault.TOO_MANY_ROWS, row_number=number)
            row = {field: cell for field, cell in zip(header.fields, cells, strict=False) if field}
            if any(cell.strip() for cell in cells[len(header.fields) :]):
                row[OVERFLOW] = ""
            rows.append((number, row))
    except csv.Error:
        return Fault(FileFault.NOT_CSV, row_number=number + 1)
    if not rows:
        return Fault(FileFault.NO_ROWS)
    assert header is not None
    return Table(encoding, delimiter, headers, rows, header.layout, header.passed_over)


@dataclass(frozen=True, slots=True)
class _Header:
    """Which field each cell of the header names; None for a column that we do not need."""

    fields: list[str | None]
    layout: str | None
    passed_over: tuple[str, ...]


def _read_header(cells: Sequence[str], *, kind: str, row_number: int) -> _Header | Fault:
    columns = COLUMNS[kind]
    if len(cells) > MOST_COLUMNS:
        return Fault(FileFault.NOT_CSV, row_number=row_number)
    by_name = {name: column.field for column in reversed(columns) for name in column.names}
    fields = [by_name.get(plain(cell)) for cell in cells]
    layout = find_layout(cells) if kind == "orders" else None
    passed_over: list[str] = []
    if layout is not None:
        placed = place_fields(layout, cells)
        passed_over = [
            cell.strip() for at, cell in enumerate(cells) if fields[at] in placed and at not in placed.values()
        ]
        fields = [None if field in placed else field for field in fields]
        for name, at in placed.items():
            fields[at] = name
    twice = [field for field in dict.fromkeys(fields) if field and fields.count(field) > 1]
    if twice:
        alike = tuple(cell.strip() for field, cell in zip(fields, cells, strict=True) if field in twice)
        return Fault(FileFault.DUPLICATE_HEADER, tuple(twice), row_number, alike)
    missing = tuple(column.field for column in columns if column.required and column.field not in fields)
    if kind == "consents" and not any(field in fields for field in CONTACT_FIELDS):
        missing = ("contact", *missing)
    if missing:
        return Fault(FileFault.MISSING_COLUMN, missing, row_number)
    return _Header(fields, None if layout is None else layout.name, tuple(passed_over))


class CellFault(StrEnum):
    """Why a cell, and with it its row, is refused before anything is asked of the database.

    repeated, order_twice, return_twice  a row further up in the file says the same thing, or otherwise
    """

    MISSING_VALUE = "missing_value"
    TOO_LONG = "too_long"
    EXTRA_CELLS = "extra_cells"
    BAD_AMOUNT = "bad_amount"
    OTHER_CURRENCY_SIGN = "other_currency_sign"
    BAD_INSTANT = "bad_instant"
    TIME_MISSING = "time_missing"
    BAD_REASON = "bad_reason"
    BAD_CHANNEL = "bad_channel"
    BAD_ANSWER = "bad_answer"
    NOT_AN_ORDER = "not_an_order"
    FURTHER_LINE = "further_line"
    REPEATED = "repeated"
    ORDER_TWICE = "order_twice"
    RETURN_TWICE = "return_twice"


@dataclass(frozen=True, slots=True)
class Wrong:
    """What is wrong with a row: `code` of a CellFault or of an error of the rooms below, and the field it is in."""

    code: str
    field: str | None


def narrow(cell: str) -> str:
    """Write a cell without full-width digits, Latin letters and punctuation, and without space around it."""
    return unicodedata.normalize("NFKC", cell).strip()


_SIGNS: Final[Mapping[str, frozenset[str]]] = {
    "¥": frozenset({"JPY", "CNY"}),
    "円": frozenset({"JPY"}),
    "$": frozenset({"USD", "AUD", "CAD", "HKD", "NZD", "SGD", "TWD"}),
    "€": frozenset({"EUR"}),
    "£": frozenset({"GBP"}),
}
_NUMBER = re.compile(r"(?:\d{1,15}|\d{1,3}(?:,\d{3}){1,4})(?:\.\d{1,6})?")
_PERHAPS_THOUSANDS = re.compile(r"[\d,]+\.\d{3}")


def read_amount(cell: str, *, currency: str | None) -> Decimal | CellFault:
    """Read an amount in major units: 4980, 4,980, ￥４，９８０, 4980円, $49.80, 4980 JPY.

    currency  a sign or code of another one is a fault; None: not known yet, any will do
    Three digits behind the point are a fault where the currency has fewer: who wrote 12.500 may mean twelve and a half
    thousand euros.
    """
    text = narrow(cell).replace("\\", "¥")  # the yen sign of Shift_JIS keyboards and fonts
    for sign, currencies in _SIGNS.items():
        if sign in text:
            if currency is not None and currency not in currencies:
                return CellFault.OTHER_CURRENCY_SIGN
            text = text.replace(sign, "", 1)
    text = text.strip()
    code = re.match(r"[A-Za-z]{3}(?![A-Za-z])", text) or re.search(r"(?<![A-Za-z])[A-Za-z]{3}$", text)
    if code is not None and is_currency(code[0].upper()):
        if currency is not None and code[0].upper() != currency:
            return CellFault.OTHER_CURRENCY_SIGN
        text = (text[: code.start()] + text[code.end() :]).strip()
    if not text.isascii() or not _NUMBER.fullmatch(text):
        return CellFault.BAD_AMOUNT
    has_few_decimals = currency is not None and is_currency(currency) and minor_digits(currency) < 3
    if has_few_decimals and _PERHAPS_THOUSANDS.fullmatch(text):
        return CellFault.BAD_AMOUNT
    return Decimal(text.replace(",", ""))


_WALL = re.compile(
    r"(\d{4})(?:/|-|\.|年)(\d{1,2})(?:/|-|\.|月)(\d{1,2})日?"
    r"(?:[\sT]*(\d{1,2})(?::|時)(\d{1,2})分?(?:(?::)?(\d{1,2})(?:\.\d{1,6})?秒?)?)?"
)


def read_instant(cell: str, *, zone: str, needs_time: bool) -> datetime | CellFault:
    """Read an instant: ISO 8601 with its zone, else wall time in `zone`, as spreadsheets write it.

    cell        2026-11-22T09:05:00+09:00, 2026-11-22 09:05, 2026/11/22 9:05:30, 2026年11月22日 9時5分, 2026/11/22
    needs_time  a day alone is a fault: an order's minute decides what it ends and whose it is; else the day's first
    Of a time that a zone's clocks show twice the first is meant. Returned in UTC.
    """
    text = narrow(cell)
    if not text.isascii() and not re.search("[年時]", text):
        return CellFault.BAD_INSTANT
    if re.search(r"(?:Z|z|[+-]\d{2}:?\d{2})$", text) and ("T" in text.upper() or ":" in text):
        try:
            aware = datetime.fromisoformat(re.sub(r"\s+(?=[+-]\d{2}:?\d{2}$)", "", text).upper())
            return aware.astimezone(UTC) if aware.tzinfo is not None else CellFault.BAD_INSTANT
        except (ValueError, OverflowError):
            return CellFault.BAD_INSTANT
    found = _WALL.fullmatch(text)
    if found is None:
        return CellFault.BAD_INSTANT
    year, month, day, hour, minute, second = (int(part) if part else 0 for part in found.groups())
    if found[4] is None and needs_time:
        return CellFault.TIME_MISSING
    try:
        return datetime(year, month, day, hour, minute, second, tzinfo=ZoneInfo(zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        return CellFault.BAD_INSTANT


def last_instant(day: datetime, *, zone: str) -> datetime:
    """Return the last second of the day that begins at `day` in `zone`, in UTC."""
    local = day.astimezone(ZoneInfo(zone))
    next_day = datetime.combine(local.date() + timedelta(days=1), time.min, ZoneInfo(zone))
    return next_day.astimezone(UTC) - timedelta(seconds=1)


def read_time_of_day(cell: str) -> str | None:
    """Read a time of day of a column of its own, as `read_instant` wants it: 103309, 10:33, 10:33:09. None for none."""
    found = re.fullmatch(r"(\d{1,2})(?::(\d{2})(?::(\d{2}))?|(\d{2})(\d{2}))", narrow(cell))
    if found is None:
        return None
    hour, minute, second = found[1], found[2] or found[4], found[3] or found[5] or "00"
    return f"{hour}:{minute}:{second}"


def _words(**words: str) -> Mapping[str, frozenset[str]]:
    return {ours: frozenset(theirs.split()) for ours, theirs in words.items()}


REASONS: Final = _words(
    cancel="cancel cancelled canceled cancellation キャンセル 取消 取り消し 取消し 解約",
    refusal="refusal refused 受取拒否 受取辞退 受け取り拒否",
    **{"return": "return returned refund 返品 返金"},
    unpaid="unpaid 未払い 未払 未入金 不払い 代金未回収",
)
"""outcomes.model.ReversalReason by the words that shops use."""

CHANNELS: Final = _words(
    email="email e-mail mail メール eメール 電子メール",
    sms="sms ショートメール ショートメッセージ",
    line="line ライン",
    call="call phone tel telephone 電話 架電",
)
"""people.model.Channel by the words that shops use."""

ANSWERS: Final = _words(
    yes="1 yes y true on ok granted はい 有 あり 可 同意 同意する 許諾 ○ ◯ 〇",
    no="0 no n false off ng withdrawn いいえ 無 なし 不可 拒否 同意しない 撤回 × ✕ x",
)


_CALLED_OFF: Final = re.compile(r"キャンセル|取り?消し?|返品|返送|(?:決済|購入)処理中|cancell?ed|void", re.IGNORECASE)


def is_called_off(state: str) -> bool:
    """Say whether a file's word for an order's state means that there is none: cancelled, returned, never finished."""
    return _CALLED_OFF.search(narrow(state)) is not None


def read_word(cell: str, words: Mapping[str, frozenset[str]]) -> str | None:
    """Say which of our words a cell means; None for none."""
    said = narrow(cell).lower()
    return next((ours for ours, theirs in words.items() if said in theirs), None)


def guard_cell(text: str) -> str:
    """Keep a spreadsheet from reading a cell as a formula: Japanese ones take full-width signs for it, too.

    source  RULES 38; OWASP, CSV injection
    """
    is_formula = text.startswith(("\t", "\r", "\n")) or narrow(text[:40]).startswith(("=", "+", "-", "@"))
    return f"'{text}" if is_formula else text
