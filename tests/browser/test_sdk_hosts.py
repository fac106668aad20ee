"""What of the SDK depends on a page's host, and the words that only a real browser finds beside a control."""

import pytest
from playwright.sync_api import BrowserContext

from tests.browser.sdk_pages import Receiver, open_page, receiving, shop

NOTICE: dict[str, object] = {"mode": "notice", "notice_selector": "#notice", "heartbeat_s": 15}
HOSTS = ("www.shop.localhost", "secure.shop.localhost")
CONTROLS = (
    "<!doctype html><html lang=ja><meta charset=utf-8><title>店</title><link rel=icon href='data:,'>"
    "<script>window.modori=window.modori||function(){(modori.q=modori.q||[]).push(arguments)}</script>"
    "<script async src='SDK_HOST/sdk/v1/modori.js' data-site=pk_page></script>"
    "<p id=notice>お預かりします。</p>"
    "<p><input type=checkbox id=told aria-label='案内を希望する'></p>"
    "<p><span id=b>を受け取る</span><span id=a>お知らせ</span><input type=checkbox id=named aria-labelledby='a b'></p>"
    "<p>別の文<button id=drawn aria-label='同意する'>\n<svg></svg>\n</button></p>"
    "<p>別の文<button id=valued value=1 title='同意して進む'><svg></svg></button></p>"
    "<p>別の文<input type=submit id=sends value='登録する' title='送る'></p>"
    "<p>別の文<a id=titled title='毎週受け取る'><svg></svg></a></p>"
    "<table><tr><td><input type=checkbox id=cell> メルマガを受け取る <td>別の欄</table>"
)


def _visitors(receiver: Receiver) -> list[str]:
    return [event["visitor"] for event in receiver.events("page")]


def test_one_visitor_on_all_hosts_of_a_shop_until_no_thanks_on_one(context: BrowserContext) -> None:
    with receiving(NOTICE) as receiver, shop(receiver) as url:
        addresses = [url.replace("localhost", host) for host in HOSTS]
        pages = []
        for count, address in enumerate(addresses, 1):
            pages.append(open_page(context, address, []))
            receiver.wait_for("page", count)
        assert len(_visitors(receiver)) == 2
        assert len(set(_visitors(receiver))) == 1
        cookies = context.cookies(addresses)
        assert [(cookie["name"], cookie["domain"]) for cookie in cookies] == [("modori_v", ".shop.localhost")]

        pages[0].evaluate("modori('consent', {channel: 'capture', granted: false})")
        (refusal,) = receiver.wait_for("consent", 1)
        assert refusal["visitor"] == _visitors(receiver)[0]
        assert refusal["visitor"] not in str(context.cookies(addresses))


def test_another_registrable_domain_is_another_visitor(context: BrowserContext) -> None:
    with receiving(NOTICE) as receiver, shop(receiver) as url:
        for count, host in enumerate(("www.shop.localhost", "www.other.localhost", "lone.localhost"), 1):
            open_page(context, url.replace("localhost", host), [])
            receiver.wait_for("page", count)
        assert len(set(_visitors(receiver))) == 3


@pytest.mark.parametrize(
    ("control", "words"),
    [
        ("told", "案内を希望する"),
        ("named", "お知らせ を受け取る"),
        ("drawn", "同意する"),
        ("valued", "同意して進む"),  # what a button sends, nobody sees
        ("sends", "登録する"),
        ("titled", "毎週受け取る"),
        ("cell", "メルマガを受け取る"),
    ],
)
def test_a_control_without_a_label_has_the_words_that_name_it(
    context: BrowserContext, control: str, words: str
) -> None:
    with receiving(NOTICE) as receiver, shop(receiver, html=CONTROLS) as url:
        page = open_page(context, url, [])
        page.evaluate(f"modori('consent', {{channel: 'email', granted: true, control: '#{control}'}})")
        (said,) = receiver.wait_for("consent", 1)
        assert said["data"]["text"] == words


@pytest.mark.parametrize("style", ["display:none", "visibility:hidden"])
def test_a_notice_that_nobody_sees_permits_nothing(context: BrowserContext, style: str) -> None:
    hidden = CONTROLS.replace("id=notice", f"id=notice style='{style}'")
    with receiving(NOTICE) as receiver, shop(receiver, html=hidden) as url:
        page = open_page(context, url, [])
        page.wait_for_function("window.modori?.version")
        page.wait_for_timeout(3000)
        assert receiver.events("page") == []
        page.evaluate("document.querySelector('#notice').style = ''")
        page.evaluate("document.body.click()")
        receiver.wait_for("page", 1)
