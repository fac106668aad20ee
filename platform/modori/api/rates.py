"""Token buckets of ingest, in this process only: they guard it, and truth does not hang on them (RULES 36)."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from math import ceil
from threading import Lock
from time import monotonic

MOST_BUCKETS = 50_000


class Rates:
    """Buckets by key; the ones longest unused are forgotten first, which fills them."""

    def __init__(self, *, tick: Callable[[], float] = monotonic) -> None:
        self._tick = tick
        self._lock = Lock()
        self._buckets: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()
        self._refusing: set[Hashable] = set()

    def take(self, key: Hashable, cost: int, *, per_s: float, burst: int) -> int:
        """Take `cost` tokens; return 0, or after how many whole seconds it would have been possible.

        per_s, burst  how fast the bucket fills and how much it holds; a cost above the burst takes a full bucket
        """
        return self._ask(key, cost, per_s, burst, takes=True)

    def look(self, key: Hashable, cost: int, *, per_s: float, burst: int) -> int:
        """Answer as `take` would, and take nothing; 0 at once for a bucket that did not refuse the last that asked."""
        return 0 if key not in self._refusing else self._ask(key, cost, per_s, burst, takes=False)

    @property
    def refuses_some(self) -> bool:
        """Say whether any bucket refused the last that asked: where none did, `look` finds nothing."""
        return bool(self._refusing)

    def _ask(self, key: Hashable, cost: int, per_s: float, burst: int, *, takes: bool) -> int:
        now = self._tick()
        wanted = min(max(cost, 1), max(burst, 1))
        with self._lock:
            tokens, at = self._buckets.get(key, (float(burst), now))
            tokens = min(float(burst), tokens + (now - at) * per_s)
            missing = wanted - tokens
            self._buckets[key] = (tokens - wanted if takes and missing <= 0 else tokens, now)
            self._buckets.move_to_end(key)
            while len(self._buckets) > MOST_BUCKETS:
                self._refusing.discard(self._buckets.popitem(last=False)[0])
        if missing <= 0:
            self._refusing.discard(key)
            return 0
        self._refusing.add(key)
        return max(1, ceil(missing / per_s)) if per_s > 0 else 60
