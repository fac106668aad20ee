"""The opening lines of a call, before anything else is said (RULES 10): how they read, and that they were read."""

from datetime import datetime

from sqlmodel import Session

from modori.background import live
from modori.calls import queries, rules
from modori.calls.errors import NotYours, OpeningOutOfOrder
from modori.calls.model import CallState
from modori.kernel.ids import CallId, CallTaskId, TenantId, UserId


def read_script(
    session: Session, *, tenant_id: TenantId, task_id: CallTaskId, caller_name: str, locale: str
) -> tuple[rules.Opening, ...]:
    """Write the opening lines for one person's call, in the operator's words (RULES 10). raises NotFound"""
    terms = queries.get_desk_terms(session, tenant_id=tenant_id, task_id=task_id)
    is_japanese = locale.startswith("ja")
    return rules.opening_lines(
        seller=terms.sender_name if is_japanese else terms.sender_name_en or terms.sender_name,
        caller=caller_name,
        goods=terms.goods_kind if is_japanese else terms.goods_kind_en or terms.goods_kind,
        locale=locale,
    )


def tick_opening(
    session: Session, *, tenant_id: TenantId, call_id: CallId, user_id: UserId, line: rules.OpeningLine, now: datetime
) -> rules.OpeningLine | None:
    """Note that an opening line was read, when, and in its order (RULES 10). A second tick changes nothing.

    returns  the next line to read; None: all were, and the script may advance
    raises   NotFound, NotYours, OpeningOutOfOrder
    """
    call = queries.lock_call(session, tenant_id=tenant_id, call_id=call_id)
    if call.user_id != user_id or call.disposed_at is not None or call.state is CallState.REFUSED:
        raise NotYours()
    if line not in call.openings:
        expected = rules.next_opening(call.openings)
        if line is not expected:
            raise OpeningOutOfOrder(expected=expected)
        call.openings = {**call.openings, line.value: now.isoformat()}
        session.add(call)
        session.flush()
        # An answer that comes while the page is being redrawn is lost with the button that asked for it.
        live.announce(session, tenant_id=tenant_id, topic="lead", subject=str(call.lead_id))
    return rules.next_opening(call.openings)
