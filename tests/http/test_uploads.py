"""Uploads as an account manager meets them: the form, its refusals, the dry run, approval, the report."""

import csv
import io
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from uuid import UUID

import httpx
import pytest

from modori.connectors.csv.tables import MOST_BYTES
from modori.entrypoints import wiring
from modori.kernel import clock
from modori.storage.db import tenant_transaction
from modori.tenants.feeds.queries import hear_order_feed
from modori.tenants.model import Role
from tests.consoleworld import Console, log_in
from tests.drain import drain
from tests.leaks import without_ids
from tests.questions import ask_one, change
from tests.uploadworld import apply_first_part
from tests.world import NOW, World

ORDERS = (
    "注文番号,金額,注文日時,メールアドレス\nA-1,4980,2026/11/18 10:30,hanako@example.jp\nA-2,-5,2026/11/18 10:30,\n"
)


@pytest.fixture(autouse=True)
def _it_is_wednesday_morning() -> Iterator[None]:
    with clock.moved_to(NOW):
        yield


@pytest.fixture
def console(world: World) -> Console:
    return log_in(world, Role.ACCOUNT_MANAGER, lang="en")


def send(
    console: Console, world: World, raw: bytes, *, kind: str = "orders", name: str = "orders.csv"
) -> httpx.Response:
    return console.post(
        f"/console/uploads/{world.acme.tenant_id}/{world.acme.site_id}",
        data={"csrf": console.csrf, "kind": kind},
        files={"file": (name, raw, "text/csv")},
    )


def settle(world: World) -> None:
    drain([world.acme.tenant_id], subscribers=wiring.subscribers(), jobs=wiring.jobs())


def test_a_file_is_checked_approved_and_reported(console: Console, world: World) -> None:
    sent = send(console, world, ORDERS.encode("cp932"))
    assert sent.status_code == 303, sent.text
    place = sent.headers["location"]
    assert "Being checked" in console.get(place).text
    settle(world)
    checked = console.get(place).text
    for words in ("waits for approval", "Nothing of it has been stored yet", "Shift_JIS", "Asia/Tokyo", "orders.csv"):
        assert words in checked
    assert "This is not a possible amount in this currency." in checked
    assert "hanako" not in checked
    assert ask_one(world.acme.tenant_id, "select count(*) from purchase_order") == 0
    applied = console.act(f"{place}/apply")
    assert applied.status_code == 303
    settle(world)
    assert ask_one(world.acme.tenant_id, "select count(*) from purchase_order where proven_at is not null") == 1
    live = console.get(f"{place}/progress?outcome=refused")
    assert "<html" not in live.text
    assert "row-3" in live.text
    assert "row-2" not in live.text
    assert "Orders" in console.get("/console/uploads").text


def test_whoever_approves_sees_the_sum_the_span_and_a_row_as_understood(console: Console, world: World) -> None:
    content = (
        "注文番号,金額,注文日時,メールアドレス,電話番号,会員番号\n"
        "A-1,-1,2026/11/18 10:30,,,\n"
        'A-2,"4,980",2026/11/18 10:30,hanako@example.jp,090-1234-5678,M-100\n'
        "A-3,20,2026/11/17 9:00,taro@example.jp,,\n"
    )
    place = send(console, world, content.encode()).headers["location"]
    settle(world)
    page = console.get(place).text
    sums = page[page.index("What approving records") : page.index("as we understand it")]
    assert ">¥5,000<" in sums
    assert "17 Nov 09:00" in sums
    assert "18 Nov 10:30" in sums
    sample = page[page.index("Row 3 as we understand it") : page.index('<dl class="tiles">')]
    for said in (">4,980<", ">¥4,980<", ">金額<", "Wed 18 Nov 2026 10:30:00", "h•••@e•••.jp", "090••••5678", "M•••"):
        assert said in sample
    for personal in ("hanako", "taro", "1234", "M-100"):
        assert personal not in without_ids(page)
    console.act(f"{place}/apply")
    settle(world)
    applied = console.get(place).text
    assert "What was approved" in applied
    assert ">¥5,000<" in applied
    assert "as we understand it" not in applied


