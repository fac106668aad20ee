"""Exports of real shop systems, headers and all, as they come: whose they are, and which columns are taken."""

from collections.abc import Mapping
from dataclasses import dataclass

import pytest

from modori.connectors.csv.columns import COLUMNS
from modori.connectors.csv.layouts import LAYOUTS
from modori.connectors.csv.tables import Fault, FileFault, Table, is_called_off, read_table, read_time_of_day


@dataclass(frozen=True)
class Sample:
    """A header as the system writes it, what it is read as, and what is passed over."""

    header: str
    row: Mapping[str, str]
    taken: Mapping[str, str]
    passed_over: tuple[str, ...] = ()


SAMPLES = {
    "EC-CUBE 4": Sample(
        "注文ID,注文番号,会員ID,お名前(姓),お名前(名),お名前(セイ),お名前(メイ),会社名,郵便番号,都道府県(ID),都道府県(名称),住所1,住所2,"
        "メールアドレス,TEL,性別(ID),性別(名称),職業(ID),職業(名称),誕生日,ショップ用メモ欄,小計,値引き,送料,税金,合計,支払合計,"
        "対応状況(ID),対応状況(名称),支払方法(ID),支払方法(名称),受注日,入金日,注文詳細ID,商品ID,商品規格ID,商品名,商品コード,規格名1,規格名2,"
        "規格分類名1,規格分類名2,価格,個数,税率,税率ルール(ID),明細区分(ID),明細区分(名称),出荷ID,配送先_お名前(姓),配送先_お名前(名),"
        "配送先_郵便番号,配送先_TEL,配送業者(ID),配送業者(名称),お届け希望日,送料,発送日,出荷伝票番号,配達用メモ,出荷メール送信日",
        {
            "注文ID": "12",
            "注文番号": "20261118-12",
            "会員ID": "7",
            "メールアドレス": "hanako@example.jp",
            "TEL": "09012345678",
            "合計": "5000",
            "支払合計": "4980",
            "対応状況(ID)": "1",
            "対応状況(名称)": "新規受付",
            "受注日": "2026-11-18 12:30:00",
        },
        {
            "id": "20261118-12",
            "value": "4980",
            "at": "2026-11-18 12:30:00",
            "email": "hanako@example.jp",
            "tel": "09012345678",
            "member_id": "7",
            "state": "新規受付",
        },
        ("注文ID", "合計"),
    ),
    "Shopify": Sample(
        "Name,Email,Financial Status,Paid at,Fulfillment Status,Fulfilled at,Accepts Marketing,Currency,Subtotal,"
        "Shipping,Taxes,Total,Discount Code,Discount Amount,Shipping Method,Created at,Lineitem quantity,Lineitem name,"
        "Lineitem price,Lineitem compare at price,Lineitem sku,Billing Name,Billing Phone,Shipping Name,Shipping Phone,"
        "Notes,Note Attributes,Cancelled at,Payment Method,Refunded Amount,Vendor,Id,Tags,Risk Level,Source,Phone",
        {
            "Name": "#1001",
            "Email": "hanako@example.jp",
            "Financial Status": "paid",
            "Currency": "JPY",
            "Total": "4980",
            "Created at": "2026-11-18 12:30:00 +0900",
            "Id": "6234567890123",
            "Phone": "+819012345678",
        },
        {
            "id": "#1001",
            "value": "4980",
            "at": "2026-11-18 12:30:00 +0900",
            "email": "hanako@example.jp",
            "tel": "+819012345678",
            "currency": "JPY",
            "cancelled_at": "",
        },
        ("Id",),
    ),
    "BASE": Sample(
        "注文ID,注文日時,氏(請求先),名(請求先),郵便番号(請求先),都道府県(請求先),住所(請求先),住所2(請求先),電話番号(請求先),"
        "メールアドレス(請求先),氏(配送先),名(配送先),郵便番号(配送先),都道府県(配送先),住所(配送先),住所2(配送先),電話番号(配送先),備考,商品名,"
        "バリエーション,価格,税率,数量,合計金額,送料,支払い方法,代引き手数料,発送状況,商品ID,種類ID,購入元,配送日,配送時間帯,注文メモ,調整金額",
        {
            "注文ID": "ABCDEF0123456789",
            "注文日時": "2026/11/18 12:30",
            "電話番号(請求先)": "090-1234-5678",
            "電話番号(配送先)": "03-1234-5678",
            "メールアドレス(請求先)": "hanako@example.jp",
            "合計金額": "4980",
            "発送状況": "未対応",
        },
        {
            "id": "ABCDEF0123456789",
            "value": "4980",
            "at": "2026/11/18 12:30",
            "email": "hanako@example.jp",
            "tel": "090-1234-5678",
            "state": "未対応",
        },
        ("電話番号(配送先)",),
    ),
    "futureshop": Sample(
        "受注コード,注文日時,請求合計金額,商品合計金額,消費税合計,送料,決済手数料,決済方法,氏名(姓),氏名(名),メールアドレス(メイン),"
        "メールアドレス(サブ),メールアドレス(モバイル),郵便番号,電話番号(メイン),電話番号(サブ),携帯電話番号,お届け先氏名(姓),商品番号,購入数量",
        {
            "受注コード": "FS-1",
            "注文日時": "2026/11/18 12:30:00",
            "請求合計金額": "4980",
            "メールアドレス(メイン)": "hanako@example.jp",
            "電話番号(メイン)": "090-1234-5678",
        },
        {
            "id": "FS-1",
            "value": "4980",
            "at": "2026/11/18 12:30:00",
            "email": "hanako@example.jp",
            "tel": "090-1234-5678",
        },
        ("メールアドレス(サブ)", "メールアドレス(モバイル)", "電話番号(サブ)", "携帯電話番号"),
    ),
    "MakeShop": Sample(
        "日付,注文時間,注文番号,処理状況,注文者,メールアドレス,電話番号,合計金額",
        {
            "日付": "2026/11/18",
            "注文時間": "123000",
            "注文番号": "P171323551145213731",
            "処理状況": "未処理",
            "メールアドレス": "hanako@example.jp",
            "電話番号": "090-1234-5678",
            "合計金額": "4980",
        },
        {
            "id": "P171323551145213731",
            "value": "4980",
            "at": "2026/11/18",
            "time": "123000",
            "state": "未処理",
            "email": "hanako@example.jp",
            "tel": "090-1234-5678",
        },
    ),
    "カラーミーショップ": Sample(
        "売上ID,受注日,購入者 名前,購入者 郵便番号,購入者 住所,購入者 メールアドレス,購入者 電話番号,商品合計金額,"
        "送料合計,総合計金額",
        {
            "売上ID": "101",
            "受注日": "2026/11/18",
            "購入者 メールアドレス": "hanako@example.jp",
            "購入者 電話番号": "090-1234-5678",
            "総合計金額": "4980",
        },
        {
            "id": "101",
            "value": "4980",
            "at": "2026/11/18",
            "email": "hanako@example.jp",
            "tel": "090-1234-5678",
        },
    ),
}


