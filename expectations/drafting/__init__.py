"""The suite of a table, drafted from its rows for review."""
