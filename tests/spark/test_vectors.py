"""Tables with deletion vectors: what the log says of their rows is what a query says."""

import uuid
from pathlib import Path

from deltalake import DeltaTable

from lakehouse.engines import catalog
from lakehouse.settings import Settings
from lakehouse.tables import candidate, deletion_vectors


def test_rows_are_counted_without_those_that_vectors_hide(spark_server: Settings) -> None:
    """At each version: before and after a checkpoint, a vector that grows, rows that come, files written anew."""
    schema = f"vectors_{uuid.uuid4().hex[:8]}"
    table = f"{schema}.t"
    catalog.thrift_rows(
        spark_server,
        f"create schema {schema}",
        f"create table {table} using delta tblproperties (delta.enableDeletionVectors = true) as select /*+ repartition(3) */ * from range(900)",
        *(f"delete from {table} where id % 100 = {step}" for step in range(7)),
        f"merge into {table} t using (select id * 100 as id from range(12)) s on t.id = s.id when not matched then insert *",
        *(f"delete from {table} where id in ({step}, {step + 50}, {step * 100})" for step in range(8, 12)),
        f"optimize {table}",
        f"delete from {table} where id > 800",
    )
    try:
        place = f"{spark_server.lake_url}/warehouse/{schema}.db/t"
        last = DeltaTable(place).version()
        assert any("checkpoint.parquet" in path.name for path in (Path(place) / "_delta_log").iterdir()) and last > 12
        hidden = []
        for version in range(last + 1):
            held = DeltaTable(place, version=version)
            [(rows,)] = catalog.thrift_rows(spark_server, f"select count(*) from {table} version as of {version}")
            assert candidate.size_of(held).rows == rows, f"version {version}"
            hidden.append(deletion_vectors.hidden(held))
        assert hidden[0] == 0 < hidden[3] < hidden[7] < hidden[last]
    finally:
        catalog.thrift_rows(spark_server, f"drop schema {schema} cascade")
