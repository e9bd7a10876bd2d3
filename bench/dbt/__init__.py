"""What dbt's way costs: a small model, nothing to do, a merge, a cold prompt."""
