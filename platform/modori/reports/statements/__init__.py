"""Months of the ledger, down to the entry."""
