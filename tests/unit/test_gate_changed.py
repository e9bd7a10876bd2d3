"""Only new rows are looked at again: the verdict is that over all rows, if the version before had passed."""

import shutil
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake
from hypothesis import HealthCheck, assume, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from expectations.compile import aggregate, changed
from expectations.evidence import Evidence
from expectations.runner import TableRows, _enough, _measured
from expectations.suite import Suite
from lakehouse.engines import local
from lakehouse.engines.dialect import DUCKDB, Engine
from lakehouse.settings import Settings
from lakehouse.tables.types import spark_types

SUITE = Suite.model_validate(
    {
        "table": "t",
        "description": "d",
        "owner": "o",
        "checks": [
            {"expect": "expect_column_values_to_be_between", "column": "n", "min_value": 0},
            {"expect": "expect_column_values_to_not_be_null", "column": "n", "where": "kind = 'a'"},
            {"expect": "expect_column_values_to_be_unique", "column": "n"},
            {"expect": "expect_column_values_to_be_in_set", "column": "kind", "value_set": ["a"], "mostly": 0.5},
        ],
    }
)
CHECKS = dict(enumerate(SUITE.checks, 1))


def verdict(**other: Any) -> dict[str, Any]:
    return {"verdict": "passed", "failed_warning": 0, "suite_hash": SUITE.hash, "delta_version": 0, "at": datetime.now(UTC)} | other


def rows(*pairs: tuple[int | None, str | None]) -> pa.Table:
    return pa.table({"n": pa.array([n for n, _ in pairs], pa.int64()), "kind": pa.array([kind for _, kind in pairs], pa.string())})


def judge(folder: Path, verdicts: list[dict[str, Any]]) -> tuple[changed.NewRows | None, dict[int, bool], dict[int, int]]:
    """What changed, and of each check whether it holds and how many rows it looked at."""
    settings, table = Settings(var_dir=folder / "var"), DeltaTable(str(folder / "t"))
    near = local.rows(settings, table)
    assert near is not None
    engines = (Engine(local.DuckEngine(settings).ask, near, DUCKDB),)
    judged = {"table_id": str(table.metadata().id)}
    few = changed.since(settings, table, [judged | row for row in verdicts], SUITE, engines)
    _, found = _measured(SUITE, TableRows(Evidence(engines, spark_types(table), lambda *_: ""), (), lambda: None, few), CHECKS)
    counts = {number: one for number, one in found.items() if isinstance(one, aggregate.Counts)}
    enough = partial(_enough, SUITE)
    return few, {n: one.hold(*enough(n)) for n, one in counts.items()}, {n: one.elements for n, one in counts.items()}


def test_checks_on_single_rows_look_at_new_rows_and_the_others_at_all(tmp_path: Path) -> None:
    write_deltalake(str(tmp_path / "t"), rows((1, "a"), (2, "a"), (3, "b")))
    write_deltalake(str(tmp_path / "t"), rows((4, "a"), (-1, "a")), mode="append")
    few, holds, looked = judge(tmp_path, [verdict()])
    assert few is not None and few.rows == 2
    assert looked == {1: 2, 2: 2, 3: 5, 4: 5}
    assert holds == {1: False, 2: True, 3: True, 4: True}


@pytest.mark.parametrize(
    "other",
    [{"verdict": "failed"}, {"failed_warning": 1}, {"suite_hash": "another"}, {"delta_version": 9}, {"delta_version": None}],
)
def test_a_version_that_did_not_pass_under_this_suite_proves_nothing(tmp_path: Path, other: dict[str, Any]) -> None:
    write_deltalake(str(tmp_path / "t"), rows((1, "a")))
    write_deltalake(str(tmp_path / "t"), rows((4, "a")), mode="append")
    few, _, looked = judge(tmp_path, [verdict(**other)])
    assert few is None and set(looked.values()) == {2}


@pytest.mark.parametrize("later", [timedelta(0), timedelta(days=1)], ids=["at once", "by a clock that was ahead"])
def test_a_verdict_over_a_table_of_that_name_before_proves_nothing(tmp_path: Path, later: timedelta) -> None:
    write_deltalake(str(tmp_path / "t"), rows((1, "a")))
    past = verdict(at=datetime.now(UTC) + later, table_id=str(DeltaTable(str(tmp_path / "t")).metadata().id))
    shutil.rmtree(tmp_path / "t")
    write_deltalake(str(tmp_path / "t"), rows((-1, "a")))
    write_deltalake(str(tmp_path / "t"), rows((4, "a")), mode="append")
    few, holds, _ = judge(tmp_path, [past])
    assert few is None and not holds[1]


def test_a_verdict_of_before_tables_had_an_id_proves_nothing(tmp_path: Path) -> None:
    write_deltalake(str(tmp_path / "t"), rows((1, "a")))
    write_deltalake(str(tmp_path / "t"), rows((4, "a")), mode="append")
    assert judge(tmp_path, [verdict(table_id=None)])[0] is None


def test_another_schema_is_looked_at_whole(tmp_path: Path) -> None:
    write_deltalake(str(tmp_path / "t"), rows((1, "a")))
    write_deltalake(str(tmp_path / "t"), rows((4, "a")).append_column("more", pa.array([1])), mode="append", schema_mode="merge")
    assert judge(tmp_path, [verdict()])[0] is None


def test_rows_that_the_log_miscounts_are_looked_at_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_deltalake(str(tmp_path / "t"), rows((1, "a")))
    write_deltalake(str(tmp_path / "t"), rows((4, "a")), mode="append")
    monkeypatch.setattr(changed, "_added", lambda base, table: [{"num_records": 7}])
    assert set(judge(tmp_path, [verdict()])[2].values()) == {2}


_ROWS = st.lists(st.tuples(st.none() | st.integers(-1, 9), st.none() | st.sampled_from("ab")), min_size=1, max_size=4)


@examples(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(first=_ROWS, then=st.lists(st.tuples(st.sampled_from(["append", "overwrite", "delete"]), _ROWS), max_size=3))
def test_the_verdict_over_what_changed_is_the_verdict_over_all(
    first: list[Any], then: list[tuple[str, list[Any]]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("law")
    place = str(folder / "t")
    write_deltalake(place, rows(*first))
    assume(all(judge(folder, [])[1].values()))
    for how, more in then:
        if how == "delete":
            DeltaTable(place).delete(f"n = {more[0][0] or 0}")
        else:
            write_deltalake(place, rows(*more), mode=how)  # type: ignore[call-overload]
    assume(DeltaTable(place).count())
    assert judge(folder, [verdict()])[1] == judge(folder, [])[1]
