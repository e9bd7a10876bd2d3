"""Who is asked about tables: Spark over Thrift and Connect, DuckDB; and what a query says, read as text."""
