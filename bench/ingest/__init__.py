"""How fast is ingestion, and beside what: `python -m bench.ingest` (see docs/benchmarks/ingest.md)."""
