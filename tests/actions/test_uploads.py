"""Uploaded files on real PostgreSQL: checked without a trace, approved by a person, applied once, killed, forgotten."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import text

from modori.background.relay import relay_once
from modori.billing import actions as billing
from modori.billing.errors import OwnWord
from modori.connectors.csv import actions, scans
from modori.connectors.csv.errors import UploadNotReady
from modori.connectors.csv.model import Upload, UploadKind, UploadState
from modori.connectors.csv.parts import open_part
from modori.connectors.csv.queries import get_upload
from modori.connectors.csv.report.queries import iter_rows
from modori.connectors.csv.tables import Table, read_table
from modori.connectors.csv.tallies import tally_of
from modori.entrypoints import wiring
from modori.kernel import clock
from modori.kernel.errors import NotFound
from modori.kernel.ids import ResultId, UserId
from modori.leads.model import LeadState
from modori.people import actions as people
from modori.people.model import Channel, ContactKind
from modori.people.values import value_index
from modori.storage.db import read_transaction, tenant_transaction
from modori.storage.roles import DatabaseUrls
from modori.tenants.model import Role
from tests.drain import drain
from tests.leadworld import make_lead
from tests.orderworld import clicked_lead, lead_of, make_contract, place, settle
from tests.questions import ask_one, change
from tests.wholeapp import changed, standing
from tests.world import KEY_SETTINGS, NOW, TenantWorld, World

LATER = NOW + timedelta(hours=2)
EFFECTS = {"purchase_order", "reversal", "consent", "contact_point", "person", "lead", "episode", "result", "tenant"}
"""Tables that a dry run must not touch."""


@pytest.fixture(autouse=True)
def _it_is_later() -> Iterator[None]:
    with clock.moved_to(LATER):
        yield


def upload(world: World, kind: UploadKind, content: str, *, tenant: TenantWorld | None = None) -> UUID:
    """Upload a file as acme's account manager, and let it be checked."""
    whose = tenant or world.acme
    raw = content.encode()
    table = read_table(raw, kind=kind.value)
    assert isinstance(table, Table), table
    with tenant_transaction(whose.tenant_id) as session:
        made = actions.keep_upload(
            session,
            tenant_id=whose.tenant_id,
            site_id=whose.site_id,
            kind=kind,
            file=actions.File("file.csv", raw, table),
            user_id=manager(world),
            now=LATER,
        )
        upload_id = made.upload_id
    run(whose)
    return upload_id


def run(tenant: TenantWorld) -> list[str]:
    return drain([tenant.tenant_id], subscribers=wiring.subscribers(), jobs=wiring.jobs())


def manager(world: World) -> UserId:
    return world.users[Role.ACCOUNT_MANAGER].user_id


def approve(world: World, upload_id: UUID, *, tenant: TenantWorld | None = None) -> None:
    whose = tenant or world.acme
    with tenant_transaction(whose.tenant_id) as session:
        actions.approve_upload(
            session, tenant_id=whose.tenant_id, upload_id=upload_id, user_id=manager(world), now=LATER
        )
    run(whose)


def state_of(tenant: TenantWorld, upload_id: UUID) -> Upload:
    with tenant_transaction(tenant.tenant_id) as session:
        return get_upload(session, tenant_id=tenant.tenant_id, upload_id=upload_id)


Line = tuple[int, str, str | None, str | None]


def report(tenant: TenantWorld, upload_id: UUID) -> list[Line]:
    with tenant_transaction(tenant.tenant_id) as session:
        rows = session.connection().execute(
            text("select row_number, outcome, reason, field from upload_row where upload_id = :id order by 1"),
            {"id": upload_id},
        )
        return [(row[0], row[1], row[2], row[3]) for row in rows]


def names(tenant: TenantWorld, upload_id: UUID) -> list[str]:
    """What the report calls the rows."""
    with read_transaction([tenant.tenant_id]) as session:
        return [row.name for row in iter_rows(session, tenant_id=tenant.tenant_id, upload_id=upload_id)]


def outcomes(tenant: TenantWorld, upload_id: UUID) -> list[str]:
    return [line[1] for line in report(tenant, upload_id)]


def orders(*rows: str) -> str:
    return "\n".join(["注文番号,金額,注文日時,メールアドレス,電話番号,通貨", *rows, ""])


AT = "2026/11/18 12:30"
"""In Tokyo: half an hour before LATER."""


