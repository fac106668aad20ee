"""Open, type, leave, judge: a collection's pages, a few at a time, in one browser."""

import asyncio
from pathlib import Path

from playwright.async_api import Browser

from tests.forms.pages import FormPage, recording, site_of
from tests.forms.scoring import Score
from tests.forms.typist import Filled, type_into


async def score_pages(browser: Browser, pages: list[FormPage], *, sdk: Path, at_once: int) -> Score:
    """The score of these pages. Raises UnsteadyPage, with the page's name, where one cannot be judged."""
    score = Score()
    places = asyncio.Semaphore(at_once)
    with recording(sdk) as recorder, site_of(pages, recorder) as site:

        async def fill(page: FormPage) -> Filled:
            try:
                return await type_into(browser, site, recorder, page, places)
            except Exception as failure:
                failure.add_note(page.name)
                raise

        done = await asyncio.gather(*(fill(page) for page in pages))
        for page, filled in zip(pages, done, strict=True):
            score.add(page.name, filled.fields, recorder.requests(page.key), awake=filled.awake, stuck=filled.stuck)
    return score