def test_amounts_are_spoken_of_where_there_are_some(console: Console, world: World) -> None:
    consents = "email,channel,granted,text,given_at,screen\na@b.jp,email,yes,t,2026/11/18 10:30,s\n"
    orders = "id,value,at,email\nA-1,1,2026/11/18 10:30,a@b.jp\n"
    assert "before tax" not in checked(console, world, "consents", consents)
    assert "before tax" in checked(console, world, "orders", orders)


def test_consents_and_returns_are_shown_as_understood_too(console: Console, world: World) -> None:
    consents = (
        "チャネル,連絡先,同意,同意文,同意日時,画面\n"
        "SMS,090-1234-5678,はい,お得な情報を受け取る,2026/11/01 12:00,会員登録\n"
        "メール,hanako@example.jp,いいえ,,2026/11/02 12:00,\n"
    )
    page = checked(console, world, "consents", consents)
    named = re.findall(r'<td class="mono small" data-label="Contact">([^<]*)<', page)
    assert named == ["090••••5678", "h•••@e•••.jp"]
    for said in ("SMS: agreed", "E-mail: withdrawn", "お得な情報を受け取る", ">はい<", ">Yes<"):
        assert said in page
    assert "hanako" not in page
    returns = "注文番号,返品番号,金額,理由,返品日時\nX-1,R-1,,返品,2026/11/17 10:00\n"
    page = checked(console, world, "returns", returns)
    for said in ("Kept, without effect on bills yet", "what is left of the order", ">Returned<"):
        assert said in page
    assert 'data-label="Order number">X-1<' in page


@pytest.mark.parametrize(
    ("lang", "same", "differs"),
    [
        ("en", "Row 2 says the same.", "The same order number stands in row 2, with another amount."),
        ("ja", "2行目と同じ内容です。", "同じ注文番号が2行目にあり、金額が異なります。"),
    ],
)
def test_an_order_that_stands_twice_in_a_file_is_told_where(world: World, lang: str, same: str, differs: str) -> None:
    """Nothing of it is on record yet: no word of another amount on record."""
    row = "2026/11/18 10:30,hanako@example.jp"
    content = f"注文番号,金額,注文日時,メールアドレス\nA-1,4980,{row}\nA-1,4980,{row}\nA-1,5000,{row}\n"
    console = log_in(world, Role.ACCOUNT_MANAGER, lang=lang)
    place = send(console, world, content.encode()).headers["location"]
    settle(world)
    page = console.get(place).text
    rows = {number: page.split(f'<tr id="row-{number}">')[1].split("</tr>")[0] for number in (3, 4)}
    assert same in rows[3]
    assert differs in rows[4]
    console.act(f"{place}/apply")
    settle(world)
    report = console.get(f"{place}/report.csv").content.decode("utf-8-sig")
    assert same in report
    assert differs in report


def checked(console: Console, world: World, kind: str, content: str) -> str:
    place = send(console, world, content.encode(), kind=kind).headers["location"]
    settle(world)
    return console.get(place).text


