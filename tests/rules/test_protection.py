"""What is told apart before anything is counted: crawlers from people, made-up contacts from real ones, proofs."""

from datetime import timedelta

import pytest

from modori.capture.model import LeakKind
from modori.capture.protection.lookalikes import shared_by
from modori.capture.protection.marks import mark_of
from modori.capture.protection.proofs import judge_proof, proof_mac
from modori.capture.rules import Mark, ProofVerdict
from modori.capture.scrubbing import forbidden_kind
from modori.people.model import ContactKind
from tests.world import NOW

CHROME = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0 Safari/537.36"
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148"


@pytest.mark.parametrize(
    ("user_agent", "mark"),
    [
        (CHROME, None),
        (IPHONE, None),
        ("", None),  # some privacy extensions send none
        (f"{IPHONE} Safari Line/13.16.0", None),  # a person inside LINE's own browser
        (f"{IPHONE} [FBAN/FBIOS;FBAV/480.0]", None),
        (f"{IPHONE} [Pinterest/iOS]", None),
        ("Mozilla/5.0 (Linux; Android 13; CUBOT NOTE 50) AppleWebKit/537.36 Chrome/141.0 Mobile", None),  # a telephone
        ("Mozilla/5.0 (X11; Linux x64) AppleWebKit/537.36 HeadlessChrome/141.0 Safari/537.36", None),  # decision 0019
        ("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", Mark.BOT),
        (f"{IPHONE} (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", Mark.BOT),
        ("AdsBot-Google (+http://www.google.com/adsbot.html)", Mark.BOT),
        ("Mozilla/5.0 (compatible; Google-InspectionTool/1.0;)", Mark.BOT),
        ("Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)", Mark.BOT),
        ("Mozilla/5.0 (compatible; Baiduspider/2.0; +http://www.baidu.com/search/spider.html)", Mark.BOT),
        ("Mozilla/5.0 (compatible; YandexBot/3.0; +http://yandex.com/bots)", Mark.BOT),
        ("Mozilla/5.0 (Macintosh) AppleWebKit/605.1.15 Version/17.4 Safari/605.1.15 (Applebot/0.1)", Mark.BOT),
        ("facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)", Mark.BOT),
        ("facebookexternalhit/1.1;line-poker/1.0", Mark.BOT),  # LINE's link preview
        ("Twitterbot/1.0", Mark.BOT),
        ("Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)", Mark.BOT),
        ("Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)", Mark.BOT),
        ("Mozilla/5.0 (compatible; SemrushBot/7~bl; +http://www.semrush.com/bot.html)", Mark.BOT),
        ("Mozilla/5.0 (compatible; GPTBot/1.2; +https://openai.com/gptbot)", Mark.BOT),
        ("Mozilla/5.0 (compatible; Yahoo! Slurp; http://help.yahoo.com/help/us/ysearch/slurp)", Mark.BOT),
        ("Mozilla/5.0 (compatible; Y!J-BRW/1.0; http://www.yahoo-help.jp/)", Mark.BOT),
        ("ICC-Crawler/3.0 (Mozilla-compatible; ; https://ucri.nict.go.jp/en/icccrawler.html)", Mark.BOT),
        ("archive.org_bot", Mark.BOT),
        ("WhatsApp/2.23.20.0 A", Mark.BOT),
    ],
)
def test_a_crawler_is_what_declares_itself_one(user_agent: str, mark: Mark | None) -> None:
    assert mark_of({b"user-agent": user_agent.encode("latin-1")}) is mark


@pytest.mark.parametrize(
    ("header", "value", "mark"),
    [
        (b"sec-purpose", b"prefetch", Mark.PREFETCH),
        (b"sec-purpose", b"prefetch;prerender", Mark.PREFETCH),
        (b"sec-purpose", b"prefetch;anonymous-client-ip", Mark.PREFETCH),
        (b"purpose", b"prefetch", Mark.PREFETCH),
        (b"x-purpose", b"preview", Mark.PREFETCH),
        (b"x-moz", b"Prefetch", Mark.PREFETCH),
        (b"sec-purpose", b"", None),
        (b"sec-purpose", b"prefetched", None),
        (b"sec-fetch-mode", b"prefetch", None),
    ],
)
def test_a_page_that_nobody_looks_at_yet(header: bytes, value: bytes, mark: Mark | None) -> None:
    assert mark_of({b"user-agent": CHROME.encode(), header: value}) is mark


def test_a_crawler_that_prefetches_is_a_crawler() -> None:
    assert mark_of({b"user-agent": b"Googlebot/2.1", b"sec-purpose": b"prefetch"}) is Mark.BOT


@pytest.mark.parametrize(
    ("kind", "key", "shared"),
    [
        (ContactKind.PHONE, "+819012345678", ["tel:+81901234"]),  # all but the last four
        (ContactKind.LINE, "U" + "0" * 32, []),
        (ContactKind.EMAIL, "hanako@gmail.com", []),  # everybody has an address there
        (ContactKind.EMAIL, "hanako@docomo.ne.jp", []),
        (ContactKind.EMAIL, "hanako@shop.example", ["domain:shop.example"]),
        (ContactKind.EMAIL, "victim+17@gmail.com", ["pattern:victim@gmail.com"]),
        (ContactKind.EMAIL, "victim17@yahoo.co.jp", ["pattern:victim#@yahoo.co.jp"]),
        (ContactKind.EMAIL, "v.ic.tim@gmail.com", ["pattern:victim@gmail.com"]),  # dots mean nothing there
        (ContactKind.EMAIL, "taro.yamada@yahoo.co.jp", []),  # and do elsewhere
        (ContactKind.EMAIL, "user01+a@rare.example", ["domain:rare.example", "pattern:user#@rare.example"]),
    ],
)
def test_what_made_up_contacts_share(kind: ContactKind, key: str, shared: list[str]) -> None:
    assert shared_by(kind, key) == shared


