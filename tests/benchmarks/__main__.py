"""All benchmarks, one after the other, on one ground: `make bench`. Exit code 1 where what must hold did not."""

import sys
import time

from tests.benchmarks import claims, ingest, lateness, queue_page
from tests.benchmarks.figures import say
from tests.benchmarks.ground import ground


def main() -> int:
    started = time.monotonic()
    failed: list[str] = []
    with ground() as ready:
        for part in (ingest, claims, lateness, queue_page):
            try:
                part.measure(ready)
            except AssertionError as failure:  # the other parts' figures are worth having all the same
                failed.append(part.__name__)
                say(f"{part.__name__} does not hold: {failure}")
    say()
    say(f"done in {time.monotonic() - started:.0f} s")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
