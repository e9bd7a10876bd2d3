"""PostgreSQL as a source."""

from ingestion.sources.postgres.source import Postgres as Kind

__all__ = ["Kind"]
