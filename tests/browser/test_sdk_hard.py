"""Fields that only a real browser shows for what they are: ignored by a slot or a frame, hidden, composed."""

import pytest
from playwright.sync_api import BrowserContext, Page

from tests.browser.sdk_pages import Receiver, open_page, receiving, shop, wait_for_looks, wait_for_part

NOTICE = {"mode": "notice", "notice_selector": "#notice", "heartbeat_s": 15}
HEAD = (
    "<!doctype html><html lang=ja><meta charset=utf-8><title>店</title><link rel=icon href='data:,'>"
    "<script>window.modori=window.modori||function(){(modori.q=modori.q||[]).push(arguments)}</script>"
    "<script async src='SDK_HOST/sdk/v1/modori.js' data-site=pk_page></script><p id=notice>お預かりします。</p>"
)
MAIL = "<form id=f><input id=mail name=email type=email></form>"
SECRET = "SECRET7788"


def look(page: Page, receiver: Receiver) -> str:
    """Leave the field, wait until all that the SDK would say of it has arrived, and answer all that did."""
    page.evaluate("document.activeElement.blur()")
    wait_for_looks(page, receiver, 2)
    return b"".join(receiver.bodies).decode()


IGNORED = {
    "frame": '<div data-modori-ignore><iframe srcdoc="<input id=in autocomplete=name>"></iframe></div>',
    "frame itself": '<iframe data-modori-ignore srcdoc="<input id=in autocomplete=name>"></iframe>',
    "hidden frame": '<iframe style="opacity:0" srcdoc="<input id=in autocomplete=name>"></iframe>',
    "frame in a payment's frame": (
        "<iframe name=payment srcdoc=\"<iframe srcdoc='<input id=in autocomplete=name>'></iframe>\"></iframe>"
    ),
    "owner": "<form id=owner data-modori-ignore></form><input id=in form=owner autocomplete=name>",
    "slot": (
        "<div id=box><p><input id=in autocomplete=name></p></div><script>box.attachShadow({mode:'open'}).innerHTML ="
        "'<div data-modori-ignore><slot></slot></div>'</script>"
    ),
}


@pytest.mark.parametrize("inner", IGNORED.values(), ids=IGNORED)
def test_g8_what_stands_under_ignore_by_any_way_is_not_read(
    context: BrowserContext, printed: list[str], inner: str
) -> None:
    with receiving(NOTICE) as receiver, shop(receiver, html=HEAD + MAIL + inner, policy="") as url:
        page = open_page(context, url, printed)
        wait_for_part(page, "forms")
        place = page.frame_locator("iframe") if "iframe" in inner else page
        place = place.frame_locator("iframe") if "name=payment" in inner else place
        place.locator("#in").fill("花子" + SECRET, force=True)
        page.fill("#mail", "hanako@example.jp")
        assert SECRET not in look(page, receiver)
        assert receiver.fields()[-1] == {"email": "hanako@example.jp"}


def test_forms_and_fields_with_names_that_the_page_itself_uses(context: BrowserContext, printed: list[str]) -> None:
    html = HEAD + "<form name=host id=f><input name=elements><input id=mail name=email type=email></form>"
    with receiving(NOTICE) as receiver, shop(receiver, html=html, policy="") as url:
        page = open_page(context, url, printed)
        wait_for_part(page, "forms")
        page.fill("#mail", "hanako@example.jp")
        look(page, receiver)
        assert receiver.fields()[-1] == {"email": "hanako@example.jp"}


TRAPS = {
    "above": "position:absolute;top:-5000px",
    "left": "position:absolute;left:-9999px",
    "left, far down": "position:absolute;left:-9999px;top:3000px",
    "right": "position:absolute;left:99999px",
    "clip": "position:absolute;clip:rect(0 0 0 0);width:1px;height:1px;overflow:hidden",
    "clip-path": "clip-path:inset(50%)",
    "no height": "height:0;overflow:hidden",
    "scale": "transform:scale(0)",
    "a pixel": "--own:position:absolute;z-index:-1;width:1px;height:1px;border:0;padding:0",
    "no size": "--own:font-size:0;width:0;height:0;border:0;padding:0",
    "transparent": "opacity:0",
}


def test_what_nobody_sees_is_not_read_where_the_browser_or_the_page_fills_it_in(
    context: BrowserContext, printed: list[str]
) -> None:
    boxes = ""
    for at, style in enumerate(TRAPS.values()):
        own = style.removeprefix("--own:")
        around, field = ("", own) if own != style else (style, "")
        boxes += f"<form id=t{at}><div style='{around}'><input name=name style='{field}'></div></form>"
    boxes += "<form id=inert inert><input name=name></form>"
    html = (
        HEAD
        + MAIL
        + boxes
        + "<form id=seen><input name=tel></form><p style=height:2000px></p><form id=below><input name=tel>"
    )
    fill_in = """() => {
        for (const field of document.querySelectorAll('[name=name],[name=tel]')) {
            field.value = field.name === 'tel' ? '0312345678' : '花子';
            for (const type of ['input', 'change']) field.dispatchEvent(new Event(type, {bubbles: true}));
        }
    }"""
    with receiving(NOTICE) as receiver, shop(receiver, html=html, policy="") as url:
        page = open_page(context, url, printed)
        wait_for_part(page, "forms")
        page.evaluate(fill_in)
        look(page, receiver)
        told = {event["data"]["form"]: event["data"]["fields"] for event in receiver.events("form")}
        assert told == {"seen": {"tel": "0312345678"}, "below": {"tel": "0312345678"}}


def test_a_word_that_is_composed_while_the_page_goes_is_not_read(context: BrowserContext, printed: list[str]) -> None:
    html = HEAD + "<form id=f><input id=name name=name><input id=mail name=email type=email></form>"
    with receiving(NOTICE) as receiver, shop(receiver, html=html, policy="") as url:
        page = open_page(context, url, printed)
        wait_for_part(page, "forms")
        page.fill("#mail", "hanako@example.jp")
        look(page, receiver)
        page.click("#name")
        keyboard = context.new_cdp_session(page)
        keyboard.send("Input.imeSetComposition", {"text": "はなk", "selectionStart": 3, "selectionEnd": 3})
        page.goto("about:blank")
        page.goto(url)
        receiver.wait_for("page", 2)
        assert {"email": "hanako@example.jp"} in receiver.fields()
        assert not any("name" in fields for fields in receiver.fields())
