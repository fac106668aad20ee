"""What a page's address and title may say of whoever reads it (G13)."""

import pytest

from modori.capture.pages import read_address, read_title, scrub_link, scrub_page_url

TOKEN = "A" * 22


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://s.example/cart?email=a@b.jp&utm_source=x#top", "https://s.example/cart?utm_source=x"),
        (f"https://s.example/?modori_t={TOKEN}", "https://s.example/"),
        (f"https://s.example/cart?utm_source=mail&modori_t={TOKEN}", "https://s.example/cart?utm_source=mail"),
        ("https://s.example/cart#email=a@b.jp", "https://s.example/cart"),
        ("https://s.example", "https://s.example"),
        ("https://s.example/u/taro@person.example/cart", "https://s.example/u/•••/cart"),
        ("https://s.example/u/taro%40person.example/cart", "https://s.example/u/•••/cart"),
        ("https://s.example/%E5%B1%B1%E7%94%B0/taro%2540p.example", "https://s.example/%E5%B1%B1%E7%94%B0/•••"),
        ("https://s.example/tel/09012345678", "https://s.example/tel/•••"),
        ("https://s.example/tel/090-1234-5678", "https://s.example/tel/•••"),
        (
            "https://s.example/tel/%EF%BC%90%EF%BC%99%EF%BC%90%EF%BC%91%EF%BC%92%EF%BC%93%EF%BC%94",
            "https://s.example/tel/•••",
        ),
        ("https://s.example/items/123456", "https://s.example/items/123456"),  # six digits are a number of goods
        ("https://s.example/items/1234567", "https://s.example/items/•••"),  # seven may be a telephone number
        ("https://s.example/2026-11-22/news", "https://s.example/2026-11-22/news"),
        ("https://s.example/%E3%82%AB%E3%83%BC%E3%83%88", "https://s.example/%E3%82%AB%E3%83%BC%E3%83%88"),
        ("https://s.example/@shop/items", "https://s.example/@shop/items"),  # no address without a domain
        ("https://s.example/?utm_content=taro@person.example", "https://s.example/?utm_content=•••"),
        ("https://s.example/?utm_term=090+1234+5678&utm_source=x", "https://s.example/?utm_term=•••&utm_source=x"),
        ("https://s.example/?utm_campaign=%E5%A4%8F", "https://s.example/?utm_campaign=%E5%A4%8F"),
    ],
)
def test_g13_a_pages_address_says_nobodys_own(url: str, kept: str) -> None:
    assert scrub_page_url(url) == kept


def test_the_token_of_a_link_stands_beside_the_address() -> None:
    assert read_address(f"https://s.example/?modori_t={TOKEN}").token == TOKEN
    assert read_address("https://s.example/?modori_t=short").token is None
    assert read_address(f"https://s.example/?other={TOKEN}").token is None
    assert read_address(f"https://s.example/#modori_t={TOKEN}").token is None


@pytest.mark.parametrize(
    ("url", "holds"),
    [
        ("https://s.example/thanks/4111111111111111", True),
        ("https://s.example/?utm_term=4111+1111+1111+1111", True),
        ("https://s.example/?q=4111111111111111", False),  # it is dropped, and nothing of it kept
        ("https://s.example/09012345678", False),
    ],
)
def test_g8_a_card_number_in_an_address_is_noticed_before_it_is_masked(url: str, holds: bool) -> None:
    assert read_address(url).holds_card is holds


@pytest.mark.parametrize(
    ("title", "kept"),
    [
        ("山田太郎様のカート", "•••様のカート"),
        ("山田 太郎 様 | 鉄の店", "•••様 | 鉄の店"),
        ("鉄の店 - 山田太郎さま", "鉄の店 - •••さま"),
        ("ようこそ、ジョン・スミスさんのページ", "ようこそ、•••さんのページ"),
        ("お客様の声", "お客様の声"),
        ("皆様へ｜鉄の店", "皆様へ｜鉄の店"),
        ("水玉模様のワンピース", "水玉模様のワンピース"),
        ("フライパンの仕様", "フライパンの仕様"),
        ("ご利用の様子", "ご利用の様子"),
        ("たくさんのレシピ", "たくさんのレシピ"),
        ("さんまの塩焼き", "さんまの塩焼き"),
        ("さまざまな鍋", "さまざまな鍋"),
        ("様", "様"),
        ("カート taro@person.example", "カート •••"),
        ("ご連絡先 ０９０−１２３４−５６７８", "ご連絡先 •••"),
        ("TEL 03(1234)5678 まで", "TEL ••• まで"),
        ("注文 12345678", "注文 •••"),
        ("2026年11月22日 10:15 更新", "2026年11月22日 10:15 更新"),
        ("フライパン 26cm 4,980円", "フライパン 26cm 4,980円"),
        ("Cart | 1 item", "Cart | 1 item"),
        ("  カート ", "カート"),
        ("", ""),
    ],
)
def test_g13_a_title_says_nobodys_own(title: str, kept: str) -> None:
    assert read_title(title).kept == kept


def test_a_title_is_bounded_and_a_card_in_it_noticed() -> None:
    assert read_title("あ" * 500).kept == "あ" * 200
    assert read_title("4111 1111 1111 1111").holds_card
    assert not read_title("ご注文").holds_card


@pytest.mark.parametrize("text", ["@" * 2000, "a" * 2000 + "@", "a@" * 1000, "0-" * 1000, "0" * 2000, "様" * 200])
def test_what_is_made_up_to_take_long_does_not(text: str) -> None:
    """Bounded work: each of these would take minutes if a pattern tried every way to split it."""
    assert len(read_title(text).kept) <= 200
    assert read_address(f"https://s.example/{text}").kept.startswith("https://s.example/")


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://s.example/cart?c=1234567890", "https://s.example/cart?c=1234567890"),  # the cart is found by it
        (f"https://s.example/cart?c=1&modori_t={TOKEN}#top", "https://s.example/cart?c=1#top"),
        (f"https://s.example/cart?modori_t={TOKEN}", "https://s.example/cart"),
        ("https://s.example/cart?mail=taro%40person.example&c=a%20b", "https://s.example/cart?c=a%20b"),
        ("https://s.example/cart?c=1#taro@person.example", "https://s.example/cart?c=1"),
        ("https://s.example/@shop/cart?c=1", "https://s.example/@shop/cart?c=1"),
    ],
)
def test_g13_a_carts_address_leads_there_and_says_nobodys(url: str, kept: str) -> None:
    assert scrub_link(url) == kept
