"""PostgreSQL as a source."""

from ingestion.sources.postgres.source import PostgresSource as Kind

__all__ = ["Kind"]
