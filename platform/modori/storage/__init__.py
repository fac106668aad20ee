"""Engine, tenant transactions, ReadSession, row security, field encryption and the outbox. No domain word."""
