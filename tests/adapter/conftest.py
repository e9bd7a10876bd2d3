"""dbt's own tests of an adapter, on our Spark server, with our materializations. `make test-adapter` runs them."""

import os
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from dbt.tests.util import write_file

from lakehouse.settings import Settings

_EVERY = {
    "models": {"+file_format": "delta", "+incremental_strategy": "merge", "+meta": {"on_tombstone": "ignore"}},
    "seeds": {"+file_format": "delta", "+quote_columns": False},
    "snapshots": {"+file_format": "delta"},
}


@pytest.fixture(scope="class")
def dbt_profile_target(spark_server: Settings) -> dict[str, Any]:
    """The target of the test's project."""
    return {
        "type": "comporta",
        "method": "thrift",
        "host": "127.0.0.1",
        "port": spark_server.thrift_port,
        "ui_port": spark_server.spark_ui_port,
        "user": "dbt",
        "poll_interval": 0,
        "threads": 2,
        "connect_retries": 1,
        "server_side_parameters": {"set:hiveconf:spark.sql.session.timeZone": "UTC"},
    }


@pytest.fixture(scope="class")
def dbt_project_yml(project_root: Any, project_config_update: Any) -> dict[str, Any]:
    """The test's project, in which everything is a Delta table unless the test says otherwise: dbt's fixture knows no defaults."""
    said = yaml.safe_load(project_config_update) if isinstance(project_config_update, str) else project_config_update or {}
    project = {"name": "test", "profile": "test", "flags": {"send_anonymous_usage_stats": False}} | _EVERY | said
    project |= {kind: defaults | (said.get(kind) or {}) for kind, defaults in _EVERY.items()}
    write_file(yaml.safe_dump(project), project_root, "dbt_project.yml")
    return project


@pytest.fixture(scope="class")
def logs_dir(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """dbt's fixture would put them into the repository."""
    folder = str(tmp_path_factory.mktemp("logs"))
    os.environ["DBT_LOG_PATH"] = folder
    yield folder
    del os.environ["DBT_LOG_PATH"]


@pytest.fixture(scope="class", autouse=True)
def our_lake(spark_server: Settings) -> Any:
    """The adapter looks for tables where the tests' server keeps them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LAKE_URL", spark_server.lake_url)
        patch.setenv("VAR_DIR", str(spark_server.var_dir))
        yield
