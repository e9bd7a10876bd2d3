"""What tests of ingestion share."""

from pathlib import Path

import pytest

from ingestion import run as ingest
from ingestion.outcome import TableOutcome
from ingestion.sources import config as source
from ingestion.sources.base import Request
from lakehouse.settings import Settings


def outcome(settings: Settings, patterns: str | None = None, **asked: object) -> TableOutcome:
    """What became of the only table."""
    [only] = ingest.run(settings, request=Request(patterns, **asked)).outcomes  # type: ignore[arg-type]
    assert only.status != "failed", only.error
    return only


def configure(monkeypatch: pytest.MonkeyPatch, folder: Path, text: str) -> None:
    """Make `text` the sources.yml of this test."""
    entry = folder / "sources.yml"
    entry.write_text(text)
    monkeypatch.setattr("ingestion.sources.config.load", lambda path=entry, real=source.load: real(path))
