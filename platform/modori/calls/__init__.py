"""The human channel: the operators' queue, claims, dials and how they ended."""
