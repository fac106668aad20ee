"""A file that somebody stops while it is being recorded: no row follows, what is on record stays (decision 0057)."""

import time
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import psycopg
import pytest

from modori.connectors.csv import actions
from modori.connectors.csv.applying import apply_row, refuse_row
from modori.connectors.csv.context import context_of
from modori.connectors.csv.errors import UploadNotReady
from modori.connectors.csv.model import UploadKind, UploadState
from modori.connectors.csv.parts import open_part
from modori.connectors.csv.queries import get_upload
from modori.connectors.csv.tables import CellFault, Wrong
from modori.kernel.errors import NotFound
from modori.outcomes.actions import hear_feed
from modori.storage.db import tenant_transaction
from modori.storage.roles import DatabaseUrls
from tests.questions import ask_one, change
from tests.uploadworld import (
    AT,
    LATER,
    TEXT,
    approve,
    approve_only,
    consents,
    manager,
    names,
    orders,
    outcomes,
    report,
    state_of,
    stop,
    upload,
    work_off,
)
from tests.world import NOW, World

ROWS = 130
STOPPED_IN = 30
"""The row, of the first part of a hundred, in whose transaction the worker is when somebody stops the file."""
APPLIED = "select count(*) from upload_row where applied_at is not null"
ORDERS = "select count(*) from purchase_order"


def test_g6_no_row_follows_a_stop_and_the_one_under_way_comes_before_it(
    world: World, database_urls: DatabaseUrls
) -> None:
    tenant = world.acme
    days = ["2026/11/17" if number == STOPPED_IN else "2026/11/17 10:00" for number in range(1, ROWS + 1)]
    upload_id = upload(world, UploadKind.ORDERS, orders(*(f"A-{n},1,{day},,," for n, day in enumerate(days, 1))))
    works = approve_only(world, upload_id)
    with tenant_transaction(tenant.tenant_id) as session:
        hear_feed(session, tenant_id=tenant.tenant_id, site_id=tenant.site_id, until=NOW, now=LATER)

    def stop_and_count() -> int:
        stop(world, upload_id)
        return int(ask_one(tenant.tenant_id, ORDERS))

    with psycopg.connect(database_urls.owner) as holder, ThreadPoolExecutor(2) as threads:
        holder.execute("select from order_feed where tenant_id = %s for update", (tenant.tenant_id,))
        worker = threads.submit(work_off, tenant, works)
        its_backend = wait_for_one_behind(holder.info.backend_pid, database_urls, worker)
        stopping = threads.submit(stop_and_count)
        wait_for_one_behind(its_backend, database_urls, stopping)
        assert state_of(tenant, upload_id).state is UploadState.APPLYING
        holder.rollback()
        at_the_stop = stopping.result(timeout=60)
        worker.result(timeout=60)
    assert at_the_stop == STOPPED_IN
    assert ask_one(tenant.tenant_id, ORDERS) == STOPPED_IN
    assert ask_one(tenant.tenant_id, APPLIED) == STOPPED_IN
    assert state_of(tenant, upload_id).state is UploadState.STOPPED
    recorded = ["new"] * (STOPPED_IN - 1) + ["kept"]
    assert outcomes(tenant, upload_id) == recorded + ["unapplied"] * (ROWS - STOPPED_IN)


def wait_for_one_behind(backend: int, urls: DatabaseUrls, running: Future[Any]) -> int:
    """Wait until a backend waits for that one, and return its process id."""
    waits = "select pid from pg_stat_activity where %s = any(pg_blocking_pids(pid))"
    until = time.monotonic() + 60
    with psycopg.connect(urls.owner, autocommit=True) as watcher:
        while (found := watcher.execute(waits, (backend,)).fetchone()) is None:
            assert not running.done(), "it has come to its end"
            assert time.monotonic() < until
            time.sleep(0.02)
    return int(found[0])


def test_a_stopped_files_rows_go_and_its_report_names_those_that_were_not_recorded(world: World) -> None:
    tenant = world.acme
    content = orders(f"A-1,1,{AT},,,", f"A-2,-1,{AT},,,", f"A-2,2,{AT},,,", f"A-3,3,{AT},,,", f"A-3,,{AT},,,")
    upload_id = upload(world, UploadKind.ORDERS, content)
    approve_only(world, upload_id)
    stopped = stop(world, upload_id)
    assert (stopped.state, stopped.stopped_at, stopped.stopped_by) == (UploadState.STOPPED, LATER, manager(world))
    assert (stopped.file_name, stopped.rows_removed_at) == ("", LATER)
    assert ask_one(tenant.tenant_id, "select count(*) from upload_part") == 0
    unapplied = ("unapplied", None, None)
    refused = ("refused", "bad_amount", "value")  # by the check: it would not have been recorded anyway
    assert report(tenant, upload_id) == [(2, *unapplied), (3, *refused), *((row, *unapplied) for row in (4, 5, 6))]
    assert names(tenant, upload_id) == ["A-1", "A-2", "A-2", "A-3", "A-3"]
    audit = "select (detail ->> 'unapplied')::int from audit_entry where action = 'upload.stopped' and user_id = :id"
    assert ask_one(tenant.tenant_id, audit, id=manager(world)) == 4


