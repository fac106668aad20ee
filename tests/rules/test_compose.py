"""What a message says: with every fact the law wants in it, and no fact that a stranger could put there."""

import dataclasses

import pytest

from modori.channels.compose import compose
from modori.channels.liquid import MAX_SOURCE, BrokenWording, render_wording
from modori.channels.model import LinkKind
from modori.channels.ui import LOCALES, words_of
from modori.channels.wire import (
    MessageFacts,
    Prepared,
    Prices,
    Sender,
    Unpreparable,
    UnpreparableReason,
    Wording,
)
from modori.kernel.digest import content_digest
from modori.outreach.default_wordings import default_wording
from modori.outreach.model import Purpose
from modori.people.model import Channel

TOKENS = ("r" * 22, "u" * 22)
CART, STOP = f"https://m.example/t/{TOKENS[0]}", f"https://m.example/u/{TOKENS[1]}"

FACTS = MessageFacts(
    channel=Channel.EMAIL,
    to_value="hanako@person.example",
    person_name="山田花子",
    items=[
        {
            "id": "p1",
            "name": "鉄のフライパン",
            "price_minor": 4980,
            "quantity": 2,
            "image": "https://shop.example/p1.png",
        }
    ],
    cart_minor=9960,
    currency="JPY",
    cart_url="https://shop.example/cart?items=p1:2",
    site_name="台所の店",
    site_origins=["https://shop.example"],
    site_cart_url="https://shop.example/cart",
    sender=Sender("台所商店", "shop@shop.example", "東京都渋谷区1-2-3", "support@shop.example"),
)


def made(wording: Wording, **changed: object) -> Prepared:
    prepared = tried(wording, **changed)
    assert isinstance(prepared, Prepared), prepared
    return prepared


def tried(wording: Wording, **changed: object) -> Prepared | Unpreparable:
    facts = dataclasses.replace(FACTS, **changed)  # type: ignore[arg-type]  # fields by name
    return compose(facts, wording, public_url="https://m.example/", tokens=TOKENS)


def mail(body: str = "こんにちは", subject: str = "件名", locale: str = "ja") -> Wording:
    return Wording(subject, body, locale)


def sms(body: str, locale: str = "ja") -> Wording:
    return Wording(None, body, locale)


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("purpose", list(Purpose))
def test_default_mails_name_the_sender_and_lead_back_and_out(purpose: Purpose, locale: str) -> None:
    prepared = made(default_wording(Channel.EMAIL, purpose, locale))
    assert prepared.html is not None
    for part in (prepared.text, prepared.html):
        for shown in ("台所商店", "東京都渋谷区1-2-3", "support@shop.example", "鉄のフライパン", "¥4,980", "¥9,960"):
            assert shown in part
        assert CART in part
        assert STOP in part
    assert "https://shop.example/p1.png" in prepared.html
    assert f'lang="{locale}"' in prepared.html
    assert "{" not in prepared.text
    assert "{%" not in prepared.html


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("purpose", list(Purpose))
def test_default_sms_name_the_sender_and_the_way_out(purpose: Purpose, locale: str) -> None:
    prepared = made(default_wording(Channel.SMS, purpose, locale), channel=Channel.SMS)
    assert "台所商店" in prepared.text
    assert prepared.text.count(CART) == prepared.text.count(STOP) == 1
    assert prepared.parts is not None
    assert prepared.parts <= 3
    assert [link.kind for link in prepared.links] == [LinkKind.RESTORE, LinkKind.UNSUBSCRIBE]


@pytest.mark.parametrize("channel", [Channel.EMAIL, Channel.SMS])
@pytest.mark.parametrize("purpose", list(Purpose))
@pytest.mark.parametrize("locale", LOCALES)
def test_default_wordings_suit_a_form_without_cart_and_name(channel: Channel, purpose: Purpose, locale: str) -> None:
    wording = default_wording(channel, purpose, locale)
    prepared = made(wording, channel=channel, items=[], cart_minor=None, currency=None, person_name=None)
    cart_word = {"ja": "カート", "en": "cart"}[locale]
    assert cart_word not in prepared.text
    assert cart_word not in (prepared.subject or "")


