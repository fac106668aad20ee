"""The dry run on real PostgreSQL: it leaves no trace but itself, and what it says of each row comes true."""

from datetime import UTC, datetime, timedelta

from modori.connectors.csv.model import UploadKind, UploadState
from modori.connectors.csv.tallies import tally_of
from modori.leads.model import LeadState
from modori.storage.roles import DatabaseUrls
from tests.leadworld import make_lead
from tests.orderworld import lead_of, place
from tests.questions import ask_one
from tests.uploadworld import AT, LATER, Line, approve, orders, outcomes, report, returns, state_of, upload
from tests.wholeapp import changed, standing
from tests.world import NOW, World

EFFECTS = {"purchase_order", "reversal", "consent", "contact_point", "person", "lead", "episode", "result", "tenant"}
"""Tables that a dry run must not touch."""


def test_the_dry_run_stores_nothing_but_itself(world: World, database_urls: DatabaseUrls) -> None:
    lead = make_lead(world.acme)
    before = standing(database_urls, tenant_id=world.acme.tenant_id)
    upload_id = upload(world, UploadKind.ORDERS, orders(f"A-1,4980,{AT},{lead.value},,"))
    after = standing(database_urls, tenant_id=world.acme.tenant_id)
    assert changed(before, after) == {"upload", "upload_part", "upload_row", "promise", "work", "audit_entry"}
    assert state_of(world.acme, upload_id).state is UploadState.CHECKED
    assert outcomes(world.acme, upload_id) == ["new"]
    assert lead_of(lead).state == LeadState.ACTIVE


def test_a_file_adds_up_what_approving_would_record(world: World) -> None:
    place(world.acme, id="KNOWN", value=4980, now=NOW)
    content = orders(
        f"A-1,4980,{AT},a@example.jp,,",
        f"A-1,4980,{AT},a@example.jp,,",  # the same again adds nothing
        f"KNOWN,4980,{AT},,,",
        "A-2,20,2026/11/17 9:00,,,",
        f"A-3,49.80,{AT},,,USD",
        f"A-4,300,{AT},not an address,,",
        f"A-5,-1,{AT},,,",
    )
    upload_id = upload(world, UploadKind.ORDERS, content)
    tally = tally_of(state_of(world.acme, upload_id))
    assert [(one.outcome.value, one.what, one.rows, one.minor) for one in tally.sums] == [
        ("new", "JPY", 2, 5000),
        ("new", "USD", 1, 4980),
        ("kept", "JPY", 1, 300),
    ]
    span = (tally.first_at, tally.last_at)
    assert span == (datetime(2026, 11, 17, tzinfo=UTC), datetime(2026, 11, 18, 3, 30, tzinfo=UTC))
    approve(world, upload_id)
    assert tally_of(state_of(world.acme, upload_id)) == tally
    told = "select detail -> 'sums' -> 0 ->> 'minor' from audit_entry where action = 'upload.approved'"
    assert ask_one(world.acme.tenant_id, told) == "5000"


def test_a_file_of_returns_adds_up_in_their_orders_currency(world: World) -> None:
    place(world.acme, id="A-1", value=4980, now=NOW)
    content = f"注文番号,返品番号,金額,理由,返品日時\nA-1,R-1,980,返品,{AT}\nA-1,R-2,,返品,{AT}\nX-1,R-3,5,返品,{AT}\n"
    tally = tally_of(state_of(world.acme, upload(world, UploadKind.RETURNS, content)))
    assert [(one.outcome.value, one.what, one.rows, one.minor) for one in tally.sums] == [
        ("new", "JPY", 2, 4980),
        ("kept", "", 1, 0),
    ]