OLD, NEW = b"sgn_old", b"sgn_new"
AT = NOW.isoformat()


def sign(secret: bytes = NEW, *, visitor: str = "visitor-1", contact: str = "hanako@example.jp", at: str = AT) -> str:
    return proof_mac(secret, visitor=visitor, contact=contact, at=at)


@pytest.mark.parametrize(
    ("mac", "at", "event_after", "verdict"),
    [
        (sign(), AT, timedelta(0), ProofVerdict.VALID),
        (sign(OLD), AT, timedelta(0), ProofVerdict.VALID),  # while the shop changes to the new one
        (sign().upper(), AT, timedelta(0), ProofVerdict.VALID),
        (sign(), AT, timedelta(minutes=10), ProofVerdict.VALID),
        (sign(), AT, timedelta(minutes=-10), ProofVerdict.VALID),
        (sign(), AT, timedelta(minutes=10, seconds=1), ProofVerdict.STALE),
        (sign(), AT, timedelta(minutes=-10, seconds=-1), ProofVerdict.STALE),
        (sign(b"sgn_other"), AT, timedelta(0), ProofVerdict.WRONG),
        (sign(visitor="visitor-2"), AT, timedelta(0), ProofVerdict.WRONG),  # copied from somebody else's page
        (sign(contact="taro@example.jp"), AT, timedelta(0), ProofVerdict.WRONG),
        (sign(at="2026-11-21T09:00:00Z"), AT, timedelta(0), ProofVerdict.WRONG),  # another instant than was signed
        (sign(at="yesterday"), "yesterday", timedelta(0), ProofVerdict.STALE),
        (sign(at="2026-11-21T09:00:00"), "2026-11-21T09:00:00", timedelta(0), ProofVerdict.STALE),  # whose clock?
    ],
)
def test_what_a_proof_is_worth(mac: str, at: str, event_after: timedelta, verdict: ProofVerdict) -> None:
    judged = judge_proof(
        [NEW, OLD],
        visitor="visitor-1",
        contact="hanako@example.jp",
        at=at,
        mac=mac,
        event_at=NOW + event_after,
        received_at=NOW + max(event_after, timedelta(0)),
    )
    assert judged is verdict


@pytest.mark.parametrize(
    ("received_after", "verdict"),
    [
        (timedelta(hours=1), ProofVerdict.VALID),  # a queue on a bad network
        (timedelta(hours=1, seconds=1), ProofVerdict.STALE),
        (timedelta(days=29), ProofVerdict.STALE),  # whatever time the browser gives the event
        (timedelta(minutes=-10), ProofVerdict.VALID),  # the shop's clock is ahead
        (timedelta(minutes=-10, seconds=-1), ProofVerdict.STALE),
    ],
)
def test_the_browsers_word_does_not_keep_a_proof_fresh(received_after: timedelta, verdict: ProofVerdict) -> None:
    judged = judge_proof(
        [NEW],
        visitor="visitor-1",
        contact="hanako@example.jp",
        at=AT,
        mac=sign(),
        event_at=NOW,
        received_at=NOW + received_after,
    )
    assert judged is verdict


def test_without_a_secret_nothing_is_proven() -> None:
    mac = sign(b"", visitor="v", contact="c")
    judged = judge_proof([], visitor="v", contact="c", at=AT, mac=mac, event_at=NOW, received_at=NOW)
    assert judged is ProofVerdict.WRONG


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("cc-csc", LeakKind.SECURITY_CODE),
        ("card_cvv", LeakKind.SECURITY_CODE),
        ("cvc", LeakKind.SECURITY_CODE),
        ("securityCode", LeakKind.SECURITY_CODE),
        ("セキュリティコード", LeakKind.SECURITY_CODE),
        ("cc-number", LeakKind.CARD),
        ("CC-EXP", LeakKind.CARD),
        ("ｃｃ-name", LeakKind.CARD),  # full width
        ("cardNumber", LeakKind.CARD),
        ("transaction-amount", LeakKind.CARD),
        ("new-password", LeakKind.PASSWORD),
        ("login_passwd", LeakKind.PASSWORD),
        ("pwd", LeakKind.PASSWORD),
        ("暗証番号", LeakKind.PASSWORD),
        ("one-time-code", LeakKind.ONE_TIME_CODE),
        ("sms_otp", LeakKind.ONE_TIME_CODE),
        ("認証コード", LeakKind.ONE_TIME_CODE),
        ("email", None),
        ("tel", None),
        ("accent", None),
        ("discscore", None),
        ("passport", None),
        ("laptop", None),
        ("discard-note", LeakKind.CARD),  # careful: it is dropped anyway
        ("postal-code", None),
    ],
)
def test_g8_names_of_what_may_never_come(name: str, kind: LeakKind | None) -> None:
    assert forbidden_kind(name) is kind
