"""Events in: bounds, scrubbing, de-duplication, and folding into the episode."""
