"""Says marked messages, labels and values in one reader's language and zone: for sentences that views compose."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from modori.console import formats
from modori.console.labels import LABELS, label


@dataclass(frozen=True)
class Speaker:
    """word: translates a marked message and fills its %(names)s in."""

    locale: str
    zone: str
    now: datetime
    word: Callable[..., str]

    def moment(self, instant: datetime | str | None) -> str:
        """Write an instant; one from a receipt or a timeline comes as ISO 8601."""
        if instant is None:
            return "—"
        at = datetime.fromisoformat(instant) if isinstance(instant, str) else instant
        return formats.moment(at, zone=self.zone, locale=self.locale, now=self.now)

    def lasting(self, seconds: float) -> str:
        return formats.lasting(seconds, locale=self.locale)

    def money(self, minor: int | None, currency: str | None) -> str:
        return "—" if minor is None or currency is None else formats.money(minor, currency, locale=self.locale)

    def label(self, value: StrEnum) -> str:
        return self.word(label(value))

    def label_of(self, kind: type[StrEnum], value: Any) -> str:
        """Name a state that comes as plain text; what we do not know is shown as it is."""
        return self.word(LABELS[kind][value]) if value in LABELS[kind] else str(value)

    def fill(self, message: str, facts: Mapping[str, Any]) -> str:
        return self.word(message, **facts)
