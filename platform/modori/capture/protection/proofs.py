"""Signed mode: whether a shop's server vouches for a visitor's contact (docs/signed-mode.md). Pure."""

import hashlib
import hmac
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from modori.capture.rules import ProofVerdict

GOOD_FOR: Final = timedelta(minutes=10)
"""Between the instant that was signed and the event, either way: a page's life, and two clocks apart."""
WAITS_AT_MOST: Final = timedelta(hours=1)
"""Between the instant that was signed and the arrival: the event's own time is the browser's word, which could make a
proof of last month fresh. The next page signs anew what an offline queue kept for longer."""


def proof_mac(secret: bytes, *, visitor: str, contact: str, at: str) -> str:
    """Sign as a shop's server does: HMAC-SHA-256 of `visitor|contact|at`, in hexadecimal.

    contact  an e-mail address in lower case, a telephone number in E.164, a LINE user id, or a member number
    at       the instant as it is sent, character by character
    """
    return hmac.new(secret, f"{visitor}|{contact}|{at}".encode(), hashlib.sha256).hexdigest()


def judge_proof(
    secrets: Sequence[bytes],
    *,
    visitor: str,
    contact: str,
    at: str,
    mac: str,
    event_at: datetime,
    received_at: datetime,
) -> ProofVerdict:
    """Say what a proof is worth. Compared in constant time, with every secret that may sign now (RULES 37).

    A proof that somebody copies says nothing of another visitor, so a replay is harmless.
    """
    matches = [
        hmac.compare_digest(proof_mac(secret, visitor=visitor, contact=contact, at=at), mac.lower())
        for secret in secrets
    ]
    if not any(matches):
        return ProofVerdict.WRONG
    try:
        signed_at = datetime.fromisoformat(at)
    except ValueError:
        return ProofVerdict.STALE
    if signed_at.tzinfo is None or abs(event_at - signed_at) > GOOD_FOR:
        return ProofVerdict.STALE
    if not -GOOD_FOR <= received_at - signed_at <= WAITS_AT_MOST:
        return ProofVerdict.STALE
    return ProofVerdict.VALID
