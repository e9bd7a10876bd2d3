"""The status site: one static page that says what the ledger knows."""
