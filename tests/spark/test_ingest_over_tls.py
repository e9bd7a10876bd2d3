"""A source over TLS, from the command to the tasks, whose Python knows no authority but those that it is handed."""

from pathlib import Path
from urllib.parse import urlsplit

import pytest
from bronze_reader import execute
from certificates import Authority, front
from pydantic import SecretStr

from ingestion import reconcile
from ingestion import run as ingest
from lakehouse.settings import Settings


def test_a_run_and_a_comparison_verify_every_connection(
    lake_settings: Settings, fresh_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    execute(fresh_database, "create table t (id int primary key, word text)", "insert into t values (1, 'sluice'), (2, 'weir')")
    authority, parts = Authority(tmp_path / "company"), urlsplit(fresh_database)
    monkeypatch.setenv("PGSSLROOTCERT", str(authority.path))  # of this process: the server has been started without
    with front(int(parts.port or 0), authority.server("db.example")) as running:
        dsn = f"postgresql://{parts.username}:{parts.password}@db.example:{running.port}{parts.path}?hostaddr=127.0.0.1"
        settings = lake_settings.model_copy(update={"source_dsn": SecretStr(dsn)})
        done = ingest.run(settings)
        planned = len(running.heard)
        assert [(outcome.status, outcome.rows) for outcome in done.outcomes] == [("committed", 2)], done.outcomes
        assert [verdict.word for verdict in reconcile.run(settings)] == ["equal"]
        assert len(running.heard) > planned >= 3 and all(running.heard), (
            "the run's own, the one that tries the snapshot, the task's"
        )
