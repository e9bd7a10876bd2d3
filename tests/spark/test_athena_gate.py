"""Tables as Spark writes them, before the gate of what Athena can read."""

import duckdb
import pytest

from lakehouse.engines import catalog
from lakehouse.settings import Settings
from lakehouse.tables import candidate
from releases import athena, glue

_LAYER = "gold"
# Name of a table -> what makes it, and what the gate says of it (nothing: it may go).
_TABLES: dict[str, tuple[list[str], str]] = {
    "athena_plain": (["using delta as select id, array(id) as ids, timestamp_ntz '2026-01-01' as at from range(3)"], ""),
    "athena_vectors": (
        [
            "using delta tblproperties ('delta.enableDeletionVectors' = 'true') as select id from range(1000)",
            "delete from {t} where id = 7",
        ],
        "deletion vectors",
    ),
    "athena_vectors_unused": (
        ["using delta tblproperties ('delta.enableDeletionVectors' = 'true') as select id from range(3)"],
        "",
    ),
    "athena_mapped": (
        ["using delta tblproperties ('delta.columnMapping.mode' = 'name') as select id from range(3)"],
        "column mapping",
    ),
    "athena_widened": (
        [
            "using delta tblproperties ('delta.enableTypeWidening' = 'true') as select cast(id as int) as id from range(3)",
            "alter table {t} alter column id type bigint",
        ],
        "type widening of column id",
    ),
    "athena_variant": (["using delta as select parse_json('{{}}') as v, id from range(3)"], "variant"),
    "athena_parted": (["using delta partitioned by (id) as select id, 1 as one from range(3)"], "partition columns id"),
    "athena_clustered": (["using delta cluster by (id) as select id, 1 as one from range(3)"], ""),
}


@pytest.fixture(autouse=True)
def gone_afterwards(spark_server: Settings) -> object:
    """The catalog is shared by all tests."""
    yield
    for table in _TABLES:
        catalog.thrift_rows(spark_server, f"drop table if exists gold_candidate.{table}")


@pytest.mark.parametrize("table", _TABLES)
def test_the_gate_knows_what_spark_has_written(spark_server: Settings, table: str) -> None:
    (first, *more), wanted = _TABLES[table]
    name = f"gold_candidate.{table}"
    catalog.thrift_rows(spark_server, f"create table {name} {first.format(t=name)}", *(each.format(t=name) for each in more))
    version = candidate.version(spark_server, _LAYER, table)
    assert version is not None
    seen, reason = glue._look(spark_server, _LAYER, table, version)
    assert wanted in reason and bool(wanted) == bool(reason)
    if not wanted:
        assert seen
        catalog.thrift_rows(spark_server, f"delete from {name} where id = 1")  # the table moves on
        found = duckdb.sql("select id from read_parquet($files) order by id", params={"files": list(seen.files)}).fetchall()
        assert found == [(0,), (1,), (2,)]
        assert athena.table_input(table, seen, "s3://b/m/", None, {})["StorageDescriptor"]["Columns"][0]["Type"] == "bigint"
