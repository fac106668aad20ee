"""Run what follows a committed change, here and now: the relay and the jobs, without Valkey or a worker."""

from collections.abc import Callable, Mapping, Sequence
from uuid import UUID

from modori.background.relay import relay_once
from modori.kernel.ids import TenantId

Jobs = Mapping[str, Callable[[str, str], None]]
"""Name of a subscriber → the function that a worker would call with (tenant_id, work_id)."""


def drain(
    tenant_ids: Sequence[TenantId], *, subscribers: Mapping[str, Sequence[str]], jobs: Jobs, rounds: int = 50
) -> list[str]:
    """Relay promises and run their jobs until these tenants have none left. Returns the subscribers that ran, in order.

    Promises that other tests left in this worker's database are relayed, and their work is left lying.
    """
    ours, ran, empty = {UUID(str(one)) for one in tenant_ids}, list[str](), 0
    for _ in range(rounds):
        told: list[tuple[str, str, str]] = []
        relay_once(subscribers, tell=lambda *ref, told=told: told.append(ref))
        mine = [ref for ref in told if UUID(ref[1]) in ours]
        for subscriber, tenant_id, work_id in mine:
            jobs[subscriber](tenant_id, work_id)
            ran.append(subscriber)
        empty = 0 if mine else empty + 1
        if empty == 3:  # a round may be full of promises that nobody subscribes to
            return ran
    raise AssertionError(f"still something to do after {rounds} rounds: {ran[-10:]}")
