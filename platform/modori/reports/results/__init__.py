"""Results with their proof."""
