"""Many requests in one transaction: pages, carts and forms of browsers, folded set by set (DESIGN 6, decision 0022)."""
