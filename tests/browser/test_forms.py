"""Forms of every structural kind, typed into in a real browser; `make forms` scores all of them (tests/forms)."""

import asyncio
import re

import pytest
from playwright.async_api import async_playwright

from modori.sandbox.chromium import launch_options
from tests.forms.pages import ABROAD, JAPANESE, SDK, find_pages
from tests.forms.scorer import score_pages
from tests.forms.scoring import Score

SAMPLE = (
    "eccube3_nonmember.html",  # definition list, split numbers, a confirmed address
    "legacy_sjis_table.html",  # Shift_JIS, Japanese field names
    "city_office_fullwidth.html",  # full-width typing, an individual number
    "frameset_clinic.html",  # fields in frames only
    "shadow_signup.scripted.html",  # fields in nested shadow roots only, a one-time code
    "late_form.scripted.html",  # no form element, added after load
    "insurance_steps.scripted.html",  # one step after the other
    "card_payment_only.html",  # a card, its code and expiry
    "sweepstakes_domain_select.html",  # an address of an input and a select
    "eccube2_deliv.html",  # notes under the lines, a repeat without a word of it
    "gravity_forms.html",  # labels after the fields, a trap for robots left of the page
)


@pytest.fixture(scope="module")
def score() -> Score:
    async def run() -> Score:
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(**launch_options())
            asked = re.compile("|".join(map(re.escape, SAMPLE)))
            pages = [*find_pages(JAPANESE, "japanese", asked), *find_pages(ABROAD, "abroad", asked)]
            try:
                return await score_pages(browser, pages, sdk=SDK, at_once=2)
            finally:
                await browser.close()

    return asyncio.run(run())


def test_every_page_of_the_sample_was_watched(score: Score) -> None:
    assert score.pages == len(SAMPLE)
    assert [fault for fault in score.faults if fault.startswith("asleep")] == []


@pytest.mark.parametrize("label", ["emailAddress", "phone"])
def test_every_address_and_phone_that_was_typed_arrives(score: Score, label: str) -> None:
    assert score.fields[label] >= len(SAMPLE) - 2
    assert [fault for fault in score.faults if fault.startswith("missed") and label in fault] == []


def test_nothing_else_is_taken_for_one(score: Score) -> None:
    assert (score.wrong["email"], score.wrong["tel"], score.wrong["name"]) == (0, 0, 0), score.faults


def test_g8_no_secret_that_was_typed_is_in_any_request(score: Score) -> None:
    typed = ("cardNumber", "cardSecurityCode", "expirationMonth", "password.new", "totp", "never")
    assert [label for label in typed if not score.fields[label]] == []  # it was there to leak
    assert score.leaks.total() == 0, score.faults
