"""The shape of contract terms as somebody types them."""

from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

DAY_S = 86_400

DEFAULT_HOLD_S = 14 * DAY_S
DEFAULT_CALL_HOLD_S = 22 * DAY_S
"""14 days for the goods and the contract document to arrive, and 8 more, that day included (RULES 13, confirm)."""


class ContractTerms(BaseModel):
    """The price terms from one day on."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    valid_from_at: AwareDatetime
    window_s: Annotated[int, Field(ge=60, le=90 * DAY_S)] = 7 * DAY_S
    """Not longer than an order reaches back to find its episode (outcomes.rules.MATCH_BACK)."""
    fee_bp: Annotated[int, Field(ge=0, le=10_000)]
    hold_s: Annotated[int, Field(ge=0, le=366 * DAY_S)] = DEFAULT_HOLD_S
    call_hold_s: Annotated[int, Field(ge=0, le=366 * DAY_S)] = DEFAULT_CALL_HOLD_S
    approve_after_s: Annotated[int, Field(ge=0, le=366 * DAY_S)] | None = None
