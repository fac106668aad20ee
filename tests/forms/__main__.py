"""Score the tag's understanding of forms: `python -m tests.forms [--corpus DIR] [--only REGEX] [-v]`.

Without a collection only our own pages are typed into, Japanese ones and others. Exit code 1 where a score is below
what must hold.
"""

import argparse
import asyncio
import re
import sys
import time
from pathlib import Path

from playwright.async_api import async_playwright

from modori.sandbox.chromium import launch_options
from tests.forms.pages import ABROAD, JAPANESE, SDK, FormPage, find_pages
from tests.forms.scorer import score_pages
from tests.forms.scoring import Score, shortcomings, table

AT_ONCE = 2


def main() -> int:
    asked = _arguments()
    only = re.compile(asked.only)
    collections = [("corpus", asked.corpus)] if asked.corpus else []
    collections += [("japanese", JAPANESE), ("abroad", ABROAD)]
    pages = {name: find_pages(folder, name, only) for name, folder in collections}
    started = time.monotonic()
    scores = asyncio.run(_score(pages, asked.sdk, asked.at_once))
    failed = False
    for name, score in scores.items():
        if not score.pages:
            continue
        print(table(name, score))
        if asked.verbose:
            print("\n".join(sorted(score.faults)))
        for short in shortcomings(score):
            # Abroad there are languages whose words the SDK leaves out: those pages measure, and fail by leaks only.
            failed |= name != "abroad" or bool(score.leaks)
            print(f"BELOW   {name}: {short}")
        print()
    print(f"done in {time.monotonic() - started:.0f} s")
    return 1 if failed else 0


async def _score(pages: dict[str, list[FormPage]], sdk: Path, at_once: int) -> dict[str, Score]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(**launch_options())
        scores = {name: await score_pages(browser, some, sdk=sdk, at_once=at_once) for name, some in pages.items()}
        await browser.close()
    return scores


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.forms", description=__doc__)
    parser.add_argument("--corpus", type=Path, help="a folder of labelled pages; ours are scored as well")
    parser.add_argument("--only", default="", help="a regular expression that a page's collection/file must match")
    parser.add_argument("--sdk", type=Path, default=SDK, help="the folder of the built scripts")
    parser.add_argument("--at-once", type=int, default=AT_ONCE, help="pages open at a time")
    parser.add_argument("-v", "--verbose", action="store_true", help="say which fields were missed or taken wrongly")
    asked = parser.parse_args()
    if asked.corpus and not asked.corpus.is_dir():
        parser.error(f"{asked.corpus} is no folder")
    if not (asked.sdk / "forms.js").exists():
        parser.error(f"{asked.sdk} holds no built SDK: make sdk")
    return asked


if __name__ == "__main__":
    sys.exit(main())
