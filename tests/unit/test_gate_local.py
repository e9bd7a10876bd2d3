"""Which Delta tables DuckDB may read itself: those whose files hold just the rows of the version."""

from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from lakehouse.engines import duck, local
from lakehouse.settings import Settings
from lakehouse.tables.types import spark_types


@pytest.fixture
def place(tmp_path: Path) -> str:
    """A table of two versions: three rows, then five."""
    url = str(tmp_path / "it's a table")
    for rows in (3, 2):
        write_deltalake(url, pa.table({"id": range(rows), "kind": ["a"] * rows}), mode="append")
    return url


@pytest.mark.parametrize(("version", "rows"), [(0, 3), (1, 5)])
def test_the_version_that_is_judged_is_read(place: str, tmp_path: Path, version: int, rows: int) -> None:
    settings = Settings(var_dir=tmp_path)
    query = local.rows(settings, DeltaTable(place, version=version))
    assert query is not None
    assert local.DuckEngine(settings).ask(f"select count(*) from ({query})") == [(rows,)]


def test_types_are_deltas(place: str) -> None:
    assert spark_types(DeltaTable(place)) == {"id": "long", "kind": "string"}


def test_a_nested_type_is_told_whole(tmp_path: Path) -> None:
    item = pa.struct([("a", pa.list_(pa.int64())), ("b", pa.map_(pa.string(), pa.decimal128(4, 1)))])
    write_deltalake(str(tmp_path / "t"), pa.table({"c": pa.array([], item), "d": pa.array([], pa.list_(pa.string()))}))
    wanted = {"c": "struct<a:array<long>,b:map<string,decimal(4,1)>>", "d": "array<string>"}
    assert spark_types(DeltaTable(str(tmp_path / "t"))) == wanted


def test_partitions_deletion_vectors_and_an_empty_table_are_left_to_spark(place: str, tmp_path: Path) -> None:
    settings = Settings(var_dir=tmp_path)
    parted, empty, vectors = (str(tmp_path / name) for name in ("parted", "empty", "vectors"))
    write_deltalake(parted, pa.table({"id": [1], "kind": ["a"]}), partition_by=["kind"])
    write_deltalake(empty, pa.table({"id": pa.array([], pa.int64())}))
    write_deltalake(vectors, pa.table({"id": [1]}), configuration={"delta.enableDeletionVectors": "true"})
    assert "deletionVectors" in (DeltaTable(vectors).protocol().reader_features or [])
    assert [local.rows(settings, DeltaTable(url)) for url in (parted, empty, vectors)] == [None, None, None]


def test_what_lies_on_s3_is_left_to_spark_where_duckdb_has_no_wheel_to_reach_it(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(var_dir=tmp_path, lake_url="s3://lake")
    assert local.rows(settings, DeltaTable(place)) is not None
    monkeypatch.setattr(duck, "find_spec", lambda name: None)
    assert local.rows(settings, DeltaTable(place)) is None


def test_a_path_that_is_a_pattern_is_left_to_spark(tmp_path: Path) -> None:
    odd = str(tmp_path / "all*")
    write_deltalake(odd, pa.table({"id": [1]}))
    assert local.rows(Settings(var_dir=tmp_path), DeltaTable(odd)) is None


@pytest.mark.parametrize("condition", ["ratio > 0.9", "not (ratio >= 0 and ratio <= 1)", "ratio not between 0 and 1"])
def test_nan_is_seen_though_the_files_statistics_leave_it_out(tmp_path: Path, condition: str) -> None:
    """Arrow's writer names the least and the greatest number; who trusts them takes every row for one in between."""
    settings, url = Settings(var_dir=tmp_path), str(tmp_path / "t")
    write_deltalake(url, pa.table({"ratio": [0.5, float("nan")]}))
    query, engine = local.rows(settings, DeltaTable(url)), local.DuckEngine(settings)
    assert engine.ask(f"select count(*) from ({query}) where {condition}") == [(1,)]
    assert engine.ask(f"select count(case when {condition} then 1 end) from ({query})") == [(1,)]