def test_the_dry_run_stores_nothing_but_itself(world: World, database_urls: DatabaseUrls) -> None:
    lead = make_lead(world.acme)
    before = standing(database_urls, tenant_id=world.acme.tenant_id)
    upload_id = upload(world, UploadKind.ORDERS, orders(f"A-1,4980,{AT},{lead.value},,"))
    after = standing(database_urls, tenant_id=world.acme.tenant_id)
    assert changed(before, after) == {"upload", "upload_part", "upload_row", "promise", "work", "audit_entry"}
    assert state_of(world.acme, upload_id).state is UploadState.CHECKED
    assert outcomes(world.acme, upload_id) == ["new"]
    assert lead_of(lead).state == LeadState.ACTIVE


def test_g11_an_approved_upload_stops_and_bills(world: World) -> None:
    make_contract(world.acme)
    lead = clicked_lead(world.acme)
    approve(world, upload(world, UploadKind.ORDERS, orders(f'A-1,"￥4,980",{AT},{lead.value},,')))
    assert lead_of(lead).state == LeadState.CONVERTED
    order = "select source || ' ' || value_minor || ' ' || attribution from purchase_order where proven_at is not null"
    assert ask_one(world.acme.tenant_id, order) == "csv 4980 result"
    assert ask_one(world.acme.tenant_id, "select count(*) from result") == 1
    approved = "select count(*) from audit_entry where action = 'upload.approved' and user_id = :id"
    assert ask_one(world.acme.tenant_id, approved, id=manager(world)) == 1
    made = "select count(*) from upload_row r join purchase_order o on o.order_id = r.subject_id"
    assert ask_one(world.acme.tenant_id, made) == 1


def test_g11_who_brought_the_file_does_not_approve_what_rests_on_it(world: World) -> None:
    make_contract(world.acme)
    lead = clicked_lead(world.acme)
    approve(world, upload(world, UploadKind.ORDERS, orders(f"A-1,4980,{AT},{lead.value},,")))
    result_id = ResultId(UUID(str(ask_one(world.acme.tenant_id, "select result_id from result"))))
    released = NOW + timedelta(days=30)
    with tenant_transaction(world.acme.tenant_id) as session:
        billing.release_result(session, tenant_id=world.acme.tenant_id, result_id=result_id, now=released)

    def approve_result(user_id: UserId | None) -> object:
        with tenant_transaction(world.acme.tenant_id) as session:
            return billing.approve_result(
                session, tenant_id=world.acme.tenant_id, result_id=result_id, user_id=user_id, now=released
            )

    with pytest.raises(OwnWord):
        approve_result(manager(world))
    assert ask_one(world.acme.tenant_id, "select count(*) from ledger_entry") == 0
    assert approve_result(world.users[Role.CLIENT_REVIEWER].user_id) is not None
    proof = "select proof -> 'chain' -> 'order' -> 'vouched_by' ->> 0 from ledger_entry"
    assert ask_one(world.acme.tenant_id, proof) == str(manager(world))


def test_g11_what_nobody_approved_neither_stops_nor_bills(world: World) -> None:
    make_contract(world.acme)
    lead = clicked_lead(world.acme)
    upload(world, UploadKind.ORDERS, orders(f"A-1,4980,{AT},{lead.value},,"))
    settle([world.acme], now=LATER)
    assert lead_of(lead).state == LeadState.ACTIVE
    assert ask_one(world.acme.tenant_id, "select count(*) from purchase_order") == 0


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
        (3, "known", None, None),
        (4, "refused", "order_differs", "id"),
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


def test_g11_a_day_without_a_time_stops_and_does_not_bill(world: World) -> None:
    """Who ordered on that day is not written to; what came before the order nobody can say."""
    make_contract(world.acme)
    lead = clicked_lead(world.acme)
    content = orders(f"A-1,4980,2026/11/18,{lead.value},,")
    upload_id = upload(world, UploadKind.ORDERS, content)
    approve(world, upload_id)
    settle([world.acme], now=LATER)
    assert report(world.acme, upload_id) == [(2, "kept", "time_missing", "at")]
    assert lead_of(lead).state == LeadState.CONVERTED
    placed_at = ask_one(world.acme.tenant_id, "select placed_at from purchase_order")
    assert LATER <= placed_at < LATER + timedelta(hours=1)  # when it was recorded: the day is not over
    assert ask_one(world.acme.tenant_id, "select count(*) from result") == 0
    heard = ask_one(world.acme.tenant_id, "select heard_at from order_feed")
    assert heard == NOW - timedelta(hours=11)  # the first second of that day in Tokyo
    place(world.acme, id="A-1", value=4980, email=lead.value, at=NOW + timedelta(hours=1), now=LATER)
    assert ask_one(world.acme.tenant_id, "select attribution from purchase_order") == "result"


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