def write(sample: Sample) -> str:
    """Write the sample as the system does: quoted, with CRLF."""
    headers = sample.header.split(",")
    cells = [f'"{sample.row.get(header, "")}"' for header in headers]
    return ",".join(f'"{header}"' for header in headers) + "\r\n" + ",".join(cells) + "\r\n"


@pytest.mark.parametrize("encoding", ["cp932", "utf-8", "utf-8-sig"])
@pytest.mark.parametrize("name", SAMPLES)
def test_an_export_is_taken_as_it_comes(name: str, encoding: str) -> None:
    sample = SAMPLES[name]
    table = read_table(write(sample).encode(encoding), kind="orders")
    assert isinstance(table, Table), table
    assert table.layout == name
    assert table.passed_over == sample.passed_over
    assert [cells for _, cells in table.rows] == [sample.taken]


def test_every_layout_has_a_sample_and_only_fields_of_ours() -> None:
    assert [layout.name for layout in LAYOUTS] == list(SAMPLES)
    known = {column.field for column in COLUMNS["orders"]}
    assert all(layout.fields.keys() <= known for layout in LAYOUTS)


def test_no_export_is_taken_for_anothers() -> None:
    for name, sample in SAMPLES.items():
        table = read_table(write(sample).encode(), kind="orders")
        assert isinstance(table, Table)
        assert table.layout == name


@pytest.mark.parametrize(
    ("header", "fields", "alike"),
    [
        ("注文番号,注文ID,金額,注文日時", ("id",), ("注文番号", "注文ID")),  # not EC-CUBE's: 支払合計 is missing
        ("注文番号,合計,請求金額,注文日時", ("value",), ("合計", "請求金額")),
        ("Name,Total,Amount,id,date", ("value",), ("Total", "Amount")),
    ],
)
def test_a_guess_between_two_columns_is_not_made_and_both_are_named(
    header: str, fields: tuple[str, ...], alike: tuple[str, ...]
) -> None:
    row = ",".join("1" for _ in header.split(","))
    found = read_table(f"{header}\n{row}\n".encode(), kind="orders")
    assert found == Fault(FileFault.DUPLICATE_HEADER, fields, 1, alike)


@pytest.mark.parametrize(
    ("cell", "time"),
    [
        ("103309", "10:33:09"),
        ("93309", "9:33:09"),  # a spreadsheet has taken the nought away
        ("9:33", "9:33:00"),
        ("１０：３３：０９", "10:33:09"),
        ("3309", None),
        ("昼", None),
        ("", None),
    ],
)
def test_a_time_of_day_in_a_column_of_its_own(cell: str, time: str | None) -> None:
    assert read_time_of_day(cell) == time


@pytest.mark.parametrize(
    ("state", "called_off"),
    [
        ("注文取消し", True),
        ("返品", True),
        ("購入処理中", True),
        ("決済処理中", True),
        ("注文キャンセル", True),
        ("ｷｬﾝｾﾙ", True),
        ("Cancelled", True),
        ("新規受付", False),
        ("発送済み", False),
        ("入金済み", False),
        ("", False),
    ],
)
def test_what_a_file_calls_cancelled_is_no_order(state: str, called_off: bool) -> None:
    assert is_called_off(state) is called_off
