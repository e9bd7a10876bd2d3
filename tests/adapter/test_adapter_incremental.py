"""Incremental models as dbt knows them: merges, columns that come and go, the other strategies of dbt-spark.

dbt's tests merge into tables that were not built from what is there now, which our materialization would refresh fully; with
`full_refresh: false` it leaves that to the model's owner, and merges as dbt does.
"""

from typing import Any

import pytest
from dbt.tests.adapter.incremental.test_incremental_merge_exclude_columns import BaseMergeExcludeColumns
from dbt.tests.adapter.incremental.test_incremental_microbatch import BaseMicrobatch
from dbt.tests.adapter.incremental.test_incremental_on_schema_change import BaseIncrementalOnSchemaChangeSetup
from dbt.tests.adapter.incremental.test_incremental_predicates import BaseIncrementalPredicates
from dbt.tests.adapter.incremental.test_incremental_unique_id import BaseIncrementalUniqueKey
from dbt.tests.util import run_dbt

_TWICE = """
{{% if not is_incremental() %}}
select cast(1 as bigint) as id, 'first' as msg, 'blue' as color union all select 2, 'second', 'red'
{{% else %}}
select cast(2 as bigint) as id, 'again' as msg, 'green' as color union all select 3, 'third', 'purple'
{{% endif %}}
"""
_FIRST, _SECOND = (1, "first", "blue"), (2, "second", "red")
_AGAIN, _THIRD = (2, "again", "green"), (3, "third", "purple")


def _merging(**more: Any) -> dict[str, Any]:
    every = {"+file_format": "delta", "+incremental_strategy": "merge", "+full_refresh": False, "+meta": {"on_tombstone": "ignore"}}
    return {"models": every | {f"+{name}": value for name, value in more.items()}}


class TestIncrementalUniqueKey(BaseIncrementalUniqueKey):
    @pytest.fixture(scope="class")
    def project_config_update(self) -> dict[str, Any]:
        return _merging()

    def refused(self, seed: str, model: str) -> None:
        """Our merge has no meaning without a key."""
        run_dbt(["seed", "--select", seed, "--full-refresh"])
        run_dbt(["run", "--select", model, "--full-refresh"])
        results = run_dbt(["run", "--select", model], expect_pass=False)
        assert "a merge needs a unique_key" in results[0].message

    def test__no_unique_keys(self, project: Any) -> None:
        self.refused("seed", "no_unique_key")

    def test__empty_str_unique_key(self, project: Any) -> None:
        self.refused("seed", "empty_str_unique_key")

    def test__empty_unique_key_list(self, project: Any) -> None:
        self.refused("seed", "empty_unique_key_list")


class TestMergeExcludeColumns(BaseMergeExcludeColumns):
    @pytest.fixture(scope="class")
    def project_config_update(self) -> dict[str, Any]:
        return _merging()


class TestIncrementalPredicates(BaseIncrementalPredicates):
    @pytest.fixture(scope="class")
    def project_config_update(self) -> dict[str, Any]:
        return _merging(incremental_predicates=["dbt_internal_dest.id != 2"])

    @pytest.fixture(scope="class")
    def models(self) -> dict[str, str]:
        own = "{{ config(materialized='incremental', unique_key='id') }}"
        rows = "select cast(1 as bigint) as id, '{}' as msg, 'blue' as color union all select 2, '{}', '{}'"
        first, then = (
            rows.format("hello", "goodbye", "red"),
            rows.format("hey", "yo", "green") + " union all select 3, 'anyway', 'purple'",
        )
        text = f"{own} {{% if not is_incremental() %}} {first} {{% else %}} {then} {{% endif %}}"
        return {"delete_insert_incremental_predicates.sql": text}


class TestPredicates(TestIncrementalPredicates):
    @pytest.fixture(scope="class")
    def project_config_update(self) -> dict[str, Any]:
        return _merging(predicates=["dbt_internal_dest.id != 2"])


