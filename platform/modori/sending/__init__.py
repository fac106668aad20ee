"""At most once, never after a stop: touches, gate, receipts, permits, deliveries, budgets, kill switches."""
