"""What DuckDB can't read as it is (deletion vectors here) is asked of Spark, with the same answers."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from expectations.drafting import draft
from inspection import diff, key
from inspection.reader import Reader
from inspection.why import Tracer
from lakehouse.engines.dialect import SPARK
from lakehouse.settings import Settings
from lakehouse.store import storage
from lakehouse.tables import candidate, ledger

HOSTILE = ["x' or '1'='1", "\\' or 1=1 -- ", "a\\", "`'\"", "é\n\t'", "''"]


@pytest.fixture
def marked(lake_settings: Settings, spark: Any, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Gold table `t` (id, name, price, seen_at) of three versions: written, three rows deleted by vectors, one row changed."""
    monkeypatch.setattr(diff, "key_of", lambda *_: ("id",))
    monkeypatch.setattr("inspection.why.key_of", lambda *_: ("id",))
    place = f"delta.`{storage.for_spark(candidate.location(lake_settings, 'gold', 't'))}`"
    vectors = "tblproperties ('delta.enableDeletionVectors' = 'true')"
    rows = "select id, concat('name ', id) as name, cast(id as double) as price, timestamp '2026-01-01 10:00:00' as seen_at from range(100)"
    for statement in (
        f"create table {place} using delta {vectors} as {rows}",
        f"delete from {place} where id in (3, 4, 5)",
        f"update {place} set price = -1 where id = 7",
    ):
        spark.sql(statement).collect()
    newest = candidate.version(lake_settings, "gold", "t")
    assert newest is not None
    for number, version in ((1, newest - 2), (2, newest)):
        row = {"release_id": number, "layer": "gold", "kind": "release", "status": "published", "note": ""}
        ledger.append(lake_settings, "releases", [row | {"tables": json.dumps({"t": version})}])
    return lake_settings


@pytest.fixture
def reader(marked: Settings) -> Any:
    opened = Reader(marked)
    yield opened
    opened.close()


def test_diff_by_spark(marked: Settings, reader: Reader) -> None:
    before, after = diff.choose(marked, "1..2")
    [found] = diff.compare(marked, reader, before, after, rows=2)
    assert (found.state, found.added, found.changed, found.removed) == ("changed", 0, 1, 3)
    assert [(one.kind, one.key, one.columns) for one in found.examples] == [
        ("changed", {"id": 7}, ("price",)),
        ("removed", {"id": 3}, ()),
        ("removed", {"id": 4}, ()),
    ]


def test_why_by_spark(marked: Settings, reader: Reader) -> None:
    tracer = Tracer(marked, reader)
    shown, gone = tracer.explain(("gold", "t"), "7"), tracer.explain(("gold", "t"), "3")
    assert (shown.state, shown.same_since and shown.same_since.release_id, shown.version) == ("shown", 2, 2)
    assert shown.row and shown.row.file.endswith(".parquet")
    assert gone.state == "unknown" and gone.last_shown and gone.last_shown.release_id == 1


def test_a_hostile_key_finds_nothing_but_itself_in_spark(marked: Settings, reader: Reader, spark: Any) -> None:
    spark.createDataFrame([(each,) for each in HOSTILE], "k string").createOrReplaceTempView("hostile")
    place = storage.for_spark(candidate.location(marked, "gold", "hostile"))
    spark.sql(f"create table delta.`{place}` using delta as select * from hostile").collect()
    for each in HOSTILE:
        where = key.condition({"k": each}, {"k": "string"}, SPARK)
        assert reader.ask(SPARK, f"select k from delta.`{place}` where {where}") == [(each,)]


def test_a_draft_by_spark(marked: Settings) -> None:
    made = draft.draft(marked, ("gold", "t"), "me", datetime.now(UTC))
    said = {(check["expect"], check.get("column")) for check in made.checks}
    assert made.rows == 97 and ("expect_column_values_to_be_unique", "id") in said
    assert ("expect_column_values_to_be_between", "price") not in said, "one of them is negative"
    assert any("seen_at" in str(check.get("unexpected_rows_query")) for check in made.checks)