def test_the_report_is_a_spreadsheets_and_names_no_person(console: Console, world: World) -> None:
    content = ORDERS + "=1+1,-5,2026/11/18 10:30,\n090-1234-5678,-5,2026/11/18 10:30,\n"
    place = send(console, world, content.encode()).headers["location"]
    settle(world)
    report = console.get(f"{place}/report.csv")
    assert report.headers["content-disposition"].startswith("attachment")
    assert report.content.startswith(b"\xef\xbb\xbf")
    rows = list(csv.reader(io.StringIO(report.content.decode("utf-8-sig"))))
    wrong = ("Not taken", "金額", "This is not a possible amount in this currency.")
    assert rows == [
        ["Row", "Order number", "Comes to", "Column", "Why"],
        ["2", "A-1", "New", "", ""],
        ["3", "A-2", *wrong],
        ["4", "'=1+1", *wrong],
        ["5", "090••••5678", *wrong],
    ]


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"", "The file is empty."),
        (b"x" * (MOST_BYTES + 1), "larger than 10 MiB"),
        (b"PK\x03\x04", "This is a spreadsheet."),
        (b"id,value,at\nA\x00,1,2\n", "This is not a CSV file"),
        (b"\x81\xff\xff,\xa0\xff\n", "The characters cannot be read."),
        (b"id,value\nA,1\n", "A column is missing: Date and time (at)."),
        (b"id,value,at,id\nA,1,2,3\n", "Two columns mean the same: id / id – Order number (id)."),
        (b"id,value,at\n", "The file has a header and no rows."),
    ],
    ids=["empty", "large", "spreadsheet", "binary", "encoding", "column", "twice", "no rows"],
)
def test_a_file_that_cannot_be_read_is_refused_beside_the_field(
    console: Console, world: World, raw: bytes, said: str
) -> None:
    answer = send(console, world, raw)
    assert answer.status_code == 422
    assert said in answer.text
    assert "asia/tokyo" in answer.text.lower()
    assert ask_one(world.acme.tenant_id, "select count(*) from upload") == 0


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("orders", "Give at least one of email, tel, visitor, cart and member_id"),
        ("returns", "Without an amount, what is left of the order is taken back."),
        ("consents", "One of contact, email and tel is enough."),
    ],
)
def test_the_form_says_which_columns_are_enough(world: World, kind: str, said: str) -> None:
    console = log_in(world, Role.ACCOUNT_MANAGER, lang="en")
    page = console.get(f"/console/uploads/new?site={world.acme.site_id}&kind={kind}").text
    assert said in page
    assert page.count("(one of the three)") == (3 if kind == "consents" else 0)


def test_without_a_file_the_form_says_so(console: Console, world: World) -> None:
    path = f"/console/uploads/{world.acme.tenant_id}/{world.acme.site_id}"
    answer = console.act(path, kind="orders")
    assert answer.status_code == 422
    assert "Choose a file." in answer.text


def test_an_upload_is_approved_only_once_it_is_checked(console: Console, world: World) -> None:
    place = send(console, world, ORDERS.encode()).headers["location"]
    assert console.act(f"{place}/apply").status_code == 409
    settle(world)
    assert console.act(f"{place}/drop").status_code == 303
    assert console.act(f"{place}/apply").status_code == 409
    assert ask_one(world.acme.tenant_id, "select count(*) from upload_part") == 0


MANY = "注文番号,金額,注文日時,メールアドレス\n" + "".join(
    f"A-{number},{number if number % 50 else '?'},2026/11/18 10:30,p{number}@example.jp\n" for number in range(1, 151)
)
"""Two parts; rows 51, 101 and 151 are refused."""


def applied_partly(console: Console, world: World) -> str:
    """Approve a file of which a worker has recorded the first part. Returns its page's address."""
    place = send(console, world, MANY.encode()).headers["location"]
    settle(world)
    assert console.act(f"{place}/apply").status_code == 303
    apply_first_part(world.acme, UUID(place.rpartition("/")[2]))
    return place


