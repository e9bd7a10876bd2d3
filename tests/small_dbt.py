"""A small dbt project of a test's own, with our adapter."""

import itertools
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import yaml
from dbt.cli.main import dbtRunner
from deltalake import CommitProperties, DeltaTable, write_deltalake

from lakehouse import dbt
from lakehouse.engines import catalog
from lakehouse.settings import Settings

_numbers = itertools.count(1)
_EVENTS = pa.schema([("id", pa.int64()), ("told", pa.string()), ("at", pa.timestamp("us", tz="UTC")), ("_batch_id", pa.int64())])
MERGE = "{{ config(materialized='incremental', unique_key='id') }} "
# The latest version of each new row.
NEW = (
    "select id, told, at, _batch_id from {{ ref('stg') }} where {{ is_new_batch() }} "
    "qualify row_number() over (partition by id order by _batch_id desc) = 1"
)


class Project:
    """A dbt project on the server, and a bronze table `events` as its source; each is alone in its schemas."""

    def __init__(self, folder: Path, settings: Settings, locking: bool = False) -> None:
        self.folder, self.settings, self.name = folder, settings, f"small{next(_numbers)}"
        self.table = settings.var_dir / self.name / "events"
        for name in ("packages", *(["begin_writing"] if locking else [])):
            self.write(f"macros/{name}.sql", (dbt.PROJECT / "macros" / f"{name}.sql").read_text())
        every = {"+file_format": "delta"}
        models = every | {"+incremental_strategy": "merge", "+on_schema_change": "fail", "+meta": {"on_tombstone": "ignore"}}
        self.write(
            "dbt_project.yml",
            yaml.safe_dump(
                {
                    "name": "comporta",
                    "profile": "small",
                    "models": models,
                    "seeds": every,
                    "snapshots": every,
                    "on-run-start": "{{ begin_writing() }}" if locking else [],
                    "flags": {"send_anonymous_usage_stats": False, "use_colors": False},
                }
            ),
        )
        server = {
            "type": "comporta",
            "method": "thrift",
            "host": "127.0.0.1",
            "port": settings.thrift_port,
            "ui_port": settings.spark_ui_port,
            "user": "dbt",
            "poll_interval": 0,
            "threads": 2,
            "server_side_parameters": {
                "set:hiveconf:spark.sql.session.timeZone": "UTC",
                "set:hiveconf:spark.sql.ansi.enabled": "true",
            },
        }
        targets = {name: server | {"schema": f"{self.name}_{name}"} for name in ("main", "other")}
        self.write("profiles.yml", yaml.safe_dump({"small": {"target": "main", "outputs": targets}}))
        self.write(
            "models/sources.yml",
            yaml.safe_dump(
                {
                    "sources": [
                        {
                            "name": "bronze",
                            "schema": f"{self.name}_bronze",
                            "tables": [{"name": "events", "config": {"event_time": "at"}}],
                        },
                    ]
                }
            ),
        )
        self.write("models/stg.sql", "{{ config(materialized='view') }} select * from {{ source('bronze', 'events') }}")
        self.batch(1, 1, 2, 3)
        catalog.thrift_rows(
            settings,
            f"create schema {self.name}_bronze",
            catalog.register_statement(f"{self.name}_bronze", "events", str(self.table)),
        )

    def write(self, path: str, text: str) -> None:
        place = self.folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)

    def batch(self, number: int, *ids: int) -> None:
        """Append a batch as ingestion does; an event is of the day that its id says, where January has one."""
        rows = [
            {"id": each, "told": f"b{number}", "at": datetime(2026, 1, min(each, 31), 12, tzinfo=UTC), "_batch_id": number}
            for each in ids
        ]
        made = pa.Table.from_pylist(rows, _EVENTS)
        note = CommitProperties(custom_metadata={"comporta": json.dumps({"window": {"batch_id": number}})})
        write_deltalake(str(self.table), made, mode="append", commit_properties=note)

    def drop(self) -> None:
        for schema in ("bronze", "main", "other"):
            catalog.thrift_rows(self.settings, f"drop schema if exists {self.name}_{schema} cascade")

    @contextmanager
    def told(self) -> Iterator[None]:
        """dbt in this process finds the lake and the server of `settings`."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("LAKE_URL", self.settings.lake_url)
            patch.setenv("VAR_DIR", str(self.settings.var_dir))
            yield

    def dbt(self, *said: str, failing: bool = False) -> dict[str, str]:
        """Run dbt; of each node that it ran, by name, its status. Fails the test if dbt does not end as expected."""
        place = str(self.folder)
        with self.told():
            done = dbtRunner().invoke(
                [
                    *said,
                    "--project-dir",
                    place,
                    "--profiles-dir",
                    place,
                    "--log-path",
                    f"{place}/logs",
                    "--quiet",
                    "--no-version-check",
                ]
            )
        assert done.exception is None or failing, done.exception
        found = {each.node.name + _version(each.node): each for each in getattr(done.result, "results", ())}
        said_by = {name: f"{each.status}: {each.message}" for name, each in found.items()}
        assert done.success is not failing, said_by
        self.messages = said_by
        return {name: str(each.status) for name, each in found.items()}

    def rows(self, table: str, columns: str = "*", target: str = "main") -> list[tuple[Any, ...]]:
        """What the table holds, in order."""
        return sorted(catalog.thrift_rows(self.settings, f"select {columns} from {self.name}_{target}.{table}"))

    def ids(self, table: str, target: str = "main") -> list[int]:
        return [row[0] for row in self.rows(table, "id", target)]

    def tables(self, target: str) -> set[str]:
        return {row[1] for row in catalog.thrift_rows(self.settings, f"show tables in {self.name}_{target}") if not row[2]}

    def version(self, table: str) -> int:
        """The version of a Delta table: nothing wrote it as long as this is the same."""
        return self._delta(table).version()

    def ranges(self, table: str, column: str) -> dict[str, tuple[Any, Any]]:
        """The column's least and greatest value in each file of a Delta table."""
        found = pa.table(self._delta(table).get_add_actions(flatten=True)).to_pylist()
        return {row["path"]: (row[f"min.{column}"], row[f"max.{column}"]) for row in found}

    def _delta(self, table: str) -> DeltaTable:
        return DeltaTable(f"{self.settings.lake_url}/warehouse/{self.name}_main.db/{table}")

    def keep_state(self) -> str:
        """What dbt knows now, as another folder to compare with."""
        shutil.copytree(self.folder / "target", self.folder / "state", dirs_exist_ok=True)
        return str(self.folder / "state")


def _version(node: Any) -> str:
    return f"_v{node.version}" if getattr(node, "version", None) else ""


@contextmanager
def placed(folder: Path, settings: Settings) -> Iterator[Project]:
    """A project that is gone afterwards."""
    made = Project(folder, settings)
    yield made
    made.drop()
