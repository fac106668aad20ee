"""Up to when the orders of each site are known."""
