"""Whose an order is: all that the contract's rule must know of it, and the result that its answer makes."""

from datetime import datetime, timedelta
from uuid import UUID

from sqlmodel import Session

from modori.billing import queries, rules
from modori.billing.model import ContractVersion
from modori.billing.proof import copy_chain
from modori.kernel.ids import TenantId, new_id
from modori.outcomes import queries as orders
from modori.outcomes.model import Order, OrderSource, Result
from modori.outcomes.rules import (
    AttributionRule,
    Basis,
    ContactFacts,
    ContactKind,
    LeadFacts,
    NoResult,
    OrderFacts,
    attribute,
)


def ask_rule(
    session: Session, *, tenant_id: TenantId, order: Order, contract: ContractVersion | None
) -> Basis | NoResult:
    """Gather what attribution must know, and ask it. Only matches by a billing source's word count (G11)."""
    proven = [UUID(one["episode_id"]) for one in order.matched if one["said_by"] != OrderSource.BROWSER]
    leads = orders.list_candidate_leads(
        session, tenant_id=tenant_id, site_id=order.site_id, order_id=order.order_id, episode_ids=proven
    )
    contacts = orders.list_contacts(
        session, tenant_id=tenant_id, lead_ids=[row.lead_id for row in leads], until_at=order.placed_at
    )
    rule = None
    if contract is not None:
        terms = queries.get_terms_of_tenant(session, tenant_id=tenant_id)
        rule = AttributionRule(timedelta(seconds=contract.window_s), terms.currency)
    return attribute(
        OrderFacts(
            placed_at=order.placed_at,
            proven=order.proven_at is not None,
            wholly_reversed=order.value_minor > 0 and order.reversed_minor >= order.value_minor,
            currency=order.currency,
        ),
        leads=[LeadFacts(row.lead_id, row.arm == "holdout", row.converted_before) for row in leads],
        contacts=[
            ContactFacts(
                kind=ContactKind(row.kind),
                contact_id=row.contact_id,
                lead_id=row.lead_id,
                touch_id=row.touch_id,
                at=row.at,
                accepted=row.accepted,
                confirmed=row.confirmed,
                suspect=row.suspect,
                talked=bool(row.talked),
            )
            for row in contacts
        ],
        rule=rule,
    )


def new_result(
    session: Session,
    *,
    tenant_id: TenantId,
    order: Order,
    basis: Basis,
    contract: ContractVersion,
    now: datetime,
) -> Result:
    """Make the result of an order, held as long as the contract says, with a copy of its proof."""
    proof = copy_chain(session, tenant_id=tenant_id, order=order, basis=basis, contract=contract)
    value = order.value_minor - order.reversed_minor
    return Result(
        tenant_id=tenant_id,
        result_id=new_id(),
        order_id=order.order_id,
        lead_id=basis.contact.lead_id,
        episode_id=UUID(proof["episode"]["id"]),
        site_id=order.site_id,
        touch_id=basis.contact.touch_id,
        basis=basis.contact.kind.value,
        basis_at=basis.contact.at,
        contract_version_id=contract.contract_version_id,
        currency=order.currency,
        value_minor=value,
        fee_minor=rules.fee_of(value, contract.fee_bp),
        hold_until=rules.hold_until(
            order.placed_at,
            solicited_by_call=basis.solicited_by_call,
            hold_s=contract.hold_s,
            call_hold_s=contract.call_hold_s,
        ),
        proof=proof,
        made_at=now,
    )
