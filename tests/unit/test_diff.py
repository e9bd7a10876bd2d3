"""Two releases compared: rows by key, by batch or as a multiset; columns, tables and quarantine that came, went or changed."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from click.testing import CliRunner
from deltalake import CommitProperties, DeltaTable, write_deltalake
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from expectations import names
from inspection import command, diff
from inspection.reader import Reader
from lakehouse.errors import ReleaseError
from lakehouse.settings import Settings
from lakehouse.tables import candidate, ledger, quarantine, released

SCHEMA = pa.schema([("id", pa.int64()), ("name", pa.string()), ("price", pa.float64()), ("_batch_id", pa.int64())])
Row = tuple[int, str | None, float | None]


class Lake:
    """Gold tables of (id, name, price) and their releases, without Spark."""

    def __init__(self, folder: Path) -> None:
        self.settings = Settings(var_dir=folder)
        self.number = 0

    def write(self, table: str, rows: list[Row], batch: int = 1, mode: str = "overwrite") -> int:
        data = [{"id": key, "name": name, "price": price, "_batch_id": batch} for key, name, price in rows]
        place = candidate.location(self.settings, "gold", table)
        write_deltalake(place, pa.Table.from_pylist(data, schema=SCHEMA), mode=mode)  # type: ignore[call-overload]
        return DeltaTable(place).version()

    def release(self, status: str = "published", layer: str = "gold", held: dict[str, Any] | None = None, **tables: int) -> int:
        self.number += 1
        row = {
            "release_id": self.number,
            "layer": layer,
            "kind": "release",
            "status": status,
            "tables": json.dumps(tables),
            "note": "",
        }
        ledger.append(self.settings, "releases", [row | {"held": json.dumps(held) if held else None}])
        return self.number

    def diff(self, text: str = "1..2", rows: int = 0, show: bool = False) -> dict[str, diff.TableDifference]:
        before, after = diff.choose(self.settings, text)
        return {one.table: one for one in diff.compare(self.settings, Reader(self.settings), before, after, rows, show)}


@pytest.fixture
def lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lake]:
    monkeypatch.setattr(diff, "key_of", lambda settings, layer, table: () if table == "log" else ("id",))
    yield Lake(tmp_path)


def test_rows_are_told_apart_by_their_key(lake: Lake) -> None:
    was = lake.write("t", [(1, "a", 1.0), (2, "b", float("nan")), (3, None, 3.0), (4, "d", 4.0)])
    now = lake.write("t", [(1, "a", 1.5), (2, "b", float("nan")), (3, "c", 3.5), (5, "e", 5.0)])
    lake.release(t=was)
    lake.release(t=now)
    found = lake.diff(rows=5)["t"]
    assert (found.state, found.added, found.changed, found.removed, found.restamped) == ("changed", 1, 2, 1, 0)
    assert found.changed_columns == {"price": 2, "name": 1}
    said = [(one.kind, one.key, one.columns, one.values) for one in found.examples]
    assert said == [
        ("added", {"id": 5}, (), {}),
        ("changed", {"id": 1}, ("price",), {}),
        ("changed", {"id": 3}, ("name", "price"), {}),
        ("removed", {"id": 4}, (), {}),
    ]


def test_values_are_shown_only_when_asked_for(lake: Lake) -> None:
    lake.release(t=lake.write("t", [(1, "canary", 1.0)]))
    lake.release(t=lake.write("t", [(1, "parrot", 1.0)]))
    assert lake.diff(rows=5, show=True)["t"].examples[0].values == {"name": ("canary", "parrot")}
    assert "canary" not in str(lake.diff(rows=5))


def test_what_was_only_built_again_is_no_change(lake: Lake) -> None:
    lake.release(t=lake.write("t", [(1, "a", 1.0), (2, "b", 2.0)]))
    lake.release(t=lake.write("t", [(2, "b", 2.0), (1, "a", 1.0)]))
    lake.release(t=lake.write("t", [(2, "b", 2.0), (1, "a", 1.0)], batch=7))
    assert lake.diff()["t"].state == "same"
    found = lake.diff("2..3")["t"]
    assert (found.changed, found.restamped, found.changed_columns) == (0, 2, {"_batch_id": 2})


def test_a_row_that_is_marked_deleted_has_changed(lake: Lake) -> None:
    place = candidate.location(lake.settings, "gold", "t")
    for gone in (False, True):
        write_deltalake(place, pa.table({"id": [1, 2], "_is_deleted": [False, gone], "_batch_id": [1, 2]}), mode="overwrite")
        lake.release(t=DeltaTable(place).version())
    found = lake.diff(rows=1)["t"]
    assert (found.changed, found.restamped, found.examples[0].columns) == (1, 0, ("_is_deleted",))


def test_only_files_of_one_side_are_read(lake: Lake) -> None:
    was = lake.write("t", [(1, "a", 1.0)])
    [kept] = DeltaTable(candidate.location(lake.settings, "gold", "t")).file_uris()
    lake.release(t=was)
    lake.release(t=lake.write("t", [(2, "b", 2.0)], mode="append"))
    Path(kept.removeprefix("file://")).unlink()
    found = lake.diff()["t"]
    assert (found.added, found.removed, found.changed) == (1, 0, 0)


_AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (pa.timestamp("us", "UTC"), _AT),
        (pa.timestamp("us"), _AT.replace(tzinfo=None)),
        (pa.date32(), _AT.date()),
        (pa.int8(), 1),
        (pa.int16(), 1),
        (pa.float32(), 0.1),
        (pa.bool_(), True),
        (pa.binary(), b"\xff"),
        (pa.decimal128(38, 9), Decimal("1.000000001")),
        (pa.list_(pa.float32()), [0.1, None]),
        (pa.list_(pa.timestamp("us", "UTC")), [_AT]),
        (pa.struct([pa.field('a "b"', pa.string())]), {'a "b"': "x"}),
        (pa.map_(pa.string(), pa.int64()), [("x", 1)]),
    ],
    ids=str,
)
def test_a_side_without_files_has_its_types(lake: Lake, kind: pa.DataType, value: Any) -> None:
    """Rows were only added: nothing of the earlier version is read, and a column may be of any type, or be new."""
    place = candidate.location(lake.settings, "gold", "t")
    both, key = pa.schema([("id", pa.int64()), ("v", kind)]), pa.schema([("id", pa.int64())])
    write_deltalake(place, pa.Table.from_pylist([{"id": 1, "v": value}], schema=both))
    write_deltalake(place, pa.Table.from_pylist([{"id": 2, "v": value}], schema=both), mode="append")
    write_deltalake(place, pa.Table.from_pylist([{"id": 3}], schema=key), mode="append", schema_mode="merge")
    for version in (0, 1, 2):
        lake.release(t=version)
    for text, added in (("1..2", 1), ("2..3", 1), ("1..3", 2), ("3..1", 0)):
        found = lake.diff(text, rows=3, show=True)["t"]
        assert (found.added, found.removed, found.changed) == (added, 0 if added else 2, 0), text
        assert found.note == "" and len(found.examples) == (added or 2)


def test_equal_versions_are_the_same_unread(lake: Lake) -> None:
    lake.release(t=99)
    lake.release(t=99)
    assert lake.diff()["t"].state == "same"


def test_a_version_that_vacuum_took_is_named(lake: Lake) -> None:
    was = lake.write("t", [(1, "a", 1.0)])
    [file] = DeltaTable(candidate.location(lake.settings, "gold", "t")).file_uris()
    lake.release(t=was, gone=3)
    lake.release(t=lake.write("t", [(1, "b", 1.0)]), gone=4)
    Path(file.removeprefix("file://")).unlink()
    found = lake.diff()
    assert found["t"].state == found["gone"].state == "unreadable"
    assert "gold.t version 0: can't be read: 1 of its files are no longer there" in found["t"].note


def test_tables_come_and_go(lake: Lake) -> None:
    lake.release(old=lake.write("old", [(1, "a", 1.0)]))
    lake.release(new=lake.write("new", [(1, "a", 1.0), (2, "b", 1.0)]))
    found = lake.diff()
    assert (found["old"].state, found["old"].removed, found["new"].state, found["new"].added) == ("gone", 1, "new", 2)


def test_columns_come_go_and_change_type(lake: Lake) -> None:
    place = candidate.location(lake.settings, "gold", "t")
    write_deltalake(place, pa.table({"id": [1, 2], "price": [1, 2], "old": ["x", "y"]}))
    write_deltalake(
        place, pa.table({"id": [1, 2], "price": ["1", "n/a"], "new": [1, 2]}), mode="overwrite", schema_mode="overwrite"
    )
    lake.release(t=0)
    lake.release(t=1)
    found = lake.diff()["t"]
    assert found.columns == ("+ new long", "− old string", "~ price long → string")
    assert (found.changed, found.changed_columns) == (1, {"price": 1}), "a value that only its type has changed is the same"


@pytest.mark.parametrize(("table", "said"), [("log", "has no key"), ("twice", "more than once")])
def test_without_a_key_rows_are_a_multiset(lake: Lake, table: str, said: str) -> None:
    lake.release(**{table: lake.write(table, [(1, "a", 1.0), (1, "a", 1.0), (2, "b", 2.0)])})
    lake.release(**{table: lake.write(table, [(1, "a", 1.0), (2, "b", 2.0), (2, "c", 2.0), (2, "c", 2.0)])})
    found = lake.diff()[table]
    assert (found.added, found.changed, found.removed) == (2, None, 1)
    assert said in found.note


def test_bronze_is_compared_by_batch_and_compaction_is_no_difference(lake: Lake) -> None:
    place = candidate.location(lake.settings, "bronze", "t")

    def batch(number: int, *ops: str) -> None:
        write_deltalake(place, pa.table({"id": range(len(ops)), "_batch_id": [number] * len(ops), "_op": ops}), mode="append")

    batch(1, "r", "r")
    batch(2, "u", "d")
    lake.release(layer="bronze", t=1)
    DeltaTable(place).optimize.compact(commit_properties=CommitProperties())
    batch(3, "u", "u", "d")
    lake.release(layer="bronze", t=DeltaTable(place).version())
    found = lake.diff()["t"]
    assert (found.added, found.removed, found.changed) == (3, 0, None)
    assert found.batches == (diff.Batch(3, 3, 2, 1, True),)


def test_quarantine_is_part_of_what_readers_see(lake: Lake) -> None:
    place = quarantine.location(lake.settings, "t")
    write_deltalake(place, pa.table({"id": [1]}))
    write_deltalake(place, pa.table({"id": [2, 3]}), mode="append")
    lake.release(layer="bronze", t=5, held={"t": {"version": 0, "key": ["id"]}})
    lake.release(layer="bronze", t=5, held={"t": {"version": 1, "key": ["id"]}})
    lake.release(layer="bronze", t=5)
    assert (lake.diff()["t"].state, lake.diff()["t"].held) == ("changed", (1, 3))
    assert lake.diff("2..3")["t"].held == (3, 0)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("1..9", "release 9: does not exist (wanted: one of: 1, 2, 3)"),
        ("1..2", "are of gold and silver"),
        ("1..3", "is pending"),
        ("x", "is no pair of releases"),
        ("1", "is the first of gold"),
        ("1..", "is no pair"),
        ("-1..2", "is no pair"),
    ],
)
def test_what_cannot_be_compared_is_refused(lake: Lake, text: str, said: str) -> None:
    lake.release(t=1)
    lake.release(layer="silver", t=1)
    lake.release(status="pending", t=2)
    with pytest.raises(ReleaseError) as refusal:
        diff.choose(lake.settings, text)
    assert said in str(refusal.value)


def test_one_number_stands_for_what_that_release_changed(lake: Lake) -> None:
    lake.release(t=1)
    lake.release(layer="silver", t=1)
    lake.release(t=2)
    assert [one.release_id for one in diff.choose(lake.settings, "3")] == [1, 3]


_ROWS = st.dictionaries(st.integers(0, 9), st.tuples(st.sampled_from(["a", "b", None]), st.sampled_from([0.0, 1.5, None])))


@examples(max_examples=25, deadline=None)
@given(was=_ROWS, now=_ROWS)
def test_counts_are_those_of_the_rows(tmp_path_factory: pytest.TempPathFactory, was: dict[int, Any], now: dict[int, Any]) -> None:
    lake = Lake(tmp_path_factory.mktemp("law"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(diff, "key_of", lambda *_: ("id",))
        for rows in (was, now):
            lake.release(t=lake.write("t", [(key, *values) for key, values in rows.items()]))
        found = lake.diff()["t"]
    changed = sum(was[key] != now[key] for key in was.keys() & now.keys())
    assert (found.added, found.changed, found.removed) == (len(now.keys() - was.keys()), changed, len(was.keys() - now.keys()))


def run(lake: Lake, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> Any:
    monkeypatch.setattr(command, "load", lambda: lake.settings)
    return CliRunner().invoke(command.diff, arguments)


def test_json_is_all_that_is_printed(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    lake.release(t=lake.write("t", [(1, "a", 1.0)]))
    lake.release(t=lake.write("t", [(1, "b", 1.0)]))
    said = json.loads(run(lake, monkeypatch, "--release", "1..2", "--rows", "1", "--json").stdout)
    assert (said["layer"], said["before"], said["after"], said["tables"][0]["changed"]) == ("gold", 1, 2, 1)
    assert said["tables"][0]["examples"][0]["columns"] == ["name"]


def test_an_unreadable_table_does_not_hide_the_others(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lake.release(t=lake.write("t", [(1, "a", 1.0)]), gone=3)
    lake.release(t=lake.write("t", [(1, "b", 1.0)]), gone=4)
    monkeypatch.setattr(command, "load", lambda: lake.settings)
    with pytest.raises(ReleaseError, match="1 of 2 tables: could not be compared: gone"):
        command.diff.main(["--release", "1..2"], standalone_mode=False)
    said = capsys.readouterr().out
    assert "name 1" in said and "gold.gone version 3" in said


def test_the_key_is_the_models_else_the_suites(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = Settings(var_dir=tmp_path)
    assert names.key_of(made, "gold", "rpt_category_revenue") == ("category_id", "currency"), "dbt has not run: the suite says it"
    node = {"resource_type": "model", "name": "rpt_category_revenue", "tags": ["gold"], "config": {"unique_key": ["a", "b"]}}
    monkeypatch.setattr(names.dbt, "manifest", lambda settings: {"nodes": {"x": node}})
    assert names.key_of(made, "gold", "rpt_category_revenue") == ("a", "b")
    ledger.append(made, "batches", [{"batch_id": 1, "table_name": "t", "status": "committed", "key": '["x"]'}])
    assert names.key_of(made, "bronze", "t") == ("x",)
    assert released.history(made) == []
