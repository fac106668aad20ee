"""The notice of a site lists exactly what the site sends, and a stored one that forgets something is told so."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from modori.capture import notices
from modori.capture.notices import (
    ALWAYS,
    SENT_BY_TOKEN,
    NoticeFacts,
    Sent,
    Unsaid,
    what_is_sent,
    what_is_unsaid,
    write_notice,
)
from modori.capture.scrubbing import FIELD_TOKENS

FACTS = NoticeFacts(
    client="みなと道具店",
    agency="リカバリー代理店",
    contact="support@minato.example",
    host="modori.agency.example",
    mode="notice",
    sent=what_is_sent(["email", "family-name"], types=["cart"]),
    channels=["email", "sms"],
)
EVERYTHING = frozenset(Sent)
WORDS = {locale: json.loads((Path(notices.__file__).parent / f"notice_words/{locale}.json").read_text()) for locale in
         notices.LOCALES}  # fmt: skip


@pytest.mark.parametrize(
    ("tokens", "expected"),
    [
        ([], set(Sent)),  # before the first form: everything that could be taken
        (["email"], ALWAYS | {Sent.EMAIL}),
        (["given-name-kana", "family-name"], ALWAYS | {Sent.NAME}),
        (["address-level1", "postal-code", "tel"], ALWAYS | {Sent.ADDRESS, Sent.PHONE}),
        (["organization", "cc-number"], ALWAYS | {Sent.ORGANISATION}),
    ],
)
def test_what_is_sent_follows_the_fields_that_forms_gave(tokens: list[str], expected: set[Sent]) -> None:
    assert what_is_sent(tokens) == expected


@pytest.mark.parametrize(
    ("types", "identity", "expected"),
    [
        ({"page", "form"}, [], ALWAYS | {Sent.EMAIL}),  # a school's form: no cart, no order
        ({"page", "form", "cart"}, [], ALWAYS | {Sent.EMAIL, Sent.CART, Sent.ORDER}),
        ({"page", "form", "order"}, [], ALWAYS | {Sent.EMAIL, Sent.ORDER}),
        ({"identify"}, ["email"], ALWAYS | {Sent.EMAIL, Sent.IDENTITY}),
    ],
)
def test_what_is_sent_follows_the_events_that_the_site_reported(
    types: set[str], identity: list[str], expected: set[Sent]
) -> None:
    assert what_is_sent(["email"], types=types, identity=identity) == expected


@pytest.mark.parametrize("locale", notices.LOCALES)
def test_a_notice_names_what_the_site_itself_tells_of_members(locale: str) -> None:
    facts = replace(FACTS, sent=FACTS.sent | {Sent.IDENTITY}, identity=["line", "member_index"])
    said = WORDS[locale]
    text = write_notice(facts, locale).text()
    assert said["identity_member_index"] + said["and"] + said["identity_line"] in text
    assert said["identity_name"] not in text.split(said["identity_member_index"])[1].split("\n")[0]


def test_every_field_that_may_be_captured_has_a_line_in_the_notice() -> None:
    assert set(SENT_BY_TOKEN) >= FIELD_TOKENS


@pytest.mark.parametrize("locale", notices.LOCALES)
def test_a_notice_lists_what_is_sent_and_nothing_else(locale: str) -> None:
    lines = write_notice(FACTS, locale).sections[0].lines
    assert len(lines) == len(FACTS.sent)
    said = WORDS[locale]
    text = write_notice(FACTS, locale).text()
    assert said["sent_email"] in text
    assert said["sent_phone"] not in text
    assert said["sent_address"] not in text
    assert "modori_v" in text
    assert "400" in text


@pytest.mark.parametrize("locale", notices.LOCALES)
@pytest.mark.parametrize("channels", [[], ["email"], ["call", "email", "line", "sms"]])
def test_a_notice_names_the_recipients_of_the_channels_in_use(locale: str, channels: list[str]) -> None:
    text = write_notice(replace(FACTS, channels=channels), locale).text()
    assert "リカバリー代理店" in text
    assert "modori.agency.example" in text
    assert ("Twilio Inc." in text) == ("sms" in channels or "call" in channels)
    assert (("LY Corporation" in text) or ("LINEヤフー" in text)) == ("line" in channels)


def test_only_after_consent_a_notice_promises_that_nothing_is_sent_before() -> None:
    before = write_notice(FACTS, "en").text()
    after = write_notice(replace(FACTS, mode="after-consent"), "en").text()
    assert "Until you consent" not in before
    assert "Until you consent, none of it is captured or sent: your browser only fetches the program" in after
    assert "IP address" in after.split("\n")[1], "the program and its settings are fetched before"
    assert "If you do not consent, you need do nothing" in after


def test_what_a_browser_keeps_is_promised_no_sooner_than_a_visit_can_remove_it() -> None:
    assert "7日を過ぎて最初にこのサイトを開いた時に削除" in write_notice(FACTS, "ja").text()
    assert "removed at the first visit after 7 days" in write_notice(FACTS, "en").text()


def test_a_notice_promises_no_end_to_what_has_none_in_the_browser() -> None:
    """The cookie is made again from its copy, which stays; what could not be sent stays until it is."""
    text = write_notice(FACTS, "en").text()
    assert (
        "as a copy in the browser’s storage, from which the cookie is made again, until you press “No thanks”" in text
    )
    assert "what could not be sent yet (the newest 100 records at most), until it is sent" in text


@pytest.mark.parametrize("locale", notices.LOCALES)
@pytest.mark.parametrize("channels", [[], ["email"], ["sms", "call"], ["line"]])
def test_a_notice_promises_only_ways_to_stop_that_there_are(locale: str, channels: list[str]) -> None:
    """A reply to a mail, or to a sender that is no number, reaches nobody (RULES 24)."""
    text, said = write_notice(replace(FACTS, channels=channels), locale).text(), WORDS[locale]
    for one in notices.CHANNELS:
        assert (said[f"refuse_{one}"] in text) == (one in channels), one
    assert said["refuse_contact"] in text
    assert not re.search("返信|repl", text)


@pytest.mark.parametrize("locale", notices.LOCALES)
@pytest.mark.parametrize(("mode", "is_told"), [("notice", True), ("after-consent", False)])
def test_calls_that_nobody_asked_for_are_told_of(locale: str, mode: str, is_told: bool) -> None:
    text = write_notice(replace(FACTS, mode=mode, channels=["call"]), locale).text()
    assert (WORDS[locale]["why_remind_call"] in text) == is_told
    assert (WORDS[locale]["why_remind"] in text) != is_told


def test_both_languages_say_the_same_sentences() -> None:
    assert set(WORDS["ja"]) == set(WORDS["en"])
    for name, said in WORDS["ja"].items():
        meant = WORDS["en"][name]
        assert {part.split("}")[0] for part in said.split("{")[1:]} == {
            part.split("}")[0] for part in meant.split("{")[1:]
        }, name


@pytest.mark.parametrize("locale", notices.LOCALES)
@pytest.mark.parametrize("mode", ["notice", "after-consent"])
def test_a_generated_notice_leaves_nothing_unsaid(locale: str, mode: str) -> None:
    facts = replace(FACTS, mode=mode, sent=EVERYTHING, channels=["email", "sms", "call", "line"])
    assert what_is_unsaid(write_notice(facts, locale).text(), facts) == ((), ())


@pytest.mark.parametrize(
    ("text", "sent", "beside"),
    [
        ("", tuple(one for one in Sent if one in FACTS.sent), tuple(Unsaid)),
        (
            "リカバリー代理店が、メールアドレス、氏名、閲覧ページ、カート、入力途中のフォーム、注文、同意の有無、Cookieをご案内のため取得します。",
            (),
            (Unsaid.REFUSAL,),
        ),
        (
            "For reminders, cookies, pages, carts, orders, consents, forms and e-mail addresses go to"
            " リカバリー代理店, to remind people. You may opt out.",
            (Sent.NAME,),
            (),
        ),
        # A company's "name" is not a person's: 会社 alone does not list names.
        (
            "会社とメールのみ",
            (Sent.VISITOR, Sent.PAGES, Sent.CART, Sent.NAME, Sent.FORM, Sent.ORDER, Sent.CONSENT),
            tuple(Unsaid),
        ),
    ],
)
def test_a_stored_notice_is_told_what_it_forgets(text: str, sent: tuple[Sent, ...], beside: tuple[Unsaid, ...]) -> None:
    assert what_is_unsaid(text, FACTS) == (sent, beside)