def test_every_row_says_what_it_comes_to_before_and_after(world: World) -> None:
    place(world.acme, id="KNOWN", value=4980, now=NOW)
    place(world.acme, id="OTHER", value=100, now=NOW)
    content = orders(
        f"A-1,4980,{AT},a@example.jp,,",
        f"A-1,4980,{AT},a@example.jp,,",  # the same again
        f"A-1,5000,{AT},,,",  # another word about the same order
        f"KNOWN,4980,{AT},,,",
        f"OTHER,4980,{AT},,,",
        f"A-2,4980,{AT},not an address,,",
        f"A-3,4980,{AT},,0120,",
        f"A-4,-1,{AT},,,",
        "A-5,4980,2026/11/18,,,",
        "A-6,4980,2027/01/01 10:00,,,",
        "A-7,4980,2024/01/01 10:00,,,",
        f"A-8,49.80,{AT},,,USD",
        f"A-9,49.80,{AT},,,JPY",
        f"A-10,1,{AT},,,QQQ",
        f",1,{AT},,,",
        f"{'x' * 201},1,{AT},,,",
        f"A-11,4980,{AT},a@example.jp,,JPY,1",
        f"A-12,$4980,{AT},,,",
    )
    expected: list[Line] = [
        (2, "new", None, None),
        (3, "known", "repeated", "id"),
        (4, "refused", "order_twice", "id"),
        (5, "known", None, None),
        (6, "refused", "order_differs", "id"),
        (7, "kept", "bad_email", "email"),
        (8, "kept", "bad_phone", "tel"),
        (9, "refused", "bad_amount", "value"),
        (10, "kept", "time_missing", "at"),
        (11, "refused", "at_in_future", "at"),
        (12, "refused", "at_too_old", "at"),
        (13, "new", None, None),
        (14, "refused", "bad_amount", "value"),
        (15, "refused", "unknown_currency", "currency"),
        (16, "refused", "missing_value", "id"),
        (17, "refused", "too_long", "id"),
        (18, "refused", "extra_cells", None),
        (19, "refused", "other_currency_sign", "value"),
    ]
    upload_id = upload(world, UploadKind.ORDERS, content)
    assert report(world.acme, upload_id) == expected
    approve(world, upload_id)
    assert report(world.acme, upload_id) == expected  # the dry run told the truth
    assert ask_one(world.acme.tenant_id, "select count(*) from purchase_order") == 2 + 5
    assert ask_one(world.acme.tenant_id, "select count(*) from purchase_order where proven_at is null") == 3
    assert ask_one(world.acme.tenant_id, "select count(*) from upload_row where applied_at is null") == 0


def test_a_second_approval_and_the_same_file_again_change_nothing(world: World, database_urls: DatabaseUrls) -> None:
    content = orders(f"A-1,4980,{AT},a@example.jp,,", f"A-2,100,{AT},,090-1234-5678,", f"A-3,1,{AT},nonsense,,")
    first = upload(world, UploadKind.ORDERS, content)
    approve(world, first)
    assert outcomes(world.acme, first) == ["new", "new", "kept"]
    before = standing(database_urls, tenant_id=world.acme.tenant_id)
    approve(world, first)
    assert changed(before, standing(database_urls, tenant_id=world.acme.tenant_id)) == set()
    second = upload(world, UploadKind.ORDERS, content)
    approve(world, second)
    assert outcomes(world.acme, second) == ["known", "known", "kept"]
    after = standing(database_urls, tenant_id=world.acme.tenant_id)
    assert changed(before, after) & EFFECTS == set()


def test_further_lines_of_an_order_are_told_from_orders_without_an_amount(world: World) -> None:
    head = "Name,Email,Financial Status,Currency,Total,Created at,Cancelled at,Lineitem name,Id"
    placed = "2026-11-18 12:30:00 +0900"
    lines = [
        f"#1,a@example.jp,paid,JPY,4980,{placed},,cup,6001",
        "#1,a@example.jp,,,,,,saucer,",
        "#1,a@example.jp,,,,,,spoon,",
        f"#2,b@example.jp,voided,JPY,100,{placed},{placed},cup,6002",
        "#2,b@example.jp,,,,,,saucer,",
        "#3,c@example.jp,,,,,,cup,",
    ]
    expected: list[Line] = [
        (2, "new", None, None),
        (3, "known", "further_line", "value"),
        (4, "known", "further_line", "value"),
        (5, "refused", "not_an_order", "cancelled_at"),
        (6, "refused", "missing_value", "value"),
        (7, "refused", "missing_value", "value"),
    ]
    upload_id = upload(world, UploadKind.ORDERS, "\n".join([head, *lines, ""]))
    assert report(world.acme, upload_id) == expected
    approve(world, upload_id)
    assert report(world.acme, upload_id) == expected
    assert ask_one(world.acme.tenant_id, "select string_agg(external_id, ',') from purchase_order") == "#1"
    assert state_of(world.acme, upload_id).layout == "Shopify"
    assert state_of(world.acme, upload_id).passed_over == "Id"