def test_g13_a_stopped_files_consents_lose_their_masks(world: World) -> None:
    row = f"メール,hanako@example.jp,はい,{TEXT},2026/10/01,店頭申込書"
    upload_id = upload(world, UploadKind.CONSENTS, consents(row))
    approve_only(world, upload_id)
    stop(world, upload_id)
    assert names(world.acme, upload_id) == [""]
    assert ask_one(world.acme.tenant_id, "select count(*) from upload_row where name is not null") == 0


def test_a_stop_said_twice_is_one(world: World) -> None:
    upload_id = upload(world, UploadKind.ORDERS, orders(f"A-1,1,{AT},,,"))
    works = approve_only(world, upload_id)
    first = stop(world, upload_id)
    assert stop(world, upload_id).stopped_at == first.stopped_at
    audit = "select count(*) from audit_entry where action = 'upload.stopped'"
    assert ask_one(world.acme.tenant_id, audit) == 1
    with pytest.raises(UploadNotReady):
        approve(world, upload_id)
    work_off(world.acme, works)
    assert ask_one(world.acme.tenant_id, ORDERS) == 0


@pytest.mark.parametrize("state", [UploadState.CHECKING, UploadState.CHECKED, UploadState.APPLIED, UploadState.DROPPED])
def test_only_a_file_that_is_being_recorded_can_be_stopped(world: World, state: UploadState) -> None:
    upload_id = upload(world, UploadKind.ORDERS, orders(f"A-1,1,{AT},,,"))
    change(world.acme.tenant_id, "update upload set state = :state where upload_id = :id", state=state, id=upload_id)
    with pytest.raises(UploadNotReady):
        stop(world, upload_id)
    assert state_of(world.acme, upload_id).state is state
    assert outcomes(world.acme, upload_id) == ["new"]


def test_a_stop_that_comes_after_the_last_row_changes_nothing(world: World) -> None:
    """Every row is on record, and the worker has not said so yet: nobody is to read that a part of them is missing."""
    tenant = world.acme
    upload_id = upload(world, UploadKind.ORDERS, orders(f"A-1,1,{AT},,,", f"A-2,-1,{AT},,,"))
    works = approve_only(world, upload_id)
    with tenant_transaction(tenant.tenant_id) as session:
        held = get_upload(session, tenant_id=tenant.tenant_id, upload_id=upload_id)
        context = context_of(session, held, now=LATER)
        [(number, cells), _] = open_part(session, tenant_id=tenant.tenant_id, upload_id=upload_id, part_number=0) or []
        apply_row(session, upload_id=upload_id, row_number=number, cells=cells, context=context)
    with pytest.raises(UploadNotReady):
        stop(world, upload_id)
    assert state_of(tenant, upload_id).state is UploadState.APPLYING
    assert ask_one(tenant.tenant_id, "select count(*) from audit_entry where action = 'upload.stopped'") == 0
    work_off(tenant, works)
    assert state_of(tenant, upload_id).state is UploadState.APPLIED
    assert outcomes(tenant, upload_id) == ["new", "refused"]


def test_a_row_that_was_found_wrong_after_the_stop_is_not_written_down(world: World) -> None:
    tenant = world.acme
    upload_id = upload(world, UploadKind.ORDERS, orders(f"A-1,1,{AT},,,"))
    approve_only(world, upload_id)
    stop(world, upload_id)
    with tenant_transaction(tenant.tenant_id) as session:
        held = get_upload(session, tenant_id=tenant.tenant_id, upload_id=upload_id)
        context = context_of(session, held, now=LATER)
        state = apply_row(session, upload_id=upload_id, row_number=2, cells={}, context=context)
    assert state is UploadState.STOPPED
    with tenant_transaction(tenant.tenant_id) as session:
        wrong = Wrong(CellFault.BAD_AMOUNT, "value")
        state = refuse_row(
            session, tenant_id=tenant.tenant_id, upload_id=upload_id, row_number=2, wrong=wrong, now=LATER
        )
    assert state is UploadState.STOPPED
    assert outcomes(tenant, upload_id) == ["unapplied"]


def test_g7_another_clients_file_cannot_be_stopped(world: World) -> None:
    upload_id = upload(world, UploadKind.ORDERS, orders(f"A-1,1,{AT},,,"), tenant=world.stranger)
    of_stranger = "update upload set state = 'applying' where upload_id = :id"
    change(world.stranger.tenant_id, of_stranger, id=upload_id)
    with pytest.raises(NotFound), tenant_transaction(world.acme.tenant_id) as session:
        actions.stop_upload(
            session, tenant_id=world.acme.tenant_id, upload_id=upload_id, user_id=manager(world), now=LATER
        )
    assert state_of(world.stranger, upload_id).state is UploadState.APPLYING
