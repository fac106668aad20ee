"""Which of several roles counts."""

from typing import Final, TypeVar

RoleName = TypeVar("RoleName", bound=str)
_ROLE_RANK: Final = ("client_reviewer", "operator", "account_manager", "agency_admin")


def strongest(role: RoleName, *others: RoleName) -> RoleName:
    """Return the role that allows most."""
    return max((role, *others), key=_ROLE_RANK.index)