def returns(*rows: str) -> str:
    return "\n".join(["order_id,return_id,value,reason,at", *rows, ""])


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
    )
    expected: list[Line] = [
        (2, "new", None, None),
        (3, "known", None, None),
        (4, "refused", "reversal_exceeds_order", "value"),
        (5, "new", None, None),
        (6, "refused", "reversal_exceeds_order", "value"),
        (7, "new", None, None),
        (8, "refused", "other_currency_sign", "value"),
        (9, "kept", "reversal_before_order", "order"),
        (10, "refused", "bad_reason", "reason"),
        (11, "refused", "bad_amount", "value"),
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


def consents(*rows: str) -> str:
    return "\n".join(["チャネル,連絡先,同意,同意文,同意日時,画面", *rows, ""])


TEXT = "お得な情報をメールで受け取る"


def test_rules_3_consents_bring_their_evidence_or_are_refused(world: World) -> None:
    content = consents(
        f"メール,Hanako@example.jp,はい,{TEXT},2026/10/01,店頭申込書",
        f"メール,hanako@example.jp,はい,{TEXT},2026/10/01,店頭申込書",
        f"SMS,０９０－１２３４－５６７８,○,{TEXT},2026/10/01 10:00,https://shop.acme.example/join?mail=x@y.jp",
        "電話,03-1234-5678,拒否,,2026/10/01 10:00,",  # a withdrawal needs no words
        "メール,taro@example.jp,はい,,2026/10/01,店頭申込書",
        f"メール,taro@example.jp,はい,{TEXT},2026/10/01,",
        f"メール,taro@example.jp,はい,{TEXT},,店頭申込書",
        f"メール,taro@example.jp,はい,{TEXT},2027/10/01,店頭申込書",
        f"メール,090-1234-5678,はい,{TEXT},2026/10/01,店頭申込書",
        f"はがき,taro@example.jp,はい,{TEXT},2026/10/01,店頭申込書",
        f"メール,taro@example.jp,たぶん,{TEXT},2026/10/01,店頭申込書",
        f"LINE,U{'0' * 32},yes,{TEXT},2026/10/01,QR",
    )
    expected: list[Line] = [
        (2, "new", None, None),
        (3, "known", None, None),
        (4, "new", None, None),
        (5, "new", None, None),
        (6, "refused", "missing_value", "text"),
        (7, "refused", "missing_value", "screen"),
        (8, "refused", "missing_value", "given_at"),
        (9, "refused", "at_in_future", "given_at"),
        (10, "refused", "bad_email", "contact"),
        (11, "refused", "bad_channel", "channel"),
        (12, "refused", "bad_answer", "granted"),
        (13, "new", None, None),
    ]
    upload_id = upload(world, UploadKind.CONSENTS, content)
    assert report(world.acme, upload_id) == expected
    assert ask_one(world.acme.tenant_id, "select count(*) from consent") == 0
    approve(world, upload_id)
    assert report(world.acme, upload_id) == expected
    again = upload(world, UploadKind.CONSENTS, content)
    approve(world, again)
    assert [one for one in outcomes(world.acme, again) if one != "refused"] == ["known"] * 5
    assert ask_one(world.acme.tenant_id, "select count(*) from consent where source = 'csv'") == 4
    sms = "select text || ' ' || page_url from consent where channel = 'sms'"
    assert ask_one(world.acme.tenant_id, sms) == f"{TEXT} https://shop.acme.example/join"


def test_a_rows_channel_says_which_column_its_contact_is_in(world: World) -> None:
    head, tail = "channel,メールアドレス,電話番号,同意,同意文,同意日時,画面", f"はい,{TEXT},2026/10/01,店頭申込書"
    rows = [
        f"メール,hanako@example.jp,090-1234-5678,{tail}",
        f"SMS,hanako@example.jp,090-1234-5678,{tail}",
        f"電話,hanako@example.jp,,{tail}",
        f"メール,090-1234-5678,,{tail}",
        f"LINE,hanako@example.jp,,{tail}",
    ]
    upload_id = upload(world, UploadKind.CONSENTS, "\n".join([head, *rows, ""]))
    approve(world, upload_id)
    assert report(world.acme, upload_id) == [
        (2, "new", None, None),
        (3, "new", None, None),
        (4, "refused", "missing_value", "tel"),
        (5, "refused", "bad_email", "email"),
        (6, "refused", "missing_value", "contact"),
    ]
    kinds = "select string_agg(channel || ' ' || kind, ',' order by channel) from consent join contact_point"
    kinds += " using (tenant_id, contact_point_id)"
    assert ask_one(world.acme.tenant_id, kinds) == "email email,sms phone"


def test_an_uploaded_consent_lets_a_lead_be_written_to(world: World) -> None:
    lead = make_lead(world.acme, channel=Channel.EMAIL)
    rows = consents(f"email,{lead.value},no,,2026/11/18 12:30,")
    approve(world, upload(world, UploadKind.CONSENTS, rows))
    granted = "select granted from consent where channel = 'email' order by given_at desc limit 1"
    assert ask_one(world.acme.tenant_id, granted) is False


def test_g7_another_clients_upload_is_not_there(world: World) -> None:
    upload_id = upload(world, UploadKind.ORDERS, orders(f"A-1,1,{AT},,,"), tenant=world.stranger)
    with pytest.raises(NotFound), tenant_transaction(world.acme.tenant_id) as session:
        actions.approve_upload(
            session, tenant_id=world.acme.tenant_id, upload_id=upload_id, user_id=manager(world), now=LATER
        )
    table = read_table(orders(f"A-1,1,{AT},,,").encode(), kind="orders")
    assert isinstance(table, Table)
    with pytest.raises(NotFound), tenant_transaction(world.acme.tenant_id) as session:
        actions.keep_upload(
            session,
            tenant_id=world.acme.tenant_id,
            site_id=world.stranger.site_id,
            kind=UploadKind.ORDERS,
            file=actions.File("x.csv", b"", table),
            user_id=manager(world),
            now=LATER,
        )


def test_g13_the_file_is_sealed_and_goes_when_it_is_applied(world: World) -> None:
    content = orders(f"A-1,1,{AT},secret-person@example.jp,,")
    upload_id = upload(world, UploadKind.ORDERS, content)
    held = "select string_agg(encode(rows, 'escape'), '') from upload_part where upload_id = :id"
    assert "secret-person" not in ask_one(world.acme.tenant_id, held, id=upload_id)
    approve(world, upload_id)
    assert ask_one(world.acme.tenant_id, "select count(*) from upload_part") == 0
    applied = state_of(world.acme, upload_id)
    assert (applied.state, applied.file_name) == (UploadState.APPLIED, "")
    assert applied.rows_removed_at is not None


def test_g13_rows_are_found_by_their_orders_numbers_which_are_sealed_and_stay_with_the_report(world: World) -> None:
    content = orders(
        f"ORDER-1,1,{AT},,,",
        f"ORDER-1,,{AT},,,",  # a further item of it
        f"ORDER-2,-1,{AT},,,",
        f",1,{AT},,,",
        f"ORDER-3,1,{AT},,,,extra",
    )
    upload_id = upload(world, UploadKind.ORDERS, content)
    held = "select string_agg(encode(name, 'escape'), '') from upload_row where upload_id = :id"
    assert "ORDER-" not in ask_one(world.acme.tenant_id, held, id=upload_id)
    expected = ["ORDER-1", "ORDER-1", "ORDER-2", "", ""]
    assert names(world.acme, upload_id) == expected
    approve(world, upload_id)
    assert outcomes(world.acme, upload_id) == ["new", "known", "refused", "refused", "refused"]
    assert names(world.acme, upload_id) == expected
    assert names(world.stranger, upload_id) == []
    returned = upload(world, UploadKind.RETURNS, returns("ORDER-1,R-1,1,返品,2026/11/18", "X-1,R-2,1,気分,2026/11/18"))
    approve(world, returned)
    assert names(world.acme, returned) == ["ORDER-1", "X-1"]


def test_g13_a_consents_contact_is_masked_and_a_mask_that_no_erasure_would_reach_goes(world: World) -> None:
    rows = consents(
        f"メール,hanako@example.jp,はい,{TEXT},2026/10/01,店頭申込書",
        f"はがき,taro@example.jp,はい,{TEXT},2026/10/01,店頭申込書",
    )
    dropped, upload_id = upload(world, UploadKind.CONSENTS, rows), upload(world, UploadKind.CONSENTS, rows + "\n")
    for one in (dropped, upload_id):
        assert names(world.acme, one) == ["h•••@e•••.jp", "t•••@e•••.jp"]
    with tenant_transaction(world.acme.tenant_id) as session:
        actions.drop_upload(
            session, tenant_id=world.acme.tenant_id, upload_id=dropped, user_id=manager(world), now=LATER
        )
    assert names(world.acme, dropped) == ["", ""]
    approve(world, upload_id)
    assert names(world.acme, upload_id) == ["h•••@e•••.jp", ""]  # the first by what is on record
    assert ask_one(world.acme.tenant_id, "select count(*) from upload_row where name is not null") == 0
    erase(world, ContactKind.EMAIL, "hanako@example.jp")
    assert names(world.acme, upload_id) == ["•••", ""]


def test_a_dropped_file_goes_at_once_and_can_have_no_effect(world: World) -> None:
    upload_id = upload(world, UploadKind.ORDERS, orders(f"A-1,1,{AT},,,"))
    with tenant_transaction(world.acme.tenant_id) as session:
        actions.drop_upload(
            session, tenant_id=world.acme.tenant_id, upload_id=upload_id, user_id=manager(world), now=LATER
        )
    assert ask_one(world.acme.tenant_id, "select count(*) from upload_part") == 0
    with pytest.raises(UploadNotReady):
        approve(world, upload_id)
    assert ask_one(world.acme.tenant_id, "select count(*) from purchase_order") == 0


@pytest.mark.parametrize(("age", "stays"), [(timedelta(days=29, hours=23), True), (timedelta(days=30), False)])
def test_what_nobody_approves_is_forgotten_after_thirty_days(world: World, age: timedelta, stays: bool) -> None:
    upload_id = upload(world, UploadKind.ORDERS, orders(f"A-1,1,{AT},,,"))
    with clock.moved_to(LATER + age):
        scans.forget_old_uploads()
    parts = ask_one(world.acme.tenant_id, "select count(*) from upload_part where upload_id = :id", id=upload_id)
    assert parts == stays
    assert state_of(world.acme, upload_id).state is (UploadState.CHECKED if stays else UploadState.DROPPED)
    assert report(world.acme, upload_id) == [(2, "new", None, None)]  # the report stays


def test_an_upload_is_word_of_the_feed_up_to_its_newest_order(world: World) -> None:
    change(world.acme.tenant_id, "update order_feed set heard_at = '2026-01-01T00:00Z'")
    rows = orders("A-1,1,2026/11/18 11:30,,,", "A-2,1,2026/11/18 12:30,,,", "A-3,1,2026/11/17 12:30,,,")
    approve(world, upload(world, UploadKind.ORDERS, rows))
    heard = ask_one(world.acme.tenant_id, "select heard_at from order_feed")
    assert heard == NOW + timedelta(hours=1, minutes=30)
    change(world.acme.tenant_id, "update order_feed set heard_at = '2026-01-01T00:00Z'")
    approve(world, upload(world, UploadKind.ORDERS, rows + "\n"))  # other bytes, the same orders: word all the same
    assert ask_one(world.acme.tenant_id, "select heard_at from order_feed") == heard


ROWS = 240
CHILD = """
import base64, os, sys
from modori.connectors.csv.jobs import apply_upload_now
from modori.storage import crypto, db
master, index = (base64.b64decode(os.environ[name]) for name in ("MODORI_MASTER_KEY", "MODORI_INDEX_KEY"))
crypto.configure(crypto.RootKeys(master=master, index=index))
db.connect(app_url=os.environ["APP_URL"], scan_url=os.environ["SCAN_URL"])
apply_upload_now(sys.argv[1], sys.argv[2])
"""
APPLY = "connectors.csv.apply_upload_now"


def works_of(tenant: TenantWorld) -> list[str]:
    """Relay the promises of uploads alone; return the work that waits to be done."""
    told: list[tuple[str, str, str]] = []
    relay_once({"upload.approved": [APPLY]}, tell=lambda *ref: told.append(ref))
    return [work_id for _, tenant_id, work_id in told if tenant_id == str(tenant.tenant_id)]


def test_g6_killed_in_the_middle_it_goes_on_and_counts_nothing_twice(world: World, database_urls: DatabaseUrls) -> None:
    tenant, applied = world.acme, "select count(*) from upload_row where applied_at is not null"
    content = orders(*(f"A-{number},{number},2026/11/17 10:00,p{number}@example.jp,," for number in range(1, ROWS + 1)))
    upload_id = upload(world, UploadKind.ORDERS, content)
    with tenant_transaction(tenant.tenant_id) as session:
        actions.approve_upload(
            session, tenant_id=tenant.tenant_id, upload_id=upload_id, user_id=manager(world), now=LATER
        )
    [work_id] = works_of(tenant)
    env = dict(os.environ) | KEY_SETTINGS | {"APP_URL": database_urls.app, "SCAN_URL": database_urls.scan}
    child = subprocess.Popen([sys.executable, "-c", CHILD, str(tenant.tenant_id), work_id], env=env)
    until = time.monotonic() + 60
    while ask_one(tenant.tenant_id, applied) < 10 and time.monotonic() < until:
        time.sleep(0.02)
    child.send_signal(signal.SIGKILL)
    child.wait(10)
    both = f"select array[({applied}), (select count(*) from purchase_order)]"
    lines, kept = ask_one(tenant.tenant_id, both)
    assert 10 <= lines == kept < ROWS  # a row's effect and its line of the report are one commit
    its_lease_ends = "update work set claimed_at = null where work_id = :id"
    change(tenant.tenant_id, its_lease_ends, id=UUID(work_id))
    works = [work_id]
    while works and time.monotonic() < until + 240:
        for one in works:
            wiring.jobs()[APPLY](str(tenant.tenant_id), one)
        works = works_of(tenant)
    assert state_of(tenant, upload_id).state is UploadState.APPLIED
    assert outcomes(tenant, upload_id) == ["new"] * ROWS
    total = ask_one(tenant.tenant_id, "select count(*) || ' ' || sum(value_minor) from purchase_order")
    assert total == f"{ROWS} {ROWS * (ROWS + 1) // 2}"


def erase(world: World, kind: ContactKind, value: str) -> None:
    with tenant_transaction(world.acme.tenant_id) as session:
        people.erase_contact(
            session,
            tenant_id=world.acme.tenant_id,
            kind=kind,
            value_index=value_index(world.acme.tenant_id, kind, value),
            requested_by="server",
            now=LATER,
        )
    run(world.acme)


def cells(world: World, upload_id: UUID) -> str:
    with tenant_transaction(world.acme.tenant_id) as session:
        parts = [
            open_part(session, tenant_id=world.acme.tenant_id, upload_id=upload_id, part_number=number)
            for number in range(2)
        ]
    return str(parts)


def test_rules_18_an_erasure_reaches_the_rows_that_wait_for_approval(world: World) -> None:
    others = [f"B-{number},1,{AT},person{number}@example.jp,," for number in range(99)]
    rows = [f"A-1,4980,{AT},Hanako@Example.jp,090-1111-2222,", *others, f"A-2,20,{AT},,０９０-1234-5678,"]
    upload_id = upload(world, UploadKind.ORDERS, orders(*rows))  # two parts
    before = cells(world, upload_id)
    erase(world, ContactKind.EMAIL, "hanako@example.jp")  # whom nobody had met
    erase(world, ContactKind.PHONE, "+819012345678")
    after = cells(world, upload_id)
    for personal in ("Hanako", "1111-2222", "1234-5678"):
        assert personal in before
        assert personal not in after
    assert after.count("@example.jp") == 99
    approve(world, upload_id)
    assert ask_one(world.acme.tenant_id, "select count(*) from purchase_order where proven_at is not null") == 101
    known = (
        "select count(*) from purchase_order where external_id like 'A-%'"
        " and coalesce(email_index, phone_index) is not null"
    )
    assert ask_one(world.acme.tenant_id, known) == 0


def test_rules_18_a_consent_of_somebody_erased_is_refused(world: World) -> None:
    content = (
        "チャネル,連絡先,同意,同意文,同意日時,画面\n"
        "メール,hanako@example.jp,はい,受け取る,2026/11/01 12:00,会員登録\n"
        "メール,taro@example.jp,はい,受け取る,2026/11/01 12:00,会員登録\n"
    )
    upload_id = upload(world, UploadKind.CONSENTS, content)
    erase(world, ContactKind.EMAIL, "hanako@example.jp")
    assert report(world.acme, upload_id) == [(2, "refused", "erased", None), (3, "new", None, None)]
    assert names(world.acme, upload_id) == ["", "t•••@e•••.jp"]
    approve(world, upload_id)
    assert outcomes(world.acme, upload_id) == ["refused", "new"]
    assert ask_one(world.acme.tenant_id, "select count(*) from consent where granted and source = 'csv'") == 1
