"""What a table was built from: when two builds are of the same, and when it can't be told. On real Delta tables."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from dbt.adapters.comporta import origin
from dbt.adapters.comporta.planning import _grows, _only_grew
from deltalake import CommitProperties, DeltaTable, write_deltalake

from lakehouse.engines import sqltext
from lakehouse.settings import Settings
from lakehouse.tables import commits
from releases import view

SETTINGS = Settings(lake_url="/nowhere")


def log(made: DeltaTable) -> list[dict[str, Any]]:
    return list(commits.newest_first(SETTINGS, made))


def rows(made: DeltaTable) -> str:
    return origin.rows(made, log(made))


def table(path: Path, batch: int, mode: str = "append", mark: bool = True) -> DeltaTable:
    note = CommitProperties(custom_metadata={"comporta": json.dumps({"window": {"batch_id": batch}})} if mark else {})
    rows = pa.table({"id": [batch], "_batch_id": pa.array([batch], pa.int64())})
    write_deltalake(str(path), rows, mode=mode, commit_properties=note)  # type: ignore[call-overload]
    return DeltaTable(str(path))


def test_the_batch_that_is_next_is_not_the_query() -> None:
    one = origin.code("select * from x where _batch_id > 5 /* new batches */")
    assert one == origin.code("select * from x where true /* new batches */")
    assert one == origin.code("select * from x where _batch_id > -1 /* new batches */\n")
    assert one != origin.code("select * from x where _batch_id > 5") != origin.code("select * from x where _batch_id > 6")


@pytest.mark.parametrize(
    ("text", "bare"),
    [
        ("select  a, -- it's\n b {# don't #} /* ' */", "select a, b"),
        ("select 'a  b', '--no', `x  --y`", "select 'a  b', '--no', `x  --y`"),
        ("select 'it\\'s  -- not'  -- said", "select 'it\\'s  -- not'"),
    ],
)
def test_comments_and_blanks_are_not_the_model_but_texts_are(text: str, bare: str) -> None:
    assert sqltext.bare(text) == bare


@pytest.mark.parametrize(
    ("project", "call"),
    [
        ("user#88, current_date#89, (today = x) AS s#2", ""),
        ("user#88, current_user() AS who#2", "current_user()"),
        ("(day#3 = cast(today as date)) AS s#2", "cast(today as date"),
        ("cast( Now UTC as timestamp_ntz) AS s#2", "cast( Now UTC as timestamp"),
        ("cast(name#3 as date) AS s#2", ""),
    ],
)
def test_what_spark_says_of_a_word_that_may_be_a_column(project: str, call: str) -> None:
    """From `explain extended`; a column that is a time in another part of it says nothing."""
    plan = f"== Parsed Logical Plan ==\n'now()\n\n== Analyzed Logical Plan ==\nProject [{project}]\n\n== Optimized Logical Plan ==\nnow()"
    assert origin.calls_in_plan(plan) == call


def test_a_plan_that_spark_does_not_give_says_nothing_for_certain() -> None:
    assert origin.calls_in_plan("") == origin.calls_in_plan("== Analyzed Logical Plan ==\norg…AnalysisException: x") != ""


def test_compaction_moves_nothing_and_a_batch_does(tmp_path: Path) -> None:
    for batch in (1, 2):
        made = table(tmp_path, batch)
    before = rows(made)
    made.optimize.compact()
    made = DeltaTable(str(tmp_path))
    assert made.version() == 2 and rows(made) == before
    assert rows(table(tmp_path, 3)) != before


def test_a_table_made_anew_is_another_one(tmp_path: Path) -> None:
    one, other = table(tmp_path / "a", 1), table(tmp_path / "b", 1)
    assert rows(one) != rows(other)


def test_a_table_only_grew_if_all_that_came_were_batches(tmp_path: Path) -> None:
    table(tmp_path, 1)
    made = table(tmp_path, 2)
    assert _only_grew(log(made), 0, None) and _only_grew(log(made), 1, None)
    made.optimize.compact()
    assert _only_grew(log(DeltaTable(str(tmp_path))), 0, None)
    made = table(tmp_path, 3, mark=False)  # by hand: its rows may be of any batch
    assert not _only_grew(log(made), 1, None) and _only_grew(log(made), made.version(), None)
    made = table(tmp_path, 4)
    made.restore(1)
    assert not _only_grew(log(DeltaTable(str(tmp_path))), 2, None)
    assert not _only_grew(log(DeltaTable(str(tmp_path), version=1)), 2, None), "an earlier version than before was set back"


@pytest.mark.parametrize(
    ("operation", "note", "grows"),
    [
        ("MERGE", {"comporta": 1, "since": 4}, True),
        ("MERGE", {"comporta": 1, "since": 3}, False),  # it took up rows of batch 4, which others are past
        ("MERGE", {"comporta": 1}, False),
        ("MERGE", None, False),
        ("WRITE", {"comporta": 1, "since": 9}, False),
        ("CREATE OR REPLACE TABLE AS SELECT", {"comporta": 1, "since": 9}, False),
        ("RESTORE", None, False),
        ("VACUUM END", None, True),
    ],
)
def test_a_table_grows_by_merges_of_newer_batches_alone(operation: str, note: dict[str, int] | None, grows: bool) -> None:
    commit = {"operation": operation} | ({"userMetadata": json.dumps(note)} if note else {})
    assert _grows(commit, 4) is grows


def test_the_newest_batch_is_told_by_the_files_and_not_guessed(tmp_path: Path) -> None:
    table(tmp_path, 4)
    made = table(tmp_path, 9)
    assert origin.newest_batch(made) == 9
    nothing = pa.table({"_batch_id": pa.array([], pa.int64())})
    write_deltalake(str(tmp_path / "empty"), nothing)
    assert origin.newest_batch(DeltaTable(str(tmp_path / "empty"))) == -1
    write_deltalake(str(tmp_path / "none"), pa.table({"_batch_id": pa.array([None], pa.int64())}))
    assert origin.newest_batch(DeltaTable(str(tmp_path / "none"))) is None


def test_what_has_changed_is_named() -> None:
    note = {"comporta": 1, "query": "a", "inputs": {"t1": {"name": "x", "rows": "t1@4"}}}
    assert origin.differs(origin.plain(note), note) == []
    assert origin.differs(origin.plain(note), note | {"query": "b"}) == ["query"]
    assert origin.differs(origin.plain(note), note | {"inputs": {"t1": {"name": "x", "rows": "t1@5"}}}) == ["rows"]
    assert origin.differs(origin.plain(note), note | {"inputs": {"t2": {"name": "x"}}}) == ["t1", "t2"]
    assert origin.differs(None, note) == origin.differs("not json", note) == origin.differs("[]", note) == [""]


def test_views_of_releases_are_read_back_and_others_are_not(tmp_path: Path) -> None:
    settings = Settings(var_dir=tmp_path)
    for held in (None, view.QuarantineState(3, ("a`b",))):
        query = view.plain(settings, "silver", "odd`name", view.ReaderView(7, held))
        assert view.read(query) == ("silver_candidate", "odd`name", 7)
    for query in (
        "select * from `a`.`b`",
        "select a from `a`.`b` version as of 3",
        "select * from `a`.`b` version as of 3 where x",
    ):
        assert view.read(query) is None