def test_a_line_far_below_its_order_is_known_by_it(world: World) -> None:
    """A file is looked at in parts of a hundred rows."""
    rows = [f"A-1,1,{AT},,,", *(f"B-{number},1,{AT},,," for number in range(110)), "A-1,,,,,"]
    upload_id = upload(world, UploadKind.ORDERS, orders(*rows))
    assert report(world.acme, upload_id)[-1] == (113, "known", "further_line", "value")


def test_a_time_of_day_may_have_a_column_of_its_own(world: World) -> None:
    head = "日付,注文時間,注文番号,処理状況,合計金額"
    rows = ["2026/11/18,123000,P1,未処理,1", "2026/11/18,昼,P2,未処理,1", "2026/11/18,,P3,注文キャンセル,1", ""]
    upload_id = upload(world, UploadKind.ORDERS, "\n".join([head, *rows]))
    approve(world, upload_id)
    assert report(world.acme, upload_id) == [
        (2, "new", None, None),
        (3, "refused", "bad_instant", "time"),
        (4, "refused", "not_an_order", "state"),
    ]
    assert ask_one(world.acme.tenant_id, "select placed_at from purchase_order") == NOW + timedelta(hours=1, minutes=30)


def test_returns_are_taken_off_their_orders_or_wait_for_them(world: World) -> None:
    place(world.acme, id="A-1", value=4980, now=NOW)
    place(world.acme, id="A-2", value=49.8, currency="USD", now=NOW)
    content = returns(
        'A-1,R-1,"1,000",返品,2026/11/18',
        'A-1,R-1,"1,000",返品,2026/11/18',
        "A-1,R-2,9999,返品,2026/11/18",
        "A-1,R-3,,キャンセル,2026/11/18 12:00",  # all that is left
        "A-1,R-4,1,return,2026/11/18 12:00",
        "A-2,R-1,$9.80,unpaid,2026/11/18 12:00",
        "A-2,R-2,￥10,unpaid,2026/11/18 12:00",
        "NOBODYS,R-1,100,受取拒否,2026/11/18 12:00",
        "A-2,R-3,1,気分,2026/11/18 12:00",
        "A-2,R-4,0,return,2026/11/18 12:00",
        "A-2,R-5,1.000,return,2026/11/18 12:00",
    )
    expected: list[Line] = [
        (2, "new", None, None),
        (3, "known", "repeated", "id"),
        (4, "refused", "reversal_exceeds_order", "value"),
        (5, "new", None, None),
        (6, "refused", "reversal_exceeds_order", "value"),
        (7, "new", None, None),
        (8, "refused", "other_currency_sign", "value"),
        (9, "kept", "reversal_before_order", "order"),
        (10, "refused", "bad_reason", "reason"),
        (11, "refused", "bad_amount", "value"),
        (12, "refused", "bad_amount", "value"),
    ]
    upload_id = upload(world, UploadKind.RETURNS, content)
    assert report(world.acme, upload_id) == expected
    approve(world, upload_id)
    assert report(world.acme, upload_id) == expected
    left = "select string_agg(external_id || ':' || reversed_minor, ' ' order by external_id) from purchase_order"
    assert ask_one(world.acme.tenant_id, left) == "A-1:4980 A-2:980"
    again = upload(world, UploadKind.RETURNS, content)
    approve(world, again)
    assert outcomes(world.acme, again)[:6] == ["known", "known", "refused", "known", "refused", "known"]
    place(world.acme, id="NOBODYS", value=100, now=LATER)
    taken = "select reversed_minor from purchase_order where external_id = 'NOBODYS'"
    assert ask_one(world.acme.tenant_id, taken) == 100


def test_a_return_that_stands_twice_in_a_file_with_other_contents_is_no_word_of_the_record(world: World) -> None:
    place(world.acme, id="A-1", value=4980, now=NOW)
    content = returns("A-1,R-1,1000,返品,2026/11/18", "A-1,R-1,900,返品,2026/11/18")
    upload_id = upload(world, UploadKind.RETURNS, content)
    expected: list[Line] = [(2, "new", None, None), (3, "refused", "return_twice", "id")]
    assert report(world.acme, upload_id) == expected
    approve(world, upload_id)
    assert report(world.acme, upload_id) == expected
