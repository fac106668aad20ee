"""What a file says is sealed, and goes: when it was applied, dropped, forgotten or erased (G13, RULES 18)."""

from datetime import timedelta
from uuid import UUID

import pytest

from modori.connectors.csv import actions, scans
from modori.connectors.csv.errors import UploadNotReady
from modori.connectors.csv.model import UploadKind, UploadState
from modori.connectors.csv.parts import open_part
from modori.kernel import clock
from modori.people.model import ContactKind
from modori.storage.db import tenant_transaction
from tests.questions import ask_one
from tests.uploadworld import (
    AT,
    LATER,
    TEXT,
    approve,
    consents,
    erase,
    manager,
    names,
    orders,
    outcomes,
    report,
    returns,
    state_of,
    upload,
)
from tests.world import World


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
    content = consents(
        f"メール,hanako@example.jp,はい,{TEXT},2026/11/01 12:00,会員登録",
        f"メール,taro@example.jp,はい,{TEXT},2026/11/01 12:00,会員登録",
    )
    upload_id = upload(world, UploadKind.CONSENTS, content)
    erase(world, ContactKind.EMAIL, "hanako@example.jp")
    assert report(world.acme, upload_id) == [(2, "refused", "erased", None), (3, "new", None, None)]
    assert names(world.acme, upload_id) == ["", "t•••@e•••.jp"]
    approve(world, upload_id)
    assert outcomes(world.acme, upload_id) == ["refused", "new"]
    assert ask_one(world.acme.tenant_id, "select count(*) from consent where granted and source = 'csv'") == 1
