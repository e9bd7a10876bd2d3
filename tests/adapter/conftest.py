"""dbt's own tests of an adapter, on our Spark server, with our materializations. `make test-adapter` runs them."""

from pathlib import Path
from typing import Any

import pytest

from lakehouse.settings import ROOT, Settings

# What concerns this project alone: its layers' schemas, its lock.
_OURS = {"generate_schema_name.sql", "begin_writing.sql"}


@pytest.fixture(scope="class")
def dbt_profile_target(spark_server: Settings) -> dict[str, Any]:
    """The target of the test's project."""
    return {
        "type": "comporta", "method": "thrift", "host": "127.0.0.1", "port": spark_server.thrift_port,
        "ui_port": spark_server.spark_ui_port, "user": "dbt", "poll_interval": 0, "threads": 2, "connect_retries": 1,
        "server_side_parameters": {"set:hiveconf:spark.sql.session.timeZone": "UTC"},
    }  # fmt: skip


@pytest.fixture(scope="class")
def project_config_update() -> dict[str, Any]:
    """Everything is a Delta table."""
    return {
        "models": {"+file_format": "delta", "+incremental_strategy": "merge", "+meta": {"on_tombstone": "ignore"}},
        "seeds": {"+file_format": "delta", "+quote_columns": False},
        "snapshots": {"+file_format": "delta"},
    }


@pytest.fixture(scope="class", autouse=True)
def our_lake(spark_server: Settings) -> Any:
    """The adapter looks for tables where the tests' server keeps them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LAKE_URL", spark_server.lake_url)
        patch.setenv("VAR_DIR", str(spark_server.var_dir))
        yield


@pytest.fixture(scope="class", autouse=True)
def our_macros(project_root: Any, project_files: Any) -> None:
    """Our materializations, within the test's project."""
    folder = Path(str(project_root)) / "macros" / "comporta"
    for path in (ROOT / "dbt_project" / "macros").rglob("*.sql"):
        if path.name not in _OURS:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / path.name).write_text(path.read_text())
