"""Whether what a visitor did may be taken."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Permission:
    """A visitor's newest words about capture: when it was refused, when granted. Silence is for the site's mode."""

    refused_at: datetime | None = None
    granted_at: datetime | None = None

    @property
    def is_refused(self) -> bool:
        """Say whether a refusal stands: no grant came after it."""
        return self.refused_at is not None and (self.granted_at is None or self.granted_at <= self.refused_at)

    def forbids(self, at: datetime) -> bool:
        """Say whether something that happened at `at` may not be taken: what was refused once never comes back."""
        return self.refused_at is not None and (at <= self.refused_at or self.is_refused)

    def reach(self, *, said_at: datetime, heard_at: datetime) -> datetime:
        """Say up to when a refusal forgets.

        Until it was heard: what was sent before it may carry a later time, since each request's is corrected by how
        long it was on its way. Where a grant came after it, only until it was said.
        """
        is_over = self.granted_at is not None and self.granted_at > said_at
        return said_at if is_over else max(said_at, heard_at)

    def after(self, *, granted: bool, at: datetime) -> "Permission":
        """Return the permission once one more word is heard, in whatever order words arrive."""
        if granted:
            return Permission(self.refused_at, _later(self.granted_at, at))
        return Permission(_later(self.refused_at, at), self.granted_at)


def _later(one: datetime | None, other: datetime) -> datetime:
    return other if one is None else max(one, other)
