"""A file that somebody uploads: brought, checked, approved, and what its report says of it."""

from datetime import timedelta
from uuid import UUID

from sqlalchemy import text

from modori.connectors.csv import actions
from modori.connectors.csv.model import Upload, UploadKind
from modori.connectors.csv.queries import get_upload
from modori.connectors.csv.report.queries import iter_rows
from modori.connectors.csv.tables import Table, read_table
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
