"""Approving a file on real PostgreSQL: only then do its orders stop and bill, and it is word of the feed (G11, G7)."""

from datetime import timedelta
from uuid import UUID

import pytest

from modori.billing import actions as billing
from modori.billing.errors import OwnWord
from modori.connectors.csv import actions
from modori.connectors.csv.model import UploadKind
from modori.connectors.csv.tables import Table, read_table
from modori.kernel.errors import NotFound
from modori.kernel.ids import ResultId, UserId
from modori.leads.model import LeadState
from modori.storage.db import tenant_transaction
from modori.tenants.model import Role
from tests.orderworld import clicked_lead, lead_of, make_contract, place, settle
from tests.questions import ask_one, change
from tests.uploadworld import AT, LATER, approve, manager, orders, report, upload
from tests.world import NOW, World


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


def test_an_upload_is_word_of_the_feed_up_to_its_newest_order(world: World) -> None:
    change(world.acme.tenant_id, "update order_feed set heard_at = '2026-01-01T00:00Z'")
    rows = orders("A-1,1,2026/11/18 11:30,,,", "A-2,1,2026/11/18 12:30,,,", "A-3,1,2026/11/17 12:30,,,")
    approve(world, upload(world, UploadKind.ORDERS, rows))
    heard = ask_one(world.acme.tenant_id, "select heard_at from order_feed")
    assert heard == NOW + timedelta(hours=1, minutes=30)
    change(world.acme.tenant_id, "update order_feed set heard_at = '2026-01-01T00:00Z'")
    approve(world, upload(world, UploadKind.ORDERS, rows + "\n"))  # other bytes, the same orders: word all the same
    assert ask_one(world.acme.tenant_id, "select heard_at from order_feed") == heard
