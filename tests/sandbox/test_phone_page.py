"""The page on which one sees what the consumer sees."""

import re
import smtplib
from email.message import EmailMessage

import pytest

from tests.sandbox.conftest import Outside

TO = "+819012345678"
FROM = "+815011112222"


def mail(outside: Outside, html: str) -> None:
    letter = EmailMessage()
    letter["From"], letter["To"], letter["Subject"] = "shop@hiyori.example", "hanako@example.jp", "<b>残っています</b>"
    letter.set_content("続き http://127.0.0.1:8000/t/1")
    letter.add_alternative(html, subtype="html")
    with smtplib.SMTP("127.0.0.1", outside.settings.smtp_port, timeout=30) as smtp:
        smtp.send_message(letter)


def text(outside: Outside, body: str, *, to: str = TO) -> None:
    outside.twilio().messages.create(to=to, from_=FROM, body=body)


@pytest.mark.parametrize("language", ["ja", "en"])
def test_the_empty_page_says_what_to_do(outside: Outside, language: str) -> None:
    page = outside.http.get("/", params={"lang": language}).text
    assert 'id="talk-empty"' in page
    assert 'id="mails-empty"' in page
    assert 'id="reply"' not in page


def test_texts_and_mails_are_shown_and_what_senders_wrote_is_not_markup(outside: Outside) -> None:
    text(outside, "<script>alert(1)</script> http://127.0.0.1:8000/t/2")
    mail(outside, "<p>こんにちは</p>")
    page = outside.http.get("/").text
    assert "<script>alert" not in page
    assert "<b>残って" not in page
    assert '<a href="http://127.0.0.1:8000/t/2" target="_blank" rel="noopener">' in page
    assert "090-1234-5678" in page
    assert "built-in" not in page


def test_a_mails_html_is_shown_alone_without_script_and_its_links_open_elsewhere(outside: Outside) -> None:
    mail(outside, '<p style="color:red"><a href="http://127.0.0.1:8000/t/3">戻る</a></p>')
    frame = re.search(r'<iframe src="([^"]+)"[^>]* sandbox="([^"]+)"', outside.http.get("/").text)
    assert frame
    assert "allow-scripts" not in frame[2]
    assert "allow-same-origin" not in frame[2]
    shown = outside.http.get(frame[1])
    assert '<base target="_blank">' in shown.text
    assert 'href="http://127.0.0.1:8000/t/3"' in shown.text
    policy = shown.headers["content-security-policy"]
    assert policy.startswith("sandbox allow-popups")
    assert "script-src" not in policy
    assert "default-src 'none'" in policy


def test_the_choice_of_phone_stays_though_another_rings_later(outside: Outside) -> None:
    text(outside, "to the first")
    text(outside, "to the second", to="+818011112222")
    assert "to the second" in outside.http.get("/").text
    chosen = outside.http.get("/", params={"phone": TO}).text
    assert "to the first" in chosen
    assert "to the second" not in chosen


def test_the_stop_button_texts_stop_to_the_last_sender(outside: Outside) -> None:
    text(outside, "a")
    page = outside.http.get("/").text
    form = dict(re.findall(r'type="hidden" name="(from|to|body)" value="([^"]*)"', page))
    assert form == {"from": TO, "to": FROM, "body": "STOP"}
    answer = outside.http.post("/replies", data=form)
    assert answer.status_code == 303
    (post,) = outside.modori.at("/hooks/twilio/inbound")
    assert (post.form["From"], post.form["To"], post.form["Body"]) == (TO, FROM, "STOP")
    assert "bubble--mine" in outside.http.get("/").text


def test_the_version_grows_when_something_arrives_and_not_otherwise(outside: Outside) -> None:
    before = outside.http.get("/version").json()["version"]
    assert outside.http.get("/version").json()["version"] == before
    mail(outside, "<p>a</p>")
    assert outside.http.get("/version").json()["version"] > before


def test_messages_are_filtered_and_newest_last(outside: Outside) -> None:
    text(outside, "first")
    mail(outside, "<p>second</p>")
    text(outside, "third")
    assert [row["channel"] for row in outside.messages()] == ["sms", "email", "sms"]
    assert [row["text"] for row in outside.messages(to=TO, channel="sms")] == ["first", "third"]
    bare = outside.http.get(f"/messages?to={TO}").json()  # a bare + in a URL is meant
    assert [row["id"] for row in bare] == [row["id"] for row in outside.messages(to=TO)]
    wanted = {"id", "channel", "to", "at", "subject", "text", "html", "headers", "links"}
    assert all(wanted <= row.keys() for row in outside.messages())


def test_a_habit_that_does_not_exist_is_refused(outside: Outside) -> None:
    answer = outside.http.post(f"/control/phones/{TO}", json={"mood": "bad"})
    assert answer.status_code == 400
    assert "mood" in answer.json()["error"]


def test_misbehaviour_is_said_on_the_page(outside: Outside) -> None:
    outside.fault(channel="sms", mode="slow", seconds=0.1)
    assert 'id="faults"' in outside.http.get("/").text


def test_a_page_of_another_host_name_is_not_served(outside: Outside) -> None:
    for url in (outside.settings.world_url, outside.settings.shop_url):
        assert outside.http.get(url + "/", headers={"Host": "evil.example"}).status_code == 400


def test_the_page_shows_the_newest_and_the_json_has_all(outside: Outside) -> None:
    for number in range(51):
        mail(outside, f"<p>{number}</p>")
    assert outside.http.get("/").text.count('class="mail"') == 50
    assert len(outside.messages()) == 51
