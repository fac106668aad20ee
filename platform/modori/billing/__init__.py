"""The contract's price terms, results on their way to an invoice, the hash-chained ledger, and a month's statement."""
