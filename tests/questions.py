"""Questions that tests put to the database, as the application's own role and bound to one tenant."""

from typing import Any

from sqlalchemy import text

from modori.kernel.ids import TenantId
from modori.storage.db import tenant_transaction


def ask_one(tenant_id: TenantId, question: str, **values: object) -> Any:
    """Return the one value that a select answers."""
    with tenant_transaction(tenant_id) as session:
        return session.connection().execute(text(question), values).scalar_one()


def change(tenant_id: TenantId, statement: str, **values: object) -> None:
    """Change rows behind the actions' back, to put a test into a state that would take days to reach."""
    with tenant_transaction(tenant_id) as session:
        session.connection().execute(text(statement), values)
