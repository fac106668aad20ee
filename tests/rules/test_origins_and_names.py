"""G8: URLs stay on the site, and names hold nothing that could become a link."""

import pytest

from modori.kernel.names import without_links
from modori.kernel.origins import is_on, origin_of


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://shop.example/cart?a=1#x", "https://shop.example"),
        ("HTTPS://Shop.Example:443/", "https://shop.example"),  # the scheme's own port goes
        ("http://shop.example:80", "http://shop.example"),
        ("http://localhost:8010/cart", "http://localhost:8010"),
        ("https://[::1]:8443/", "https://[::1]:8443"),
        ("ftp://shop.example/", None),
        ("javascript:alert(1)", None),
        ("//shop.example/", None),
        ("/cart", None),
        ("", None),
        ("https://user@shop.example/", None),  # what is before the @ is made to be misread
        ("https://shop.example@evil.example/", None),
        ("https://shop.example\\@evil.example/", None),  # browsers read \ as /
        ("https://shop.example\t.evil.example/", None),
        ("https://shop.example:99999/", None),
        (" https://shop.example/", None),
    ],
)
def test_origins(url: str, origin: str | None) -> None:
    assert origin_of(url) == origin


@pytest.mark.parametrize(
    ("url", "on_site"),
    [
        ("https://shop.example/cart", True),
        ("https://shop.example:443/cart", True),
        ("http://shop.example/cart", False),
        ("https://shop.example.evil.example/", False),
        ("https://www.shop.example/", False),
        ("https://shop.example:8443/", False),
    ],
)
def test_g8_a_url_is_on_the_site_only_by_its_whole_origin(url: str, on_site: bool) -> None:
    assert is_on(url, ["https://other.example", "https://shop.example"]) is on_site


@pytest.mark.parametrize(
    ("name", "left"),
    [
        ("山田 花子", "山田 花子"),
        ("  山田　 花子 ", "山田 花子"),
        ("Dr.Martens ブーツ", "Dr.Martens ブーツ"),  # a dot alone makes no link
        ("J.Smith", "J.Smith"),
        ("ver2.0", "ver2.0"),
        ("100%コットン", "100%コットン"),
        ("当選! https://evil.example/x 今すぐ", "当選! 今すぐ"),
        ("花子evil.com/login", ""),
        ("花子 www.evil.jp", "花子"),
        ("花子 evil。jp", "花子"),  # browsers read the ideographic stop as a dot
        ("ｅｖｉｌ．ｃｏｍ", ""),  # full-width
        ("evil.co.jp様", "様"),
        ("日本.jp", ""),
        ("a.xn--p1ai", ""),
        ("help@evil.example", ""),
        ("192.168.0.1/a 花子", "花子"),
        ("tel:x javascript://a", "tel:x"),
        ("1http://evil.example 花子", "花子"),  # a phone may begin the link at its letter
        ("花子\r\nBcc: x", "花子 Bcc: x"),
        ("花\u202e子", "花 子"),  # no direction marks
        ("あ" * 200, "あ" * 120),
    ],
)
def test_g8_names_hold_no_link(name: str, left: str) -> None:
    assert without_links(name) == left
