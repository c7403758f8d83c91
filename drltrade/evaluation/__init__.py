"""Numbers on a ledger, each with its convention stated."""
