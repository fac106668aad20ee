"""Which channels are switched off, by whom, and what waits for them."""