@pytest.mark.parametrize("locale", LOCALES)
def test_the_call_script_opens_with_what_the_law_wants(locale: str) -> None:
    wording = default_wording(Channel.CALL, Purpose.LAST_NOTICE, locale)
    shown: dict[str, object] = {
        "person": {"name": None, "address": "お客様"},
        "items": [],
        "total": None,
        "sender": {"name": "台所商店"},
        "site": {"name": "台所の店"},
        "operator": {"name": "佐藤"},
        "goods_kind": "台所用品",
    }
    opening = render_wording(wording.body, shown)
    # RULES 10: seller, caller, kind of goods, that a contract is solicited, in this order before anything else.
    places = [
        opening.index(word) for word in ("台所商店", "佐藤", "台所用品", {"ja": "ご契約", "en": "contract"}[locale])
    ]
    assert places == sorted(places)


def test_an_sms_gets_sender_and_way_out_where_the_author_forgot_them() -> None:
    prepared = made(sms("カートはこちら {{ cart_url }}"), channel=Channel.SMS)
    assert prepared.text.startswith("【台所商店】")
    assert prepared.text.endswith(STOP)
    assert made(sms("Hi", "en"), channel=Channel.SMS).text == f"台所商店: Hi\nStop: {STOP}"


def test_an_sms_without_cart_link_has_no_such_link_on_record() -> None:
    prepared = made(sms("お知らせです"), channel=Channel.SMS)
    assert [link.kind for link in prepared.links] == [LinkKind.UNSUBSCRIBE]


def test_an_sms_costs_by_its_parts() -> None:
    prepared = made(sms("あ" * 100), channel=Channel.SMS)
    assert prepared.parts == 3  # 100 + sender + the way out: 146 units and more
    assert Prices(sms_part_minor={"JPY": 12, "USD": 2}).of_message(prepared) == {"JPY": 36, "USD": 6}


def test_a_price_that_nobody_knows_is_no_zero_and_a_mail_counts_nothing() -> None:
    assert Prices().of_message(made(sms("あ"), channel=Channel.SMS)) == {}
    assert Prices(sms_part_minor={"JPY": 12}).of_message(made(mail())) is None


def test_an_sms_over_660_units_is_refused_here() -> None:
    refused = tried(sms("あ" * 620), channel=Channel.SMS)
    assert isinstance(refused, Unpreparable)
    assert refused.reason is UnpreparableReason.TOO_LONG


@pytest.mark.parametrize(
    ("cart", "site_cart", "target"),
    [
        ("https://shop.example/cart?items=1", "https://shop.example/cart", "https://shop.example/cart?items=1"),
        ("https://evil.example/cart", "https://shop.example/cart", "https://shop.example/cart"),
        (None, None, "https://shop.example/"),
        ("javascript:alert(1)", "https://evil.example/", "https://shop.example/"),
    ],
)
def test_g8_the_link_leads_to_the_site_and_nowhere_else(cart: str | None, site_cart: str | None, target: str) -> None:
    prepared = made(mail(), cart_url=cart, site_cart_url=site_cart)
    assert prepared.links[0].target_url == target


def test_a_site_without_origins_has_nowhere_to_lead() -> None:
    refused = tried(mail(), site_origins=[], cart_url=None)
    assert refused == Unpreparable(UnpreparableReason.NOWHERE_TO_LEAD, "the site has no registered origin")


def test_a_picture_of_a_cdn_is_shown_where_the_site_names_it() -> None:
    image = "https://cdn.example/p1.png"
    items = [{"id": "1", "name": "鍋", "price_minor": 1, "quantity": 1, "image": image}]
    named = made(mail(), items=items, picture_origins=["https://cdn.example"])
    assert image in (named.html or "")
    assert image not in (made(mail(), items=items).html or "")  # taken off the list since


def test_g8_no_captured_text_becomes_markup_or_a_link() -> None:
    items = [
        {"id": "1", "name": "<img src=x onerror=alert(1)>", "price_minor": 1, "quantity": 1},
        {"id": "2", "name": "https://evil.example/prize", "price_minor": 1, "quantity": 1},
        {"id": "3", "name": "鍋", "price_minor": 1, "quantity": 1, "image": "https://evil.example/pixel.png"},
    ]
    prepared = made(
        mail("{{ person.address }} {{ items[0].name }}"), items=items, person_name="<b>花子</b> www.evil.example"
    )
    assert prepared.html is not None
    assert "<img src=x" not in prepared.html
    assert "&lt;img src=x" in prepared.html
    assert "花子" not in prepared.html
    assert "evil.example" not in prepared.html + prepared.text


