"""Exports of shop systems as they come, recognised by their headers: which of their columns is which of our fields.

Only what the makers document, or what their own code writes, stands here. A header that another one in the same file
would do for as well is taken by the layout's word; without a layout it is a fault that names both.
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Layout:
    """One system's export of orders. Headers are written as `whole` writes them.

    marks   a file that has all of these is one
    fields  our field → headers that have it, the best first
    """

    name: str
    marks: frozenset[str]
    fields: Mapping[str, tuple[str, ...]]


def whole(header: str) -> str:
    """Write a header without what differs between exports: width, case, spaces, punctuation. Brackets stay."""
    narrow = unicodedata.normalize("NFKC", header).strip().lower()
    return re.sub(r"[\s_\-・./:]+", "", narrow)


def _layout(name: str, marks: str, **fields: str) -> Layout:
    """Make a layout. Several headers stand in one text with spaces between them, none within one."""
    read = {field: tuple(whole(one) for one in headers.split()) for field, headers in fields.items()}
    return Layout(name, frozenset(whole(one) for one in marks.split()), read)


LAYOUTS: Final = (
    # EC-CUBE 4's 受注CSV (its dtb_csv.csv): one row for each line of an order. 注文番号 is the number that the customer
    # is told; 支払合計 is 合計 less points.
    _layout(
        "EC-CUBE 4",
        "注文ID 注文番号 支払合計",
        id="注文番号",
        value="支払合計",
        at="受注日",
        email="メールアドレス",
        tel="TEL",
        member_id="会員ID",
        state="対応状況(名称)",
    ),
    # help.shopify.com, "Exporting orders": further items have rows of their own, with Name and without Total.
    _layout(
        "Shopify",
        "Name Financial_Status Total Created_at",
        id="Name",
        value="Total",
        at="Created_at",
        currency="Currency",
        email="Email",
        tel="Phone",
        cancelled_at="Cancelled_at",
    ),
    # BASE's 注文情報: one row for each item.
    _layout(
        "BASE",
        "注文ID 注文日時 氏(請求先) 発送状況",
        id="注文ID",
        value="合計金額",
        at="注文日時",
        email="メールアドレス(請求先)",
        tel="電話番号(請求先)",
        state="発送状況",
    ),
    # futureshop's 受注データ, as warehouse systems ask their customers to set it up.
    _layout(
        "futureshop",
        "受注コード 注文日時 請求合計金額",
        id="受注コード",
        value="請求合計金額",
        at="注文日時",
        email="メールアドレス(メイン) メールアドレス",
        tel="電話番号(メイン) 電話番号",
    ),
    # MakeShop's 注文出力用テンプレート: the time of day has a column of its own, six digits.
    _layout(
        "MakeShop",
        "日付 注文時間 注文番号 処理状況",
        id="注文番号",
        at="日付",
        time="注文時間",
        state="処理状況",
    ),
    # カラーミーショップ's 受注データ: 受注日 may be a day without a time.
    _layout(
        "カラーミーショップ",
        "売上ID 受注日 総合計金額",
        id="売上ID",
        value="総合計金額",
        at="受注日",
        email="購入者メールアドレス メールアドレス",
        tel="購入者電話番号 電話番号",
    ),
)


def find_layout(headers: Sequence[str]) -> Layout | None:
    """Recognise whose export has these headers; None for nobody's that we know."""
    had = {whole(header) for header in headers}
    return next((one for one in LAYOUTS if one.marks <= had), None)


def place_fields(layout: Layout, headers: Sequence[str]) -> dict[str, int]:
    """Say in which column a layout has each of its fields; a field whose headers are not in the file is left out."""
    first: dict[str, int] = {}
    for number, header in enumerate(headers):
        first.setdefault(whole(header), number)
    return {
        field: next(first[header] for header in wanted if header in first)
        for field, wanted in layout.fields.items()
        if any(header in first for header in wanted)
    }
