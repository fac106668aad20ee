"""The columns of each kind of file, and the headers under which shops have them."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Column:
    """A field of a kind of file. `names`: headers under which it is known, as `plain` writes them."""

    field: str
    required: bool
    names: frozenset[str]


def _column(field: str, *names: str, required: bool = False) -> Column:
    """Make a column. `names`: other headers, several in one text with spaces between them, none within one."""
    return Column(field, required, frozenset(plain(name) for name in (field, *" ".join(names).split())))


def plain(header: str) -> str:
    """Write a header without what differs between shops: width, case, spaces, punctuation, a note in brackets."""
    narrow = unicodedata.normalize("NFKC", header).strip().lower()
    return re.sub(r"[\s_\-・./:]+", "", re.sub(r"[(\[【<].*?[)\]】>]", "", narrow))


COLUMNS: Final[Mapping[str, tuple[Column, ...]]] = {
    "orders": (
        _column(
            "id",
            "注文番号 注文id 受注番号 受注id 受注コード 売上id 申込番号 オーダー番号",
            "order_id order_number order_no order",
            required=True,
        ),
        _column(
            "value",
            "金額 合計金額 合計 総合計 総合計金額 総額 税込合計 注文金額 購入金額",
            "お支払い合計 支払合計 請求金額 請求合計金額",
            "total amount order_total grand_total",
            required=True,
        ),
        _column(
            "at",
            "注文日時 注文日 受注日時 受注日 購入日時 申込日時 申込日 日時",
            "ordered_at order_date placed_at created_at date",
            required=True,
        ),
        _column("time", "注文時間 注文時刻 受注時間 受注時刻 order_time"),
        _column("currency", "通貨 通貨コード currency_code"),
        _column(
            "email",
            "メールアドレス メール eメール 購入者メールアドレス 注文者メールアドレス",
            "e-mail mail email_address mail_address",
        ),
        _column(
            "tel",
            "電話番号 電話 携帯電話番号 連絡先電話番号 購入者電話番号 注文者電話番号",
            "phone telephone phone_number mobile",
        ),
        _column("visitor", "ビジター 訪問者id modori_v visitor_id"),
        _column("cart", "カートid cart_id"),
        _column("member_id", "会員番号 会員id 顧客番号 顧客id customer_id member"),
        _column("state", "注文ステータス 受注ステータス 注文状態 処理状況 order_status"),
        _column("cancelled_at", "キャンセル日時 キャンセル日 canceled_at"),
    ),
    "returns": (
        _column("order", "注文番号 注文id 受注番号 受注id 申込番号 order_id order_number order_no", required=True),
        _column(
            "id",
            "返品番号 返品id 取消番号 キャンセル番号 return_id return_number reversal_id refund_id",
            required=True,
        ),
        _column("reason", "理由 事由 区分 種別 返品理由 return_reason type", required=True),
        _column(
            "at",
            "返品日時 返品日 取消日時 取消日 キャンセル日時 キャンセル日 処理日時 処理日 日時 日付",
            "returned_at reversed_at cancelled_at date",
            required=True,
        ),
        _column("value", "金額 返品金額 返金額 取消金額 amount refund_amount returned_value"),
    ),
    "consents": (
        _column("channel", "チャネル チャンネル 連絡手段 連絡方法 媒体", required=True),
        _column("contact", "連絡先 宛先 contact_point"),
        _column("email", "メールアドレス email_address mail_address"),
        _column("tel", "電話番号 携帯電話番号 連絡先電話番号 phone_number"),
        _column("granted", "同意 同意有無 許諾 可否 consent opt-in agreed", required=True),
        _column("text", "同意文 同意文言 文言 表示文言 consent_text wording", required=True),
        _column("given_at", "同意日時 同意日 取得日時 取得日 日時 at consented_at date", required=True),
        _column("screen", "画面 取得画面 取得場所 ページ page url form", required=True),
    ),
}
"""Kind of file → its columns."""

CONTACT_FIELDS: Final = ("contact", "email", "tel")
"""A file of consents must have one of these columns; a row's channel says which of them it wants."""