@pytest.mark.parametrize(
    ("lang", "said", "row", "done"),
    [
        (
            "en",
            "Rows recorded before that: 98. Rows not recorded: 49.",
            "Not recorded: stopped",
            "Stopped: the remaining rows are not recorded.",
        ),
        (
            "ja",
            "98行を登録し、49行は登録していません。",
            "中止により未登録",
            "中止しました。残りの行は登録されません。",
        ),
    ],
    ids=["en", "ja"],
)
def test_a_file_is_stopped_while_it_is_recorded_and_its_report_names_the_rest(
    world: World, lang: str, said: str, row: str, done: str
) -> None:
    console = log_in(world, Role.ACCOUNT_MANAGER, lang=lang)
    place = applied_partly(console, world)
    assert f'action="{place}/stop"' in console.get(place).text
    stopped = console.act(f"{place}/stop", confirmed="yes")
    assert stopped.status_code == 303
    assert done in console.get(stopped.headers["location"]).text
    settle(world)
    page = console.get(place).text
    assert said in page
    assert f'action="{place}/stop"' not in page
    assert said in console.get(f"{place}/progress").text
    assert ask_one(world.acme.tenant_id, "select count(*) from purchase_order") == 98
    filtered = console.get(f"{place}?outcome=unapplied").text
    assert re.findall(r'<tr id="row-(\d+)">', filtered) == [str(number) for number in range(102, 151)]
    assert ">A-149<" in filtered
    rows = list(csv.reader(io.StringIO(console.get(f"{place}/report.csv").content.decode("utf-8-sig"))))
    assert [line[0] for line in rows if line[2] == row] == [str(number) for number in range(102, 151)]
    assert ["150", "A-149", row, "", ""] in rows


def test_a_file_is_not_stopped_before_somebody_ticks_that_they_mean_it(console: Console, world: World) -> None:
    place = applied_partly(console, world)
    answer = console.act(f"{place}/stop")
    assert answer.status_code == 422
    assert "Nothing was changed: tick that you mean it." in answer.text
    assert "Being recorded" in console.get(place).text


def test_a_stop_that_comes_after_the_end_says_so(console: Console, world: World) -> None:
    place = send(console, world, ORDERS.encode()).headers["location"]
    settle(world)
    console.act(f"{place}/apply")
    settle(world)
    answer = console.act(f"{place}/stop", confirmed="yes")
    assert answer.status_code == 409
    assert "Nothing was stopped: this file is not being recorded." in answer.text
    assert "Every row has been looked at." in answer.text
    assert ask_one(world.acme.tenant_id, "select count(*) from audit_entry where action = 'upload.stopped'") == 0


def test_only_a_file_that_was_stopped_has_rows_that_were_not_recorded(console: Console, world: World) -> None:
    place = send(console, world, ORDERS.encode()).headers["location"]
    settle(world)
    assert "Not recorded: stopped" not in console.get(place).text
    console.act(f"{place}/apply")
    console.act(f"{place}/stop", confirmed="yes")
    page = console.get(place).text
    assert "<dt>Not recorded: stopped</dt><dd>1</dd>" in page
    assert "Only a part of it was recorded, since the file was stopped." in page
    assert "Recording stopped</dt><dd>" in page
    assert "Stopped the recording of an uploaded file" in console.get("/console/audit").text


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.CLIENT_REVIEWER])
def test_g11_only_who_answers_for_a_client_uploads(world: World, role: Role) -> None:
    assert send(log_in(world, role), world, ORDERS.encode()).status_code == 403


def test_a_file_name_is_shown_as_text_and_goes_with_the_rows(console: Console, world: World) -> None:
    place = send(console, world, ORDERS.encode(), name="C:\\x\\<b>注文.csv").headers["location"]
    page = console.get(place).text
    assert "&lt;b&gt;注文.csv" in page
    assert "C:" not in page
    settle(world)
    console.act(f"{place}/drop")
    assert "&lt;b&gt;注文" not in console.get(place).text


LIMIT = "update tenant set order_feed_max_age_s = 3600"


