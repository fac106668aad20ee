"""What the scheduler does for log-ins."""

from modori.kernel import clock
from modori.storage.db import agency_transaction
from modori.tenants.logins import actions as logins


def forget_expired_logins() -> int:
    """Delete expired sessions, old links and forgotten failures."""
    with agency_transaction() as session:
        return logins.forget_expired_logins(session, now=clock.now())
