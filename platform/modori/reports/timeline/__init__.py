"""Everything that happened to one lead, in order."""
