"""Copy the proof of a result: ids, instants, hashes and amounts of the whole chain, nothing personal (G9).

Retention and erasure may take the rows away later; the copy stands, and a replay needs nothing else.
"""

from datetime import UTC, datetime
from typing import Any

from sqlmodel import Session

from modori.billing import queries
from modori.billing.model import ContractVersion
from modori.kernel.ids import TenantId
from modori.outcomes.model import Order, Reversal
from modori.outcomes.rules import Basis, ContactKind

VERSION = 3
"""Of the shape below. A replay years later reads the version first. 1: the notice was the site's at the order; 2:
without who brought the order by a file."""


def copy_chain(
    session: Session, *, tenant_id: TenantId, order: Order, basis: Basis, contract: ContractVersion
) -> dict[str, Any]:
    """Copy notice → consent → touches → click or call → order → contract version."""
    lead_id = basis.contact.lead_id
    lead = queries.get_lead_for_proof(session, tenant_id=tenant_id, lead_id=lead_id)
    return {
        "version": VERSION,
        "notice": {
            "site_id": str(lead.site_id),
            "version_id": None if lead.notice_version_id is None else str(lead.notice_version_id),
            "capture_mode": lead.capture_mode,
            "text_sha256": None if lead.notice_hash is None else bytes(lead.notice_hash).hex(),
            "in_force_from_at": _at(lead.notice_from_at),
            "recorded_at": _at(lead.notice_recorded_at),
        },
        "episode": {
            "id": str(lead.episode_id),
            "started_at": _at(lead.started_at),
            "abandoned_at": _at(lead.abandoned_at),
            "cart_minor": lead.cart_minor,
        },
        "consents": [
            {
                "id": str(row.consent_id),
                "channel": row.channel,
                "granted": row.granted,
                "text_sha256": bytes(row.text_hash).hex(),
                "source": row.source,
                "given_at": _at(row.given_at),
                "recorded_at": _at(row.recorded_at),
            }
            for row in queries.list_consents_for_proof(session, tenant_id=tenant_id, lead_id=lead_id)
        ],
        "lead": {
            "id": str(lead_id),
            "made_at": _at(lead.made_at),
            "arm": lead.arm,
            "arm_draw": lead.arm_draw,
            "holdout_pct": lead.holdout_pct,
        },
        "touches": [
            {
                "id": str(row.touch_id),
                "step": row.step_number,
                "channel": row.channel,
                "purpose": row.purpose,
                "state": row.state,
                "scenario_version_id": str(row.scenario_version_id),
                "receipts": row.receipts,
                "deliveries": row.deliveries,
            }
            for row in queries.list_touches_for_proof(session, tenant_id=tenant_id, lead_id=lead_id)
        ],
        "basis": _basis(session, tenant_id, basis),
        "order": _order(order),
        "contract": {
            "id": str(contract.contract_version_id),
            "number": contract.number,
            "valid_from_at": _at(contract.valid_from_at),
            "window_s": contract.window_s,
            "fee_bp": contract.fee_bp,
            "hold_s": contract.hold_s,
            "call_hold_s": contract.call_hold_s,
        },
    }


def copy_reversal(reversal: Reversal) -> dict[str, Any]:
    """Copy what a ledger entry must know of a reversal."""
    return {
        "id": str(reversal.reversal_id),
        "external_id": reversal.external_id,
        "value_minor": reversal.value_minor,
        "reason": reversal.reason.value,
        "reversed_at": _at(reversal.reversed_at),
        "applied_at": _at(reversal.applied_at),
    }


def _basis(session: Session, tenant_id: TenantId, basis: Basis) -> dict[str, Any]:
    contact = basis.contact
    common = {
        "kind": contact.kind.value,
        "id": str(contact.contact_id),
        "touch_id": str(contact.touch_id),
        "at": _at(contact.at),
        "solicited_by_call": basis.solicited_by_call,
    }
    if contact.kind is ContactKind.CLICK:
        click = queries.get_click_for_proof(session, tenant_id=tenant_id, click_id=contact.contact_id)
        return common | {
            "link_id": str(click.link_id),
            "delivery_id": str(click.delivery_id),
            "channel": click.channel,
            "confirmed_at": _at(click.confirmed_at),
            "confirmed_by": None if click.confirmed_by is None else str(click.confirmed_by),
        }
    call = queries.get_call_for_proof(session, tenant_id=tenant_id, call_id=contact.contact_id)
    return common | {
        "dialled_at": _at(call.dialled_at),
        "bridged_at": _at(call.bridged_at),
        "talk_s": call.talk_s,
        "user_id": str(call.user_id),
        "openings": call.openings,
    }


def _order(order: Order) -> dict[str, Any]:
    return {
        "id": str(order.order_id),
        "external_id": order.external_id,
        "source": order.source.value,
        "currency": order.currency,
        "value_minor": order.value_minor,
        "placed_at": _at(order.placed_at),
        "recorded_at": _at(order.recorded_at),
        "proven_at": _at(order.proven_at),
        "said_sha256": None if order.said_hash is None else bytes(order.said_hash).hex(),
        "vouched_by": order.vouched_by or [],
        "matched": order.matched,
    }


def _at(instant: datetime | None) -> str | None:
    return None if instant is None else instant.astimezone(UTC).isoformat(timespec="microseconds")