class TestOnSchemaChange(BaseIncrementalOnSchemaChangeSetup):
    @pytest.fixture(scope="class")
    def project_config_update(self) -> dict[str, Any]:
        return _merging(unique_key="id")

    def test_ignore(self, project: Any) -> None:
        select = "model_a incremental_ignore incremental_ignore_target"
        self.run_twice_and_assert(select, "incremental_ignore", "incremental_ignore_target", project)

    def test_append_new_columns(self, project: Any) -> None:
        self.run_incremental_append_new_columns(project)

    @pytest.mark.parametrize("model", ["incremental_sync_all_columns", "incremental_sync_remove_only"])
    def test_sync_all_columns_removes_none(self, project: Any, model: str) -> None:
        """Delta drops columns only of tables with column mapping: dbt-spark refuses, and so do we."""
        select = f"model_a {model} {model}_target"
        run_dbt(["run", "--select", select, "--full-refresh"])
        results = run_dbt(["run", "--select", select], expect_pass=False)
        assert "Compilation Error" in {each.node.name: each.message for each in results}[model]

    def test_fail(self, project: Any) -> None:
        run_dbt(["run", "--select", "model_a incremental_fail", "--full-refresh"])
        results = run_dbt(["run", "--select", "model_a incremental_fail"], expect_pass=False)
        said = results[1].message
        assert "the query does not give the columns that the table has" in said


class TestStrategies:
    """What dbt-spark offers, in each format that our server has; by the rows after two runs."""

    @pytest.fixture(scope="class")
    def models(self) -> dict[str, str]:
        def model(strategy: str, **more: Any) -> str:
            said = {"materialized": "incremental", "incremental_strategy": strategy, "full_refresh": False} | more
            return "{{ config(" + ", ".join(f"{name}={value!r}" for name, value in said.items()) + ") }}" + _TWICE.format()

        return {
            "append_delta.sql": model("append"),
            "append_parquet.sql": model("append", file_format="parquet"),
            "merge_key.sql": model("merge", unique_key="id"),
            "merge_update_columns.sql": model("merge", unique_key="id", merge_update_columns=["msg"]),
            "merge_exclude_columns.sql": model("merge", unique_key="id", merge_exclude_columns=["color"]),
            "overwrite_parquet.sql": model("insert_overwrite", file_format="parquet"),
            "overwrite_parts_parquet.sql": model("insert_overwrite", file_format="parquet", partition_by="color"),
            "overwrite_parts_delta.sql": model("insert_overwrite", partition_by="color"),
        }

    def test_rows_after_two_runs(self, project: Any) -> None:
        run_dbt(["run"])
        run_dbt(["run"])
        every = [_FIRST, _SECOND, _AGAIN, _THIRD]
        expected = {
            "append_delta": every,
            "append_parquet": every,
            "merge_key": [_FIRST, _AGAIN, _THIRD],
            "merge_update_columns": [_FIRST, (2, "again", "red"), _THIRD],
            "merge_exclude_columns": [_FIRST, (2, "again", "red"), _THIRD],
            "overwrite_parquet": [_AGAIN, _THIRD],
            "overwrite_parts_parquet": every,
            "overwrite_parts_delta": every,
        }
        held = {name: project.run_sql(f"select id, msg, color from {project.test_schema}.{name}", fetch="all") for name in expected}
        assert {name: sorted(rows) for name, rows in held.items()} == {name: sorted(rows) for name, rows in expected.items()}


class TestBadStrategies:
    @pytest.fixture(scope="class")
    def models(self) -> dict[str, str]:
        def model(**more: str) -> str:
            return (
                "{{ config(materialized='incremental', " + ", ".join(f"{n}={v!r}" for n, v in more.items()) + ") }} select 1 as id"
            )

        return {
            "no_such_format.sql": model(file_format="something_else"),
            "merge_into_parquet.sql": model(file_format="parquet", incremental_strategy="merge"),
            "no_such_strategy.sql": model(incremental_strategy="something_else"),
        }

    def test_each_is_refused(self, project: Any) -> None:
        results = run_dbt(["run"], expect_pass=False)
        assert len(results) == 3
        assert all("Compilation Error in model" in each.message for each in results)


class TestMicrobatch(BaseMicrobatch):
    @pytest.fixture(scope="class")
    def project_config_update(self) -> dict[str, Any]:
        return {"models": {"+file_format": "parquet"}}

    @pytest.fixture(scope="class")
    def microbatch_model_sql(self) -> str:
        return (
            "{{ config(materialized='incremental', incremental_strategy='microbatch', event_time='event_time', batch_size='day', "
            "begin=modules.datetime.datetime(2020, 1, 1, 0, 0, 0), partition_by=['date_day']) }} "
            "select *, cast(event_time as date) as date_day from {{ ref('input_model') }}"
        )


class TestMicrobatchDelta(TestMicrobatch):
    @pytest.fixture(scope="class")
    def project_config_update(self) -> dict[str, Any]:
        return {"models": {"+file_format": "delta"}}
