"""How long a transaction that keeps events may last: "no thanks" looks again once none is left (DESIGN 5)."""

from sqlalchemy import text
from sqlmodel import Session

from modori.capture.forgetting.actions import LOOK_AGAIN_AFTER
from modori.storage.db import TRANSACTION_MS, bound_transaction, tenant_transaction
from tests.queries.test_pipelined import ask
from tests.world import World

SHOWN = "select setting from pg_settings where name = 'transaction_timeout'"


def shown(session: Session) -> str:
    return str(session.connection().execute(text(SHOWN)).scalar_one())


def test_postgresql_ends_what_keeps_events_before_a_refusal_is_looked_at_again(world: World) -> None:
    tenant = world.acme
    assert ask(tenant, (SHOWN, ())) == [[(str(TRANSACTION_MS),)]]
    with tenant_transaction(tenant.tenant_id) as session:
        bound_transaction(session)
        assert shown(session) == str(TRANSACTION_MS)
    with tenant_transaction(tenant.tenant_id) as session:
        assert shown(session) == "0"
    assert LOOK_AGAIN_AFTER.total_seconds() * 1000 > TRANSACTION_MS
