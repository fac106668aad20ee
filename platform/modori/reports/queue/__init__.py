"""The operators' queue as it stands, and the call that an operator is in."""
