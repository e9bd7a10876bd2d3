"""Spark, asked for the rows of new files alone, finds just these, also beside deletion vectors and odd folder names."""

from functools import partial
from pathlib import Path
from typing import Any

from deltalake import DeltaTable

from expectations.compile import aggregate, changed, frame
from expectations.evidence import Evidence
from expectations.runner import TableRows, _enough, _measured
from expectations.suite import Suite
from lakehouse.engines import catalog
from lakehouse.engines.dialect import SPARK, Engine
from lakehouse.settings import Settings
from lakehouse.tables import ledger
from lakehouse.tables.types import spark_types

SUITE = Suite.model_validate(
    {
        "table": "t",
        "description": "d",
        "owner": "o",
        "checks": [
            {"expect": "expect_column_values_to_be_between", "column": "n", "min_value": 0},
            {"expect": "expect_column_values_to_be_unique", "column": "n"},
        ],
    }
)


def looked(settings: Settings, spark: Any, place: str) -> dict[int, tuple[int, bool]]:
    """Of each check the rows that it looked at, and whether it holds."""
    table = DeltaTable(place)
    engine = Engine(lambda query: spark.sql(query).collect(), frame.at_version(place, table.version()), SPARK)
    verdicts = [row | {"delta_version": 0, "table_id": str(table.metadata().id)} for row in ledger.rows(settings, "verdicts")]
    few = changed.since(settings, table, verdicts, SUITE, (engine,))
    assert few is not None
    _, found = _measured(
        SUITE,
        TableRows(Evidence((engine,), spark_types(table), lambda *_: ""), (), lambda: None, few),
        dict(enumerate(SUITE.checks, 1)),
    )
    enough = partial(_enough, SUITE)
    return {n: (one.elements, one.hold(*enough(n))) for n, one in found.items() if isinstance(one, aggregate.Counts)}


def test_spark_looks_at_new_files_alone(spark_server: Settings, spark: Any, tmp_path: Path) -> None:
    settings = spark_server.model_copy(update={"lake_url": str(tmp_path / "lake")})
    place = str(tmp_path / "it's a table")
    name = f"delta.{catalog.quote(place)}"
    spark.sql(
        f"create table {name} using delta tblproperties (delta.enableDeletionVectors = true) as select id as n from range(10)"
    )
    ledger.create_missing(settings)
    ledger.append(settings, "verdicts", [{"verdict": "passed", "failed_warning": 0, "suite_hash": SUITE.hash}])
    spark.sql(f"insert into {name} values (100), (-1)")
    spark.sql(f"delete from {name} where n = 3")
    assert looked(settings, spark, place) == {1: (2, False), 2: (11, True)}
    spark.sql(f"update {name} set n = 5 where n = 100")
    assert looked(settings, spark, place)[2] == (11, False)
