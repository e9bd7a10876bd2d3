"""What lies in a lake: names and places of its tables, their types and commits, candidates, and the ledger."""
