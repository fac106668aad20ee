"""What a stop closes and what re-opens it (G5, RULES 5, 11, 24)."""

from datetime import timedelta

import pytest

from modori.kernel.ids import new_id
from modori.people.rules import StopFact, can_reopen, standing_stop
from tests.world import NOW


def stop(effect: str, via: str | None, reason: str, minute: int, kind: str = "phone") -> StopFact:
    return StopFact(new_id(), kind, effect, via, reason, NOW + timedelta(minutes=minute))


@pytest.mark.parametrize(
    ("stops", "channel", "is_stopped"),
    [
        ([], "sms", False),
        ([("stop", "sms", "reply", 0)], "sms", True),
        ([("stop", "sms", "reply", 0)], "call", True),  # every channel of its contact point
        ([("stop", "sms", "reply", 0)], "email", False),  # another contact point's channel
        ([("stop", "sms", "reply", 0), ("reopen", "sms", "reply", 1)], "sms", False),
        ([("reopen", "sms", "reply", 0), ("stop", "sms", "reply", 1)], "sms", True),  # only earlier stops
        ([("stop", "call", "call_refused", 0), ("reopen", "sms", "reply", 1)], "sms", True),  # another channel's
        ([("stop", "call", "call_refused", 0), ("reopen", "call", "reply", 1)], "call", True),  # RULES 11
        ([("stop", "sms", "provider_opt_out", 0), ("reopen", "sms", "reply", 1)], "sms", True),
        ([("stop", None, "erasure", 0), ("reopen", "sms", "reply", 1)], "sms", True),
        ([("stop", None, "server", 0), ("reopen", "sms", "reply", 1)], "sms", True),
        (
            [("stop", "sms", "reply", 0), ("reopen", "sms", "reply", 1), ("stop", "sms", "unsubscribe_page", 2)],
            "sms",
            True,
        ),
        ([("stop", "sms", "unsubscribe_page", 0), ("reopen", "sms", "reply", 1)], "sms", False),
    ],
)
def test_g5_standing_stop(stops: list[tuple[str, str | None, str, int]], channel: str, is_stopped: bool) -> None:
    facts = [stop(*one) for one in stops]
    assert (standing_stop(facts, channel) is not None) is is_stopped
    assert standing_stop(list(reversed(facts)), channel) == standing_stop(facts, channel)


def test_start_opens_only_what_its_own_channel_closed() -> None:
    assert can_reopen([stop("stop", "sms", "reply", 0)], "sms")
    assert not can_reopen([stop("stop", "sms", "reply", 0)], "call")
    assert not can_reopen([stop("stop", "call", "call_refused", 0)], "call")
    assert not can_reopen([], "sms")
