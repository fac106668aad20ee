"""A file that somebody uploads: brought, checked, approved, and what its report says of it."""

from datetime import timedelta
from time import monotonic
from uuid import UUID

from sqlalchemy import text

from modori.background.relay import relay_once
from modori.connectors.csv import actions
from modori.connectors.csv.applying import apply_row, finish_applying_part
from modori.connectors.csv.context import context_of
from modori.connectors.csv.model import Upload, UploadKind
from modori.connectors.csv.parts import open_part
from modori.connectors.csv.queries import get_upload
from modori.connectors.csv.report.queries import iter_rows
from modori.connectors.csv.tables import Table, read_table
from modori.entrypoints import wiring
from modori.kernel import clock
from modori.kernel.ids import UserId
from modori.people import actions as people
from modori.people.model import ContactKind
from modori.people.values import value_index
from modori.storage.db import read_transaction, tenant_transaction
from modori.tenants.model import Role
from tests.orderworld import settle
from tests.world import NOW, TenantWorld, World

LATER = NOW + timedelta(hours=2)


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
    settle([whose], now=LATER)
    return upload_id


def manager(world: World) -> UserId:
    return world.users[Role.ACCOUNT_MANAGER].user_id


def approve(world: World, upload_id: UUID, *, tenant: TenantWorld | None = None) -> None:
    whose = tenant or world.acme
    with tenant_transaction(whose.tenant_id) as session:
        actions.approve_upload(
            session, tenant_id=whose.tenant_id, upload_id=upload_id, user_id=manager(world), now=LATER
        )
    settle([whose], now=LATER)


def approve_only(world: World, upload_id: UUID) -> list[str]:
    """Approve one of acme's files, and run nothing of what follows. Returns the work that waits to be done."""
    with tenant_transaction(world.acme.tenant_id) as session:
        actions.approve_upload(
            session, tenant_id=world.acme.tenant_id, upload_id=upload_id, user_id=manager(world), now=LATER
        )
    return works_of(world.acme)


APPLY = "connectors.csv.apply_upload_now"


def works_of(tenant: TenantWorld) -> list[str]:
    """Relay the promises of approved files alone; return the work that waits to be done."""
    told: list[tuple[str, str, str]] = []
    relay_once({"upload.approved": [APPLY]}, tell=lambda *ref: told.append(ref))
    return [work_id for _, tenant_id, work_id in told if tenant_id == str(tenant.tenant_id)]


def work_off(tenant: TenantWorld, works: list[str]) -> None:
    """Apply approved files, work by work, until none is left."""
    until = monotonic() + 240
    while works:
        assert monotonic() < until
        for one in works:
            with clock.moved_to(LATER):
                wiring.jobs()[APPLY](str(tenant.tenant_id), one)
        works = works_of(tenant)


def apply_first_part(tenant: TenantWorld, upload_id: UUID) -> None:
    """Record the first part of an approved file, as a worker does until its seconds are over."""
    tenant_id = tenant.tenant_id
    with read_transaction([tenant_id]) as session:
        context = context_of(session, get_upload(session, tenant_id=tenant_id, upload_id=upload_id), now=clock.now())
        rows = open_part(session, tenant_id=tenant_id, upload_id=upload_id, part_number=0) or []
    refused = {line[0] for line in report(tenant, upload_id) if line[1] == "refused"}
    for number, cells in rows:
        if number not in refused:
            with tenant_transaction(tenant_id) as session:
                apply_row(session, upload_id=upload_id, row_number=number, cells=cells, context=context)
    with tenant_transaction(tenant_id) as session:
        finish_applying_part(
            session,
            tenant_id=tenant_id,
            upload_id=upload_id,
            part_number=0,
            numbers=[number for number, _ in rows],
            now=clock.now(),
        )


def stop(world: World, upload_id: UUID) -> Upload:
    with tenant_transaction(world.acme.tenant_id) as session:
        return actions.stop_upload(
            session, tenant_id=world.acme.tenant_id, upload_id=upload_id, user_id=manager(world), now=LATER
        )


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


def returns(*rows: str) -> str:
    return "\n".join(["order_id,return_id,value,reason,at", *rows, ""])


def consents(*rows: str) -> str:
    return "\n".join(["チャネル,連絡先,同意,同意文,同意日時,画面", *rows, ""])


TEXT = "お得な情報をメールで受け取る"


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
    settle([world.acme], now=LATER)
