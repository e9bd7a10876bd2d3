"""The realistic load: TPC-H as a dbt project, on Comporta, on DuckDB, and as plain statements."""
