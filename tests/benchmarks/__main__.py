"""Benchmarks, one after the other, on one ground. Exit code 1 where what must hold did not.

make bench                                      # all of them
python -m tests.benchmarks ingest flood         # some of them
"""

import argparse
import sys
import time

from tests.benchmarks import claims, flood, ingest, lateness, memory, pagecost, queue_page, stored, visits
from tests.benchmarks.figures import say
from tests.benchmarks.ground import ground

PARTS = {
    "ingest": ingest.measure,
    "stored": stored.measure,
    "flood": flood.measure,
    "memory": memory.measure,
    "claims": claims.measure,
    "lateness": lateness.measure,
    "queue_page": queue_page.measure,
    "pagecost": pagecost.measure,
    "visits": visits.measure,
}


def main() -> int:
    asked = argparse.ArgumentParser(description="Measure this machine.")
    asked.add_argument("parts", nargs="*", metavar="part", help=f"{', '.join(PARTS)}; all, if none is named")
    wanted: list[str] = asked.parse_args().parts or list(PARTS)
    if unknown := sorted(set(wanted) - set(PARTS)):
        asked.error(f"no such part: {', '.join(unknown)}")
    started = time.monotonic()
    failed: list[str] = []
    with ground() as ready:
        for name in wanted:
            try:
                PARTS[name](ready)
            except AssertionError as failure:  # the other parts' figures are worth having all the same
                failed.append(name)
                say(f"{name} does not hold: {failure}")
    say()
    say(f"done in {time.monotonic() - started:.0f} s")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
