"""Orders and reversals, matching them to people, and attribution."""
