"""The console's answers to promises: mail to users. Wiring makes actors of them."""

from datetime import datetime
from typing import Any
from uuid import UUID

from modori.background import work
from modori.console.mail import mailer
from modori.kernel.ids import UserId
from modori.tenants.model import TokenKind


def mail_invitation_now(tenant_id: str, work_id: str) -> None:
    """Mail an invited user the link that sets their first password."""

    def do(payload: dict[str, Any], now: datetime) -> None:
        mailer().mail_link(UserId(UUID(payload["user_id"])), TokenKind.INVITATION, now=now)

    work.run_outside(tenant_id, work_id, do)


def mail_reset_now(tenant_id: str, work_id: str) -> None:
    """Mail a user who has forgotten their password the link that sets a new one."""

    def do(payload: dict[str, Any], now: datetime) -> None:
        mailer().mail_link(UserId(UUID(payload["user_id"])), TokenKind.RESET, now=now)

    work.run_outside(tenant_id, work_id, do)
