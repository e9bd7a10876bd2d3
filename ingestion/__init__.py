"""Copies what changed in a source to bronze: plans, pieces of work, one Delta transaction a table."""
