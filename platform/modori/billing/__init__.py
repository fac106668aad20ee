"""Contracts, approval of results, the ledger and statements."""
