"""How long a contact point's value is kept (RULES 7, 9, 15; decision 0031)."""

from datetime import UTC, datetime, timedelta

import pytest

from modori.outreach.retention.rules import EVIDENCE, LOOK_AGAIN, TYPED, Holding, horizons, kept_until

NOW = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
DAY, S = timedelta(days=1), timedelta(seconds=1)
LONG_AGO = NOW - 5000 * DAY
DAYS = 400


@pytest.mark.parametrize(
    ("held", "until"),
    [
        (Holding(LONG_AGO, None, None, False), None),
        (Holding(NOW - TYPED, None, None, False), None),  # a month to the second
        (Holding(NOW - TYPED + S, None, None, False), NOW + S),
        (Holding(LONG_AGO, NOW - DAYS * DAY, None, False), None),
        (Holding(LONG_AGO, NOW - DAYS * DAY + S, None, False), NOW + S),
        (Holding(LONG_AGO, None, NOW - EVIDENCE, False), None),
        (Holding(LONG_AGO, None, NOW - EVIDENCE + S, False), NOW + S),
        (Holding(LONG_AGO, None, NOW - 3 * 365 * DAY, False), NOW + DAY),  # three years may have a leap day
        (Holding(LONG_AGO, LONG_AGO, LONG_AGO, True), NOW + LOOK_AGAIN),  # however old what runs is
        (Holding(LONG_AGO, NOW - 100 * DAY, NOW, True), NOW + EVIDENCE),  # the latest counts
    ],
)
def test_a_value_is_kept_as_long_as_something_holds_it(held: Holding, until: datetime | None) -> None:
    assert kept_until(held, captured_days=DAYS, now=NOW) == until


def test_evidence_is_kept_for_three_whole_years_wherever_they_begin() -> None:
    """The database refuses to delete what is younger than `interval '3 years'`."""
    for ahead in range(4 * 366):
        now = datetime(2027, 1, 1, tzinfo=UTC) + ahead * DAY
        since = horizons(now, captured_days=DAYS).evidence_since
        day = 28 if (now.month, now.day) == (2, 29) else now.day
        assert since <= now.replace(year=now.year - 3, day=day)
