"""How fast do files become a Delta table, and beside what: `python -m bench.files` (see docs/benchmarks/files.md)."""
