"""Queries and locks of the agency, its clients, and what a client's month has spent.

The agency's row is seen by any transaction. Tenants are bound by row security to those of the transaction.
"""

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

from sqlalchemy import text
from sqlmodel import Session, select

from modori.kernel.errors import NotFound
from modori.kernel.ids import TenantId
from modori.tenants.model import Agency, Tenant


def insert_agency(
    session: Session, *, name: str, postal_address: str, complaint_contact: str, registration_number: str | None
) -> None:
    session.connection().execute(
        text(
            "insert into agency (agency_id, name, postal_address, complaint_contact, registration_number, tax_rounding)"
            " values (1, :name, :postal_address, :complaint_contact, :registration_number, 'down')"
            " on conflict do nothing"
        ),
        {
            "name": name,
            "postal_address": postal_address,
            "complaint_contact": complaint_contact,
            "registration_number": registration_number,
        },
    )


def get_agency(session: Session) -> Agency:
    agency = session.get(Agency, 1)
    if agency is None:
        raise NotFound("the agency has not been set up: run `modori init`")
    return agency


def lock_agency(session: Session) -> Agency:
    return session.exec(select(Agency).with_for_update(key_share=True)).one()


def get_tenant(session: Session, *, tenant_id: TenantId) -> Tenant:
    tenant = session.exec(select(Tenant).where(Tenant.tenant_id == tenant_id)).one_or_none()
    if tenant is None:
        raise NotFound("no such client")
    return tenant


def list_tenant_ids(session: Session) -> list[TenantId]:
    """List the id of every client. Scan role, all tenants."""
    return list(session.connection().execute(text("select tenant_id from tenant order by 1")).scalars())


def lock_tenant(session: Session, *, tenant_id: TenantId) -> Tenant:
    wanted = select(Tenant).where(Tenant.tenant_id == tenant_id).with_for_update(key_share=True)
    tenant = session.exec(wanted.execution_options(populate_existing=True)).one_or_none()
    if tenant is None:
        raise NotFound("no such client")
    return tenant


class Month(NamedTuple):
    """A client's month: what it has counted, of how much (None: no limit), in the minor unit of its currency."""

    spent_minor: int
    limit_minor: int | None
    currency: str


def lock_month(session: Session, *, tenant_id: TenantId, month_on: date) -> Month:
    """Lock a client's month, made if there is none, for whoever spends in it or changes its currency.

    The client is read behind the lock and apart from it: one statement would show it as it was before the wait.
    """
    run = session.connection().execute
    month = {"t": tenant_id, "m": month_on}
    run(text("insert into spend (tenant_id, month_on, spent_minor) values (:t, :m, 0) on conflict do nothing"), month)
    spent = run(
        text("select spent_minor from spend where tenant_id = :t and month_on = :m for no key update"), month
    ).scalar_one()
    client = run(text("select monthly_spend_limit_minor, currency from tenant where tenant_id = :t"), month).one()
    return Month(int(spent), *client)


def list_unpriced(session: Session, *, tenant_ids: Sequence[TenantId], priced: Sequence[str]) -> list[tuple[str, int]]:
    """List the currencies other than `priced` in which clients have a monthly limit, each with how many clients.

    Over all the tenants that the transaction is bound to.
    """
    rows = session.connection().execute(
        text(
            "select currency, count(*) from tenant where tenant_id = any(:tenant_ids)"
            " and monthly_spend_limit_minor is not null and currency <> all(:priced) group by 1 order by 1"
        ),
        {"tenant_ids": list(tenant_ids), "priced": list(priced)},
    )
    return [(currency, clients) for currency, clients in rows]
