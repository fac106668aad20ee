"""A worker is killed among a file's rows: each is recorded once, with its line of the report (G6)."""

import os
import subprocess
import sys
import time
from uuid import UUID

import psycopg

from modori.connectors.csv.model import UploadKind, UploadState
from modori.outcomes.actions import hear_feed
from modori.storage.db import tenant_transaction
from modori.storage.roles import DatabaseUrls
from tests.questions import ask_one, change
from tests.uploadworld import LATER, approve_only, orders, outcomes, state_of, stop, upload, work_off
from tests.world import KEY_SETTINGS, NOW, TenantWorld, World

ROWS = 240
BEFORE = 40
"""How many rows are on record when the worker is killed: it is in the first part, which no pace cuts short."""
CHILD = """
import base64, datetime, os, sys
from modori.connectors.csv.jobs import apply_upload_now
from modori.kernel import clock
from modori.outcomes.actions import hear_feed
from modori.storage import crypto, db
master, index = (base64.b64decode(os.environ[name]) for name in ("MODORI_MASTER_KEY", "MODORI_INDEX_KEY"))
crypto.configure(crypto.RootKeys(master=master, index=index))
db.connect(app_url=os.environ["APP_URL"], scan_url=os.environ["SCAN_URL"])
with clock.moved_to(datetime.datetime.fromisoformat(sys.argv[3])):
    apply_upload_now(sys.argv[1], sys.argv[2])
"""
TOTAL = f"{ROWS} {ROWS * (ROWS + 1) // 2}"
"""How many orders the file has, and their sum."""
RECORDED = "select count(*) || ' ' || sum(value_minor) from purchase_order"


def kill_in_the_middle(tenant: TenantWorld, work_id: str, urls: DatabaseUrls) -> None:
    """Kill a worker in the row that speaks of the order feed: its order is written, its line of the report is not."""
    env = dict(os.environ) | KEY_SETTINGS | {"APP_URL": urls.app, "SCAN_URL": urls.scan}
    words = [sys.executable, "-c", CHILD, str(tenant.tenant_id), work_id, LATER.isoformat()]
    with psycopg.connect(urls.owner) as holder, psycopg.connect(urls.owner, autocommit=True) as watcher:
        holder.execute("select from order_feed where tenant_id = %s for update", (tenant.tenant_id,))
        waits = "select pid from pg_stat_activity where %s = any(pg_blocking_pids(pid))"
        child = subprocess.Popen(words, env=env)
        until = time.monotonic() + 120
        try:
            while (waiting := watcher.execute(waits, (holder.info.backend_pid,)).fetchone()) is None:
                assert child.poll() is None, "it has come to its end"
                assert time.monotonic() < until
                time.sleep(0.02)
        finally:
            child.kill()
            child.wait()
        holder.rollback()
        while watcher.execute("select from pg_stat_activity where pid = %s", waiting).fetchone():
            assert time.monotonic() < until
            time.sleep(0.02)


def killed_in_the_middle(world: World, urls: DatabaseUrls) -> tuple[UUID, str, str]:
    """Approve a file and kill its worker after some rows. Returns the upload, its work, and the file."""
    tenant = world.acme
    days = ["2026/11/17" if number == BEFORE + 1 else "2026/11/17 10:00" for number in range(1, ROWS + 1)]
    content = orders(*(f"A-{number},{number},{day},p{number}@example.jp,," for number, day in enumerate(days, 1)))
    upload_id = upload(world, UploadKind.ORDERS, content)
    [work_id] = approve_only(world, upload_id)
    with tenant_transaction(tenant.tenant_id) as session:
        hear_feed(session, tenant_id=tenant.tenant_id, site_id=tenant.site_id, until=NOW, now=LATER)
    kill_in_the_middle(tenant, work_id, urls)
    both = "select array[(select count(*) from upload_row where applied_at is not null), count(*)] from purchase_order"
    assert ask_one(tenant.tenant_id, both) == [BEFORE, BEFORE]  # a row's effect and its line are one commit
    its_lease_ends = "update work set claimed_at = null where work_id = :id"
    change(tenant.tenant_id, its_lease_ends, id=UUID(work_id))
    return upload_id, work_id, content


def test_g6_killed_in_the_middle_it_goes_on_and_counts_nothing_twice(world: World, database_urls: DatabaseUrls) -> None:
    tenant = world.acme
    upload_id, work_id, _ = killed_in_the_middle(world, database_urls)
    work_off(tenant, [work_id])
    assert state_of(tenant, upload_id).state is UploadState.APPLIED
    assert outcomes(tenant, upload_id) == ["new"] * BEFORE + ["kept"] + ["new"] * (ROWS - BEFORE - 1)
    assert ask_one(tenant.tenant_id, RECORDED) == TOTAL


def test_g6_stopped_after_its_worker_was_killed_it_stays_so_and_the_same_file_brings_the_rest(
    world: World, database_urls: DatabaseUrls
) -> None:
    tenant = world.acme
    upload_id, work_id, content = killed_in_the_middle(world, database_urls)
    stop(world, upload_id)
    work_off(tenant, [work_id])  # the work that nobody had finished is taken up, and comes to nothing
    assert state_of(tenant, upload_id).state is UploadState.STOPPED
    assert outcomes(tenant, upload_id) == ["new"] * BEFORE + ["unapplied"] * (ROWS - BEFORE)
    assert ask_one(tenant.tenant_id, "select count(*) from purchase_order") == BEFORE
    again = upload(world, UploadKind.ORDERS, content)
    assert outcomes(tenant, again)[:BEFORE] == ["known"] * BEFORE
    work_off(tenant, approve_only(world, again))
    assert state_of(tenant, again).state is UploadState.APPLIED
    assert ask_one(tenant.tenant_id, RECORDED) == TOTAL
