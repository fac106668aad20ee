"""What files and their cells are read as, and what goes out into spreadsheets (RULES 38)."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from modori.connectors.csv.columns import COLUMNS
from modori.connectors.csv.model import UploadKind
from modori.connectors.csv.naming import name_row
from modori.connectors.csv.reading import ConsentRow
from modori.connectors.csv.tables import (
    ANSWERS,
    CHANNELS,
    MOST_BYTES,
    MOST_ROWS,
    OVERFLOW,
    REASONS,
    CellFault,
    Fault,
    FileFault,
    Table,
    Wrong,
    guard_cell,
    read_amount,
    read_instant,
    read_table,
    read_word,
)
from modori.outcomes.model import ReversalReason
from modori.people.model import Channel, ContactKind
from modori.people.values import read_value

JAPANESE = "注文番号,金額（税込）,注文日時,メールアドレス\r\nA-1,4980,2026/11/22 9:05,花子@例.jp\r\n"
ENGLISH = "Order ID\tTotal\tDate\nA-1\t4980\t2026-11-22 09:05\n"


@pytest.mark.parametrize(
    ("raw", "encoding", "delimiter"),
    [
        (JAPANESE.encode(), "utf-8", ","),
        (b"\xef\xbb\xbf" + JAPANESE.encode(), "utf-8", ","),  # Excel's "CSV UTF-8"
        (JAPANESE.encode("cp932"), "cp932", ","),
        ("注文番号,合計,日時\nA①髙,1,2026/11/22 9:05\n".encode("cp932"), "cp932", ","),  # not in plain Shift_JIS
        (JAPANESE.replace(",", "\t").encode("utf-16"), "utf-16", "\t"),  # Excel's "Unicode text"
        (ENGLISH.encode(), "utf-8", "\t"),
        (("\n\n" + ENGLISH).encode(), "utf-8", "\t"),
        (ENGLISH.replace("\t", ";").encode(), "utf-8", ";"),  # Excel's, where a comma is the decimal's
    ],
)
def test_what_shops_write_is_read(raw: bytes, encoding: str, delimiter: str) -> None:
    table = read_table(raw, kind="orders")
    assert isinstance(table, Table), table
    assert (table.encoding, table.delimiter) == (encoding, delimiter)
    assert set(table.headers) >= {"id", "value", "at"}
    assert len(table.rows) == 1


def test_rows_are_numbered_as_a_spreadsheet_does_and_blank_ones_left_out() -> None:
    text = 'id,value,at,note\nA-1,1,x,"two\nlines"\n\n,,,\nA-2,2,y,z\n'
    table = read_table(text.encode(), kind="orders")
    assert isinstance(table, Table)
    assert [number for number, _ in table.rows] == [2, 5]
    assert table.rows[0][1] == {"id": "A-1", "value": "1", "at": "x"}  # a column that we do not need is not kept


def test_a_row_with_more_cells_than_headers_is_marked() -> None:
    table = read_table(b"id,value,at\nA-1,4,980,2026-11-22 9:05\n", kind="orders")
    assert isinstance(table, Table)
    assert OVERFLOW in table.rows[0][1]


HEADER = "id,value,at\n"


@pytest.mark.parametrize(
    ("raw", "fault"),
    [
        (b"", Fault(FileFault.EMPTY)),
        (b"\xef\xbb\xbf\r\n , \r\n", Fault(FileFault.EMPTY)),
        (b"x" * (MOST_BYTES + 1), Fault(FileFault.TOO_LARGE)),
        (b"PK\x03\x04rest of an xlsx", Fault(FileFault.SPREADSHEET)),
        (b"\xd0\xcf\x11\xe0rest of an xls", Fault(FileFault.SPREADSHEET)),
        (b"id,value,at\nA\x00,1,2026\n", Fault(FileFault.NOT_CSV)),
        (b'id,value,at\n"A-1,1,2026-11-22 9:05\n', Fault(FileFault.NOT_CSV, row_number=2)),
        (b"\x81\xff\xff\xfe,\xa0\xff", Fault(FileFault.UNKNOWN_ENCODING)),
        (HEADER.encode(), Fault(FileFault.NO_ROWS)),
        (b"id,at\nA-1,2026\n", Fault(FileFault.MISSING_COLUMN, ("value",), 1)),
        (b"A-1,4980,2026-11-22 9:05\n", Fault(FileFault.MISSING_COLUMN, ("id", "value", "at"), 1)),  # no header
        (b"id,value,at,value\nA,1,2,3\n", Fault(FileFault.DUPLICATE_HEADER, ("value",), 1, ("value", "value"))),
        (
            "注文番号,order_id,金額,注文日時\nA,A,1,2\n".encode(),
            Fault(FileFault.DUPLICATE_HEADER, ("id",), 1, ("注文番号", "order_id")),
        ),
        ((HEADER + "A,1,2\n" * (MOST_ROWS + 1)).encode(), Fault(FileFault.TOO_MANY_ROWS, row_number=MOST_ROWS + 2)),
    ],
)  # fmt: skip
def test_what_is_no_table_is_refused_by_name(raw: bytes, fault: Fault) -> None:
    assert read_table(raw, kind="orders") == fault


def test_consents_need_a_column_of_contacts() -> None:
    head = "channel,granted,text,given_at,screen"
    raw = "email,yes,t,2026/10/01,s"
    assert read_table(f"{head}\n{raw}\n".encode(), kind="consents") == Fault(FileFault.MISSING_COLUMN, ("contact",), 1)
    for one in ("連絡先", "メールアドレス", "tel"):
        assert isinstance(read_table(f"{head},{one}\n{raw},x\n".encode(), kind="consents"), Table)


def test_as_many_rows_as_are_allowed_are_taken() -> None:
    table = read_table((HEADER + "A,1,2\n" * MOST_ROWS).encode(), kind="orders")
    assert isinstance(table, Table)
    assert len(table.rows) == MOST_ROWS


@pytest.mark.parametrize("kind", sorted(COLUMNS))
def test_no_header_means_two_things(kind: str) -> None:
    names = [name for column in COLUMNS[kind] for name in column.names]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    ("cell", "currency", "amount"),
    [
        ("4980", "JPY", Decimal(4980)),
        ("4,980", "JPY", Decimal(4980)),
        ("1,234,567", "JPY", Decimal(1234567)),
        ("￥４，９８０", "JPY", Decimal(4980)),
        ("¥4,980", "JPY", Decimal(4980)),
        ("\\4,980", "JPY", Decimal(4980)),  # the yen sign as Shift_JIS has it
        ("4,980円", "JPY", Decimal(4980)),
        (" 4980 JPY ", "JPY", Decimal(4980)),
        ("$49.80", "USD", Decimal("49.80")),
        ("USD 49.80", "USD", Decimal("49.80")),
        ("0", "JPY", Decimal(0)),
        ("$49.80", None, Decimal("49.80")),
        ("$49.80", "JPY", CellFault.OTHER_CURRENCY_SIGN),
        ("49.80 USD", "JPY", CellFault.OTHER_CURRENCY_SIGN),
        ("abc", "JPY", CellFault.BAD_AMOUNT),  # three letters, and no currency's
        ("N/A", "JPY", CellFault.BAD_AMOUNT),
        ("1,50", "EUR", CellFault.BAD_AMOUNT),
        ("4,98", "JPY", CellFault.BAD_AMOUNT),
        ("1.234,50", "EUR", CellFault.BAD_AMOUNT),
        ("12.500", "EUR", CellFault.BAD_AMOUNT),  # twelve and a half thousand, where people write it so
        ("50.000", "JPY", CellFault.BAD_AMOUNT),
        ("€ 12.500", "EUR", CellFault.BAD_AMOUNT),
        ("12.500.000", "EUR", CellFault.BAD_AMOUNT),
        ("12.50", "EUR", Decimal("12.50")),
        ("12.5000", "EUR", Decimal("12.5000")),  # four decimals are no thousands
        ("12.500", "KWD", Decimal("12.500")),
        ("12.500", "CLF", Decimal("12.500")),  # has four decimals
        ("12.500", None, Decimal("12.500")),
        ("12.500", "ZZZ", Decimal("12.500")),  # the currency is what is wrong
        ("-1", "JPY", CellFault.BAD_AMOUNT),
        ("△100", "JPY", CellFault.BAD_AMOUNT),
        ("(100)", "JPY", CellFault.BAD_AMOUNT),
        ("1e3", "JPY", CellFault.BAD_AMOUNT),
        ("٣", "JPY", CellFault.BAD_AMOUNT),
        ("¥", "JPY", CellFault.BAD_AMOUNT),
        ("9" * 16, "JPY", CellFault.BAD_AMOUNT),
    ],
)
def test_amounts_are_read_as_people_write_them(cell: str, currency: str | None, amount: Decimal | CellFault) -> None:
    assert read_amount(cell, currency=currency) == amount


MORNING = datetime(2026, 11, 22, 0, 5, tzinfo=UTC)
"""09:05 in Tokyo."""


@pytest.mark.parametrize(
    ("cell", "instant"),
    [
        ("2026/11/22 9:05", MORNING),
        ("2026-11-22 09:05", MORNING),
        ("2026-11-22T09:05:00", MORNING),
        ("2026.11.22 09:05:00.123", MORNING),
        ("2026年11月22日 9時05分", MORNING),
        ("2026年11月22日9時5分0秒", MORNING),
        ("２０２６／１１／２２　９：０５", MORNING),
        ("2026-11-22T09:05:00+09:00", MORNING),
        ("2026-11-22T00:05:00Z", MORNING),
        ("2026-11-22 09:05:00 +0900", MORNING),
        ("2026-11-21T19:05:00-05:00", MORNING),
        ("2026/11/22", CellFault.TIME_MISSING),
        ("11/22/2026 9:05", CellFault.BAD_INSTANT),
        ("26/11/22 9:05", CellFault.BAD_INSTANT),
        ("2026/2/30 9:05", CellFault.BAD_INSTANT),
        ("2026/11/22 24:00", CellFault.BAD_INSTANT),
        ("0001-01-01T00:00:00+09:00", CellFault.BAD_INSTANT),  # there is no such year in UTC
        ("46348.378", CellFault.BAD_INSTANT),  # a spreadsheet's own number
        ("昨日", CellFault.BAD_INSTANT),
    ],
)
def test_times_without_a_zone_are_the_sites(cell: str, instant: datetime | CellFault) -> None:
    assert read_instant(cell, zone="Asia/Tokyo", needs_time=True) == instant


def test_a_day_alone_is_its_first_moment_where_the_minute_does_not_matter() -> None:
    found = read_instant("2026/11/22", zone="Asia/Tokyo", needs_time=False)
    assert found == datetime(2026, 11, 21, 15, 0, tzinfo=UTC)


def test_of_a_time_that_clocks_show_twice_the_first_is_meant() -> None:
    found = read_instant("2026-11-01 01:30", zone="America/New_York", needs_time=True)
    assert found == datetime(2026, 11, 1, 5, 30, tzinfo=UTC)


def test_words_mean_what_the_rooms_below_know() -> None:
    assert set(REASONS) == set(ReversalReason)
    assert set(CHANNELS) == set(Channel)


@pytest.mark.parametrize(
    ("cell", "meant"),
    [
        ("はい", "yes"),
        ("○", "yes"),
        ("１", "yes"),
        ("TRUE", "yes"),
        ("×", "no"),
        ("拒否", "no"),
        ("たぶん", None),
    ],
)
def test_answers_are_read_by_their_words(cell: str, meant: str | None) -> None:
    assert read_word(cell, ANSWERS) == meant


@pytest.mark.parametrize(
    ("cell", "guarded"),
    [
        ("=1+1", "'=1+1"),
        ("+81", "'+81"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        ("\r=1", "'\r=1"),
        ("\n=1", "'\n=1"),
        (" =1", "' =1"),
        ("＝１＋１", "'＝１＋１"),  # what a Japanese spreadsheet takes for a formula
        ("＋81", "'＋81"),
        ("−1", "−1"),  # a minus sign of typesetters is none
        ("plain = text", "plain = text"),
        ("", ""),
    ],
)
def test_rules_38_no_cell_that_goes_out_is_a_formula(cell: str, guarded: str) -> None:
    assert guard_cell(cell) == guarded


REFUSED = Wrong(CellFault.MISSING_VALUE, "at")


@pytest.mark.parametrize(
    ("kind", "cells", "named"),
    [
        (UploadKind.ORDERS, {"id": " #1001 "}, "#1001"),
        (UploadKind.ORDERS, {"id": "20261118-12"}, "20261118-12"),  # digits enough for a telephone number
        (UploadKind.ORDERS, {"id": "0000012345"}, "0000012345"),  # padded: no number of anybody's
        (UploadKind.ORDERS, {"id": "x" * 200}, "x" * 200),
        (UploadKind.ORDERS, {"id": "x" * 201}, "x" * 200 + "…"),
        (UploadKind.ORDERS, {"id": "  "}, ""),
        (UploadKind.ORDERS, {}, ""),
        (UploadKind.ORDERS, {"id": "090-1234-5678"}, "090••••5678"),
        (UploadKind.ORDERS, {"id": "hanako@example.jp"}, "h•••@e•••.jp"),
        (UploadKind.ORDERS, {"id": "ｈａｎａｋｏ＠example.jp"}, "h•••@e•••.jp"),
        (UploadKind.ORDERS, {"id": "hanako@example.jp 090-1234-5678"}, "•••"),  # a mask would show its end
        (UploadKind.ORDERS, {"id": "山田 花子", OVERFLOW: ""}, ""),  # its cells may have moved
        (UploadKind.RETURNS, {"order": "A-1", "id": "R-1"}, "A-1"),
        (UploadKind.CONSENTS, {"contact": "hanako@example.jp"}, "h•••@e•••.jp"),
        (UploadKind.CONSENTS, {"email": "", "tel": "０９０－１２３４－５６７８"}, "090••••5678"),
        (UploadKind.CONSENTS, {"contact": f"U{'0' * 28}1234"}, "U•••1234"),
        (UploadKind.CONSENTS, {"contact": "山田 花子"}, "•••"),
        (UploadKind.CONSENTS, {"contact": " "}, ""),
    ],
)
def test_a_row_is_called_by_its_orders_number_or_by_a_mask(kind: UploadKind, cells: dict[str, str], named: str) -> None:
    assert name_row(kind, cells, REFUSED, country="JP") == named


def test_a_consent_that_is_understood_is_called_by_the_contact_that_its_channel_reaches() -> None:
    contact = read_value(ContactKind.PHONE, "090-1234-5678")
    at = datetime(2026, 10, 1, tzinfo=UTC)
    row = ConsentRow(Channel.SMS, contact, granted=True, text="受け取る", given_at=at, screen="店頭")
    cells = {"email": "hanako@example.jp", "tel": "090-1234-5678"}
    assert name_row(UploadKind.CONSENTS, cells, row, country="JP") == "090••••5678"
