"""All benchmarks, one after the other, on one ground: `make bench`."""

import sys
import time

from tests.benchmarks import claims, ingest, lateness, queue_page
from tests.benchmarks.figures import say
from tests.benchmarks.ground import ground


def main() -> int:
    started = time.monotonic()
    with ground() as ready:
        for part in (ingest, claims, lateness, queue_page):
            part.measure(ready)
    say()
    say(f"done in {time.monotonic() - started:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
