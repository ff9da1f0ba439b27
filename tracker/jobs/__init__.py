"""Jobs: what the clock starts, in a ledger."""
