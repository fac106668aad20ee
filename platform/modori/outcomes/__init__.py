"""Orders and reversals as they are reported, whom they stop, and which of them the contract gives to our touches."""