def test_a_mail_shows_eight_items_and_counts_the_rest() -> None:
    items = [{"id": str(n), "name": f"品{n}番", "price_minor": 100, "quantity": 1} for n in range(10)]
    prepared = made(mail(), items=items)
    assert "品7番" in prepared.text
    assert "品8番" not in prepared.text
    assert "ほか 2 点" in prepared.text


def test_amounts_are_in_the_carts_currency() -> None:
    prepared = made(mail(locale="en"), currency="USD", cart_minor=4980)
    assert "$49.80" in prepared.text


@pytest.mark.parametrize(
    "body",
    [
        "{{ nobody }}",
        "{{ person.nickname }}",
        "{% if %}",
        "{{ 'a' | base64_decode }}",
        "{{ 'a' | replace: 'a', 'b' }}",
        "{% include 'x' %}",
        "{% for i in (1..100000000) %}x{% endfor %}",
        "{% for i in (1..400) %}{{ sender.name | append: sender.name | append: sender.name }}" * 3 + "{% endfor %}" * 3,
        "{% assign s = 'aaaaaaaa' %}{% for i in (1..400) %}{% assign s = s | append: s %}{% endfor %}",
        "{{ 1 | divided_by: 0 }}",
        "a" * (MAX_SOURCE + 1),
    ],
)
def test_a_wording_that_cannot_be_rendered_is_an_answer(body: str) -> None:
    refused = tried(mail(body))
    assert isinstance(refused, Unpreparable)
    assert refused.reason is UnpreparableReason.WORDING_BROKEN
    assert refused.detail


def test_a_mail_needs_a_subject_of_one_line() -> None:
    assert isinstance(tried(mail(subject="  ")), Unpreparable)
    assert made(mail(subject="a{% if true %}\nb{% endif %}")).subject == "a b"


def test_a_wording_has_no_time_for_more_than_a_message_needs() -> None:
    slow = (
        "{% for i in (1..22) %}{% for j in (1..22) %}"
        + "{% assign a = i | times: j %}" * 250
        + "{% endfor %}{% endfor %}"
    )
    with pytest.raises(BrokenWording, match="longer"):
        render_wording(slow, {})


def test_nothing_personal_is_in_what_a_log_could_print() -> None:
    shown = repr(made(mail("{{ person.address }}", subject="{{ person.address }}"))) + repr(FACTS)
    for secret in ("hanako@", "山田花子", *TOKENS):
        assert secret not in shown


@pytest.mark.parametrize(
    ("changed", "same"),
    [
        ({}, True),
        ({"name": "別の名"}, True),  # a corrected name sends nothing back
        ({"price_minor": 4981}, False),
        ({"quantity": 3}, False),
        ({"stock": 1}, False),
        ({"id": "p2"}, False),
        ({"stock": None}, True),  # absent and null are the same
    ],
)
def test_the_digest_follows_the_facts_shown(changed: dict[str, object], same: bool) -> None:
    item = {"id": "p1", "name": "鉄のフライパン", "price_minor": 4980, "quantity": 2}
    assert (content_digest([item | changed], 9960, "JPY") == content_digest([item], 9960, "JPY")) is same


def test_the_digest_follows_total_and_currency() -> None:
    digests = {content_digest([], 1, "JPY"), content_digest([], 2, "JPY"), content_digest([], 1, "USD")}
    assert len(digests) == 3
    assert made(mail()).digest == content_digest(FACTS.items, FACTS.cart_minor, FACTS.currency)


@pytest.mark.parametrize("name", ["mail", "public", "voice"])
def test_every_word_is_there_in_every_language(name: str) -> None:
    words = words_of(name)
    assert set(words) == set(LOCALES)
    assert words["ja"].keys() == words["en"].keys()
    assert all(text.strip() for table in words.values() for text in table.values())
