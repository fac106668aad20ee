"""The standard scenario: a mail, an SMS and a call, worded in Japanese and English."""

from collections.abc import Sequence

from modori.outreach.actions import StepDraft
from modori.outreach.default_wordings import default_wording
from modori.outreach.model import Purpose
from modori.people.model import Channel

LOCALES = ("ja", "en")

STEPS = ((Channel.EMAIL, Purpose.REMINDER), (Channel.SMS, Purpose.BENEFIT), (Channel.CALL, Purpose.LAST_NOTICE))

DELAYS_S = (3600, 24 * 3600, 3 * 24 * 3600)
"""1 h, 24 h and 3 d after the last activity (RULES 31)."""


def standard_steps(delays_s: Sequence[int] = DELAYS_S) -> list[StepDraft]:
    """Draft the three steps. `delays_s`: seconds from the episode's last activity, one for each step."""
    return [
        StepDraft(channel, purpose, delay_s, _wordings(channel, purpose))
        for (channel, purpose), delay_s in zip(STEPS, delays_s, strict=True)
    ]


def _wordings(channel: Channel, purpose: Purpose) -> dict[str, tuple[str | None, str]]:
    wordings = (default_wording(channel, purpose, locale) for locale in LOCALES)
    return {one.locale: (one.subject, one.body) for one in wordings}
