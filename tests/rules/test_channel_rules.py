"""Clicks, landings and replies (RULES 24, 30)."""

from datetime import UTC, datetime, timedelta

import pytest

from modori.channels.links import link_url, token_hash, tokens_in, with_token, without_tokens
from modori.channels.model import LinkKind
from modori.channels.rules import LinkFacts, ReplyEffect, Suspect, judge_click, leads_to_cart, read_reply

NOW = datetime(2026, 11, 18, 2, 0, tzinfo=UTC)
PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1.15 Version/19.0 Mobile Safari/604.1"
TOKEN = "abcdefghijklmnopqrstu_"


@pytest.mark.parametrize(
    ("agent", "prefetch", "after_s", "suspect"),
    [
        (PHONE, False, 60, None),
        (PHONE, False, 2, None),  # two seconds after the delivery counts
        (PHONE, False, 1.9, Suspect.TOO_SOON),
        (PHONE, False, -5, Suspect.TOO_SOON),  # before the provider had even answered
        (PHONE, True, 60, Suspect.SCANNER),
        ("", False, 60, Suspect.SCANNER),
        ("Mozilla/5.0 (compatible; Googlebot/2.1)", False, 60, Suspect.SCANNER),
        ("BarracudaSentinel/1.0", False, 60, Suspect.SCANNER),
        ("Mozilla/5.0 HeadlessChrome/149.0", False, 60, None),  # runs the site's page: its token must come back, too
        ("python-requests/2.34", False, 60, Suspect.SCANNER),
        ("Mozilla/5.0 (Linux; Android 16) Robotic/1.0 Chrome/149.0 Mobile Safari", False, 60, None),  # no bot
    ],
)
def test_who_clicked(agent: str, prefetch: bool, after_s: float, suspect: Suspect | None) -> None:
    now = NOW + timedelta(seconds=after_s)
    assert judge_click(user_agent=agent, is_prefetch=prefetch, delivered_at=NOW, now=now) is suspect


def facts(**changed: object) -> LinkFacts:
    usual: dict[str, object] = {
        "target_url": "https://shop.example/cart",
        "target_is_on_site": True,
        "site_top": "https://shop.example/",
        "made_at": NOW,
        "lives_s": 3600,
        "ordered": False,
        "erased": False,
        "expired": False,
        "contact_replaced": False,
    }
    return LinkFacts(**(usual | changed))  # type: ignore[arg-type]  # fields by name


@pytest.mark.parametrize(
    ("changed", "after_s", "to_cart"),
    [
        ({}, 0, True),
        ({}, 3599, True),
        ({}, 3600, False),  # its time is over
        ({"ordered": True}, 0, False),
        ({"erased": True}, 0, False),
        ({"expired": True}, 0, False),
        ({"contact_replaced": True}, 0, False),  # another's inbox must not get their cart
        ({"target_is_on_site": False}, 0, False),  # the origin was taken off the site since (G8)
        ({"target_url": None}, 0, False),
    ],
)
def test_where_a_link_leads(changed: dict[str, object], after_s: int, to_cart: bool) -> None:
    assert leads_to_cart(facts(**changed), now=NOW + timedelta(seconds=after_s)) is to_cart


@pytest.mark.parametrize(
    ("text", "effect"),
    [
        *((word, ReplyEffect.STOP) for word in ("STOP", "UNSUBSCRIBE", "END", "QUIT", "STOPALL", "REVOKE", "OPTOUT")),
        *((word, ReplyEffect.STOP) for word in ("CANCEL", "停止", "配信停止", "解除", "不要", "やめて")),
        ("stop", ReplyEffect.STOP),
        (" Stop. ", ReplyEffect.STOP),
        ("ＳＴＯＰ", ReplyEffect.STOP),
        ("「配信停止」", ReplyEffect.STOP),
        ("配信停止してください。", ReplyEffect.STOP),
        ("停止希望です", ReplyEffect.STOP),
        ("やめてください", ReplyEffect.STOP),
        ("opt-out", ReplyEffect.STOP),
        ("START", ReplyEffect.REOPEN),
        ("再開", ReplyEffect.REOPEN),
        ("はい", None),
        ("", None),
        ("停止線はどこですか", None),
        ("don't stop", None),
        ("stop start", None),
    ],
)
def test_what_a_reply_means(text: str, effect: ReplyEffect | None) -> None:
    assert read_reply(text) is effect


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://shop.example/cart", f"https://shop.example/cart?modori_t={TOKEN}"),
        ("https://shop.example", f"https://shop.example/?modori_t={TOKEN}"),
        (
            "https://shop.example/cart?items=1:2,3:1#top",
            f"https://shop.example/cart?items=1:2,3:1&modori_t={TOKEN}#top",
        ),
        ("https://shop.example/cart?a=&modori_t=old", f"https://shop.example/cart?a=&modori_t={TOKEN}"),
        ("https://shop.example/カート?q=鍋", f"https://shop.example/カート?q=%E9%8D%8B&modori_t={TOKEN}"),
    ],
)
def test_the_token_goes_along(url: str, expected: str) -> None:
    assert with_token(url, TOKEN) == expected


def test_tokens_are_found_in_a_text_and_stored_as_a_hash() -> None:
    text = f"続き {link_url('https://m.example/', LinkKind.RESTORE, TOKEN)}\n停止 https://m.example/u/{'z' * 22}"
    assert tokens_in(text) == {TOKEN, "z" * 22}
    assert tokens_in("https://m.example/t/tooshort") == set()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"買い物かご https://m.example/t/{TOKEN} へ", "買い物かご https://m.example/t/… へ"),
        (f"停止 https://m.example/u/{TOKEN}", "停止 https://m.example/u/…"),
        (
            f"https://shop.example/cart?utm_source=x&modori_t={TOKEN}",
            "https://shop.example/cart?utm_source=x&modori_t=…",
        ),
        ("https://shop.example/t/cups", "https://shop.example/t/cups"),  # no link of ours
    ],
)
def test_who_may_read_a_message_cannot_click_for_its_receiver(text: str, shown: str) -> None:
    """RULES 30: a click by an operator would bill."""
    assert without_tokens(text) == shown
    assert len(token_hash(TOKEN)) == 32
