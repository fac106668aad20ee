"""The SDK in a real browser, on a page of another origin, under a strict content security policy."""

from playwright.sync_api import BrowserContext

from tests.browser.sdk_pages import open_page, receiving, shop, wait_for_looks, wait_for_part
from tests.leaks import without_ids

CLOSED_TABS = 20


def test_a_page_reports_what_it_may_and_never_what_it_must_not(context: BrowserContext) -> None:
    printed: list[str] = []
    with receiving({"mode": "notice", "notice_selector": "#notice"}) as receiver, shop(receiver) as url:
        page = open_page(context, url + "?modori_t=T1&email=secret#x", printed)
        wait_for_part(page, "forms")
        page.type("#card", "4111111111111111")
        for name in ("csc", "password", "code", "ignored"):
            page.type(f"#{name}", "SECRET")
        page.type("#email", "hanako@example.jp")
        page.type("#tel", "4111 1111 1111 1111")
        page.fill("#tel", "090-1234-5678")
        page.close()
        typed = {"email": "hanako@example.jp", "tel": "090-1234-5678"}
        receiver.wait_until(lambda: typed in receiver.fields())
        forms = receiver.fields()
        cart = receiver.wait_for("cart", 1)[0]
        pages = receiver.wait_for("page", 1)
        sent = b"".join(receiver.bodies).decode()
        cookies = context.cookies(url)
    assert forms[-1] == typed
    assert cart["data"]["url"] == url + "?items=P-1:1"
    assert pages[0]["page"] == {"url": url + "?modori_t=T1", "title": "カート"}
    assert "SECRET" not in sent
    assert "secret" not in sent
    assert "4111" not in without_ids(sent)
    assert [(cookie["name"], cookie["value"]) for cookie in cookies] == [("modori_v", cart["visitor"])]
    assert printed == []


def test_what_is_being_typed_is_read_when_it_is_left(context: BrowserContext) -> None:
    printed: list[str] = []
    with receiving({"mode": "notice", "notice_selector": "#notice"}) as receiver, shop(receiver) as url:
        page = open_page(context, url, printed)
        wait_for_part(page, "forms")
        page.type("#email", "hanako@example.jp")
        page.type("#tel", "4111 11")
        wait_for_looks(page, receiver, 3)
        assert receiver.fields()[-1] == {"email": "hanako@example.jp"}
        page.focus("#tel")
        page.keyboard.press("End")
        page.keyboard.type("11 1111 1111")
        page.focus("#email")
        wait_for_looks(page, receiver, 2)
        assert receiver.fields()[-1] == {"email": "hanako@example.jp"}
        page.fill("#tel", "")
        page.type("#tel", "090-1234-5678")
        wait_for_looks(page, receiver, 2)
        assert receiver.fields()[-1] == {"email": "hanako@example.jp"}
        page.focus("#email")
        receiver.wait_until(lambda: "tel" in receiver.fields()[-1])
        page.focus("#tel")
        page.keyboard.press("End")
        page.keyboard.type("0")  # the tab is closed in the middle of it
        page.close()
        typed = {"email": "hanako@example.jp", "tel": "090-1234-56780"}
        receiver.wait_until(lambda: receiver.fields()[-1] == typed)
        assert receiver.fields()[-1] == typed
        assert "4111" not in without_ids(b"".join(receiver.bodies).decode())
    assert printed == []


def test_the_last_state_of_a_closed_tab_arrives(context: BrowserContext) -> None:
    printed: list[str] = []
    with receiving({"mode": "notice", "notice_selector": "#notice"}) as receiver, shop(receiver) as url:
        for number in range(CLOSED_TABS):
            page = open_page(context, url, printed)
            wait_for_part(page, "forms")  # the config has come: capture is permitted
            page.fill("#email", f"visitor{number}@example.jp")
            page.close()
        typed = {f"visitor{number}@example.jp" for number in range(CLOSED_TABS)}
        receiver.wait_until(lambda: typed <= {fields.get("email", "") for fields in receiver.fields()})
        emails = {fields["email"] for fields in receiver.fields()}
    assert emails == typed
    assert printed == []


def test_before_consent_nothing_is_sent_or_stored(context: BrowserContext) -> None:
    printed: list[str] = []
    with receiving({"mode": "after-consent", "notice_selector": "#notice"}) as receiver, shop(receiver) as url:
        page = open_page(context, url, printed)
        page.fill("#email", "hanako@example.jp")
        page.click("#notice")
        page.wait_for_timeout(2500)  # longer than the SDK gathers
        assert receiver.bodies == []
        assert page.evaluate("localStorage.length") == 0
        assert context.cookies(url) == []
        page.evaluate("modori('consent', {channel: 'email', granted: true, text: '受け取る'})")
        consent = receiver.wait_for("consent", 1)[0]
        form = receiver.wait_for("form", 1)[0]
        page.close()
    assert consent["data"] == {"channel": "email", "granted": True, "text": "受け取る"}
    assert form["data"]["fields"] == {"email": "hanako@example.jp"}
    assert printed == []
