"""The standard scenario: a mail, an SMS and a call, worded in Japanese and English."""

from collections.abc import Sequence
from pathlib import Path

from modori.outreach.actions import StepDraft
from modori.outreach.model import Purpose
from modori.people.model import Channel

WORDING = Path(__file__).parent / "wording"
LOCALES = ("ja", "en")

DELAYS_S = (3600, 24 * 3600, 3 * 24 * 3600)
"""1 h, 24 h and 3 d after the last activity (RULES 31)."""


def standard_steps(delays_s: Sequence[int] = DELAYS_S) -> list[StepDraft]:
    """Draft the three steps. `delays_s`: seconds from the episode's last activity, one for each step."""
    mail_s, sms_s, call_s = delays_s
    return [
        StepDraft(Channel.EMAIL, Purpose.REMINDER, mail_s, _wordings("email_reminder")),
        StepDraft(Channel.SMS, Purpose.BENEFIT, sms_s, _wordings("sms_benefit")),
        StepDraft(Channel.CALL, Purpose.LAST_NOTICE, call_s, _wordings("call_script")),
    ]


def _wordings(name: str) -> dict[str, tuple[str | None, str]]:
    """Read one wording in both languages. A mail's first line is its subject."""
    return {locale: _parts(name, (WORDING / f"{name}.{locale}.liquid").read_text()) for locale in LOCALES}


def _parts(name: str, text: str) -> tuple[str | None, str]:
    if not name.startswith("email_"):
        return None, text.strip()
    subject, _, body = text.partition("\n")
    return subject.removeprefix("Subject:").strip(), body.strip()
