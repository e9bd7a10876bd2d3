"""Files as a source. Tables in files of text, as people and machines write them, are read exactly, or refused with file and line."""

from ingestion.sources.files.source import FilesSource as Kind

__all__ = ["Kind"]