def test_a_silent_feed_is_said_wherever_somebody_waits_for_it(console: Console, world: World) -> None:
    client = f"/console/tenants/{world.acme.tenant_id}"
    site = f"{client}/sites/{world.acme.site_id}"
    for page in (client, site):
        assert "No order feed is expected of this client: nothing is ever held" in console.get(page).text
    change(world.acme.tenant_id, LIMIT)
    hear(world, NOW - timedelta(hours=2))
    for page in ("/console/queue", "/console/tenants", site):
        text = console.get(page).text
        assert "acme – acme online: messages and calls are held." in text, page
        assert f'class="notice notice--bad" role="status" id="feed-{world.acme.site_id}"' in text
        assert f'id="feed-{world.stranger.site_id}"' not in text
    assert "Orders were last heard of" in console.get("/console/queue/rows").text
    assert "Silent: sends are held" in console.get(client).text
    assert "Messages and calls of this site are held until its orders are heard of again." in console.get(site).text
    assert console.act(f"{site}/feed").status_code == 303
    assert f'id="feed-{world.acme.site_id}"' not in console.get("/console/queue").text
    assert "Fresh enough" in console.get(site).text
    audit = "select count(*) from audit_entry where action = 'feed.confirmed' and user_id is not null"
    assert ask_one(world.acme.tenant_id, audit) == 1


def test_a_new_site_waits_for_its_first_order_and_nobody_is_alarmed(console: Console, world: World) -> None:
    client = f"/console/tenants/{world.acme.tenant_id}"
    site = f"{client}/sites/{world.acme.site_id}"
    change(world.acme.tenant_id, LIMIT)
    for page in ("/console/queue", "/console/tenants", site):
        text = console.get(page).text
        assert f'class="notice" role="status" id="feed-{world.acme.site_id}"' in text, page
        assert "acme – acme online: no order has been received yet." in text
        assert f'notice--bad" role="status" id="feed-{world.acme.site_id}"' not in text
    card = console.get(site).text
    assert "Messages and calls of this site wait for the first one" in card
    assert "/v1/orders" in card
    assert f"/console/uploads/new?site={world.acme.site_id}" in card
    assert "notice--bad" not in card
    assert "Waits for the first order" in console.get(client).text
    hear(world, NOW - timedelta(hours=2))
    assert f'class="notice notice--bad" role="status" id="feed-{world.acme.site_id}"' in console.get(site).text


def hear(world: World, at: datetime) -> None:
    with tenant_transaction(world.acme.tenant_id) as session:
        hear_order_feed(session, tenant_id=world.acme.tenant_id, site_id=world.acme.site_id, at=at)


def test_a_site_of_which_no_orders_are_expected_says_that_nothing_is_held(console: Console, world: World) -> None:
    change(world.acme.tenant_id, LIMIT)
    site = f"/console/tenants/{world.acme.tenant_id}/sites/{world.acme.site_id}"
    assert console.act(site, has_order_feed="no").status_code == 303
    assert ask_one(world.acme.tenant_id, "select has_order_feed from site") is False
    assert "No order feed is expected of this site: nothing is ever held" in console.get(site).text
    for page in (f"{site}/settings", f"/console/tenants/{world.acme.tenant_id}"):
        assert "Not expected: nothing is held" in console.get(page).text
    assert f'id="feed-{world.acme.site_id}"' not in console.get("/console/queue").text


def test_the_dry_run_says_whose_export_it_is_and_what_it_did_not_use(console: Console, world: World) -> None:
    head = "注文ID,注文番号,合計,支払合計,受注日,メールアドレス"
    content = f"{head}\r\n12,20261118-12,5000,4980,2026-11-18 10:30:00,a@example.jp\r\n"
    place = send(console, world, content.encode("cp932")).headers["location"]
    page = console.get(place).text
    assert "Export of</dt><dd>EC-CUBE 4</dd>" in page
    assert "Not used</dt><dd>注文ID, 合計</dd>" in page
    assert "Order number ← 注文番号" in page
    assert "Amount ← 支払合計" in page
    settle(world)
    checked = console.get(place).text
    assert "Read as an export of EC-CUBE 4." in checked
    assert "These columns were not used: 注文ID, 合計." in checked


def test_two_columns_that_mean_the_same_are_named(console: Console, world: World) -> None:
    content = "注文番号,合計,請求金額,注文日時\nA-1,5000,4980,2026/11/18 10:30\n"
    refused = send(console, world, content.encode())
    assert refused.status_code == 422
    assert "Two columns mean the same: 合計 / 請求金額 – Amount (value)." in refused.text
