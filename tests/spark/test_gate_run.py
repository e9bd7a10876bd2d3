"""The gate on real tables: what passes, fails, errs and is taken again; what the ledger and the page say of it."""

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import write_deltalake

from comporta.gate import run_gate
from expectations.verdict import Verdict
from lakehouse.engines import catalog
from lakehouse.errors import GateError, SettingsError
from lakehouse.settings import Settings
from lakehouse.store import storage
from lakehouse.tables import ledger
from releases import release

TABLE = "crm__people"
SCHEMA = pa.schema(
    [
        ("id", pa.int64()),
        ("age", pa.int64()),
        ("_batch_id", pa.int64()),
        ("_ingested_at", pa.timestamp("us", tz="UTC")),
        ("_op", pa.string()),
        ("_flags", pa.string()),
    ]
)
SUITE = """\
table: crm__people
description: One row per version of a person.
owner: me
checks:
  - {expect: expect_column_values_to_not_be_null, column: id}
  - {expect: expect_column_values_to_be_unique, column: id}
  - {expect: expect_column_values_to_be_between, column: age, min_value: 0, why: Nobody is younger.}
  - {expect: expect_column_mean_to_be_between, column: age, max_value: 60, severity: warning}
"""


class Lake:
    """One bronze table, its ledger, and suites of the test's own."""

    def __init__(self, settings: Settings, spark: Any, suites: Path) -> None:
        self.settings, self.spark, self.suites, self.version = settings, spark, suites, -1
        self.suite(SUITE)

    def suite(self, text: str, layer: str = "bronze", table: str = TABLE) -> None:
        path = self.suites / layer / f"{table}.yml"
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_text(text)

    def batch(self, number: int, rows: list[tuple[int | None, int | None, str]], promised: int | None = None) -> None:
        """Append a batch of (id, age, op) and note it."""
        now = datetime.now(UTC)
        table = pa.Table.from_pylist(
            [{"id": key, "age": age, "_op": op, "_batch_id": number, "_ingested_at": now} for key, age, op in rows], schema=SCHEMA
        )
        write_deltalake(storage.join(self.settings.lake_url, "bronze", TABLE), table, mode="append")
        self.version += 1
        deletes = sum(op == "d" for _, _, op in rows)
        note = {"batch_id": number, "table_name": TABLE, "mode": "incremental", "key": '["id"]', "status": "committed"}
        size = {"rows": len(rows) - deletes if promised is None else promised, "deletes": deletes, "delta_version": self.version}
        ledger.append(self.settings, "batches", [note | size])

    def release(self) -> None:
        tables = json.dumps({TABLE: self.version})
        row = {
            "release_id": self.version + 1,
            "layer": "bronze",
            "kind": "release",
            "status": "published",
            "tables": tables,
            "note": "",
        }
        ledger.append(self.settings, "releases", [row])

    def gate(self, layer: str = "bronze", tables: list[str] | None = None) -> list[Verdict]:
        return run_gate(self.settings, self.spark, layer, tables, suites=self.suites)

    def judge(self) -> Verdict:
        (verdict,) = self.gate()
        return verdict


@pytest.fixture
def lake(lake_settings: Settings, spark: Any, tmp_path: Path) -> Lake:
    return Lake(lake_settings.model_copy(update={"var_dir": tmp_path / "var"}), spark, tmp_path / "suites")


def test_gate_tells_passed_failed_and_warned_apart(lake: Lake) -> None:
    lake.batch(1, [(1, 30, "r"), (2, 40, "r")])
    assert lake.judge().verdict == "passed"
    lake.batch(2, [(3, -1, "u"), (4, 900, "u")])
    bad = lake.judge()
    assert (bad.verdict, bad.failed_critical, bad.failed_warning, bad.ran, bad.rows_seen) == ("failed", 1, 1, 4, 4)
    failed = next(outcome for outcome in bad.failures if outcome.severity == "critical")
    assert (failed.unexpected_count, failed.sample, failed.owner) == (1, ({"id": 3, "age": -1},), "me")
    row = ledger.rows(lake.settings, "verdicts")[-1]
    assert (row["verdict"], row["delta_version"], row["declared"], row["suite_hash"]) == ("failed", 1, 4, bad.suite_hash)
    assert row["verdict_id"] == bad.verdict_id
    assert json.loads(row["failures"])[0]["check"]
    page = (lake.settings.site_dir / row["page"]).read_text()
    assert "Failed" in page and "crm__people" in page and "text-danger" in page
    assert "http://" not in page and "https://" not in page and "<script" not in page
    assert row["page"].removeprefix("quality/") in (lake.settings.site_dir / "quality" / "index.html").read_text()


def test_a_later_batch_mends_an_earlier_one(lake: Lake) -> None:
    lake.batch(1, [(1, -5, "r"), (2, 40, "r"), (5, -9, "r")])
    assert lake.judge().verdict == "failed"
    lake.batch(2, [(1, 50, "u"), (5, None, "d")])
    mended = lake.judge()
    assert (mended.verdict, mended.rows_seen) == ("passed", 5)


def test_a_key_twice_in_one_batch_fails(lake: Lake) -> None:
    lake.batch(1, [(1, 5, "r"), (1, 6, "r")])
    assert lake.judge().failed_critical == 1


def test_a_table_that_was_made_anew_under_its_name_is_judged_again(lake: Lake) -> None:
    lake.batch(1, [(1, 5, "r")])
    assert lake.judge().verdict == "passed"
    lake.release()
    assert lake.judge().unchanged
    shutil.rmtree(storage.join(lake.settings.lake_url, "bronze", TABLE))
    lake.version = -1
    lake.batch(1, [(1, -5, "r")])
    again = lake.judge()
    assert (again.unchanged, again.verdict) == (False, "failed"), "not the table that passed, although its version is"


def test_only_pending_rows_are_judged_and_a_released_verdict_is_taken_again(lake: Lake) -> None:
    lake.batch(1, [(1, 5, "r"), (2, 6, "r")])
    assert lake.judge().verdict == "passed"
    lake.release()
    again = lake.judge()
    assert (again.verdict, again.unchanged, again.passed_checks) == ("passed", True, 4)
    [row] = ledger.rows(lake.settings, "verdicts")
    assert again.verdict_id == row["verdict_id"]
    lake.batch(2, [(3, 7, "u")])
    assert lake.judge().rows_seen == 1
    lake.release()
    lake.suite(SUITE.replace("min_value: 0", "min_value: 6"))
    changed = lake.judge()
    assert (changed.unchanged, changed.verdict, changed.rows_seen) == (False, "failed", 3)


def test_deletions_alone_have_the_whole_table_judged(lake: Lake) -> None:
    lake.batch(1, [(1, 5, "r"), (2, 6, "r")])
    lake.judge()
    lake.release()
    lake.batch(2, [(2, None, "d")])
    found = lake.judge()
    assert (found.verdict, found.rows_seen) == ("passed", 1)


def test_rows_that_the_ledger_promises_must_be_there(lake: Lake) -> None:
    lake.batch(1, [], promised=7)
    lake.suite(SUITE + "allow_empty: true\n")
    found = lake.judge()
    assert (found.verdict, "recorded 7" in found.reason) == ("errored", True)


def test_an_empty_table_errs_unless_allowed(lake: Lake) -> None:
    lake.batch(1, [])
    assert lake.judge().verdict == "errored"
    lake.suite(SUITE + "allow_empty: true\n")
    assert lake.judge().verdict == "passed"


@pytest.mark.parametrize(
    "check",
    [
        "{expect: expect_column_values_to_not_be_null, column: nosuch, severity: warning}",
        "{expect: expect_column_values_to_not_be_null, column: age, where: nosuch > 1}",
        "{expect: expect_column_values_to_not_be_null, column: age, where: this is no SQL at all}",
    ],
)
def test_a_check_that_breaks_off_errs(lake: Lake, check: str) -> None:
    lake.batch(1, [(1, 5, "r")])
    lake.suite(SUITE + f"  - {check}\n")
    found = lake.judge()
    assert found.verdict == "errored"
    assert "\n" not in found.reason and found.ran < found.declared


def test_an_exempt_table_passes_with_its_failures_on_record(lake: Lake) -> None:
    lake.batch(1, [(1, -5, "r")])
    lake.suite(SUITE + "exempt: {until: 2999-01-01, reason: migration}\n")
    found = lake.judge()
    assert (found.verdict, found.failed_warning) == ("passed", 1)
    lake.suite(SUITE + "exempt: {until: 2020-01-01, reason: migration}\n")
    assert lake.judge().verdict == "failed"


def test_a_failure_that_was_let_through_is_judged_again_once_the_exemption_has_ended(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake.batch(1, [(1, -5, "r")])
    lake.suite(SUITE + "exempt: {until: 2999-01-01, reason: migration}\n")
    lake.judge()
    lake.release()
    assert lake.judge().unchanged
    lake.suite(SUITE + "exempt: {until: 2020-01-01, reason: migration}\n")
    monkeypatch.setattr("expectations.reference_tables.datetime", _Later)
    assert lake.judge().verdict == "failed"


class _Later(datetime):
    @classmethod
    def now(cls, tz: Any = None) -> Any:
        return datetime(2999, 1, 3, tzinfo=UTC)


def test_an_exempt_table_needs_no_checks_and_is_shown_with_its_reason(lake: Lake) -> None:
    lake.batch(1, [(1, -5, "r"), (2, 3, "r")])
    lake.suite("table: crm__people\ndescription: x\nowner: me\nexempt: {until: 2999-01-01, reason: migration}\n")
    found = lake.judge()
    assert (found.verdict, found.declared, found.failed_warning, found.rows_seen) == ("passed", 0, 1, 2)
    [failure] = json.loads(ledger.rows(lake.settings, "verdicts")[-1]["failures"])
    assert failure["observed"] == "let through unjudged until 2999-01-01: migration"
    lake.release()
    assert lake.judge().unchanged
    lake.suite("table: crm__people\ndescription: x\nowner: me\nexempt: {until: 2020-01-01, reason: migration}\n")
    with pytest.raises(SettingsError, match=r"crm__people \(its exemption ended on 2020-01-01\)"):
        lake.judge()


def test_a_faulty_suite_and_an_unknown_table_are_refused_before_anything_runs(lake: Lake) -> None:
    lake.batch(1, [(1, 5, "r")])
    with pytest.raises(SettingsError, match="matches no table"):
        lake.gate(tables=["erp__*"])
    lake.suite(SUITE + "  - {expect: expect_colum_to_exist, column: id}\n")
    with pytest.raises(SettingsError, match="Did you mean expect_column_to_exist"):
        lake.gate()
    assert ledger.rows(lake.settings, "verdicts") == []


def test_candidates_are_judged_whole_and_none_without_a_suite_passes(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    schema = f"gate_{lake.settings.source_name}_{datetime.now(UTC):%H%M%S%f}"
    monkeypatch.setitem(catalog.CANDIDATE, "silver", schema)
    lake.spark.sql(f"create schema {schema} location '{storage.join(lake.settings.lake_url, 'warehouse', schema)}.db'")
    try:
        lake.spark.sql(f"create table {schema}.int_a using delta as select 1L as id, false as _is_deleted")
        lake.spark.sql(f"create table {schema}.int_b using delta as select 1L as id")
        lake.spark.sql(f"create view {schema}.stg_a as select * from {schema}.int_a")
        check = "  - {expect: expect_column_values_to_be_unique, column: id, where: not _is_deleted}\n"
        lake.suite(SUITE.split("  - ")[0].replace(TABLE, "int_a") + check, "silver", "int_a")
        with pytest.raises(SettingsError, match=r"silver: 1 of 2 tables have no suite: int_b .*make suite TABLE=silver.int_b"):
            lake.gate("silver")
        assert ledger.rows(lake.settings, "verdicts") == [], "refused before anything was judged"
        assert [verdict.verdict for verdict in lake.gate("silver", ["int_a"])] == ["passed"]
        lake.suite("table: int_b\ndescription: x\nowner: me\nexempt: {until: 2999-01-01, reason: new}\n", "silver", "int_b")
        found = {verdict.table: verdict for verdict in lake.gate("silver")}
        assert {name: (each.verdict, each.rows_seen) for name, each in found.items()} == {
            "int_a": ("passed", 1),
            "int_b": ("passed", 1),
        }
    finally:
        lake.spark.sql(f"drop schema {schema} cascade")


def test_queries_of_tables_that_are_judged_at_once_see_their_own_rows(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    schema = f"gate_{lake.settings.source_name}_{datetime.now(UTC):%H%M%S%f}"
    monkeypatch.setitem(catalog.CANDIDATE, "silver", schema)
    lake.spark.sql(f"create schema {schema} location '{storage.join(lake.settings.lake_url, 'warehouse', schema)}.db'")
    try:
        for n in range(6):
            lake.spark.sql(f"create table {schema}.int_{n} using delta as select 1L as c{n}")
            query = f"{{expect: unexpected_rows_expectation, unexpected_rows_query: 'select * from {{batch}} where c{n} > 1'}}"
            lake.suite(f"table: int_{n}\ndescription: x\nowner: me\nchecks:\n  - {query}\n", "silver", f"int_{n}")
        assert {(verdict.verdict, verdict.reason) for verdict in lake.gate("silver")} == {("passed", "")}
    finally:
        lake.spark.sql(f"drop schema {schema} cascade")


def test_what_no_release_can_show_is_refused_by_name(lake: Lake, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A view, a table elsewhere and one that is not Delta's: errored, whatever else passed; so is one that nobody judged."""
    schema = f"gate_{lake.settings.source_name}_{datetime.now(UTC):%H%M%S%f}"
    monkeypatch.setitem(catalog.CANDIDATE, "gold", schema)
    lake.spark.sql(f"create schema {schema} location '{storage.join(lake.settings.lake_url, 'warehouse', schema)}.db'")
    ledger.create_missing(lake.settings)
    try:
        lake.spark.sql(f"create table {schema}.sound using delta as select 1L as id")
        lake.spark.sql(f"create table {schema}.away using delta location '{tmp_path}/away' as select 1L as id")
        lake.spark.sql(f"create table {schema}.plain using parquet comment 'Provider: delta' as select 1L as id")
        lake.spark.sql(f"create view {schema}.seen as select 1L as id")
        check = "table: {}\ndescription: x\nowner: me\nchecks: [{{expect: expect_column_values_to_be_unique, column: id}}]\n"
        for table in ("sound", "away"):
            lake.suite(check.format(table), "gold", table)
        found = {verdict.table: verdict for verdict in lake.gate("gold")}
        wanted = {"sound": "passed", "away": "errored", "plain": "errored", "seen": "errored"}
        assert {name: each.verdict for name, each in found.items()} == wanted
        assert "where no release looks for it" in found["away"].reason and "GOLD_URL" in found["away"].reason
        assert "table of parquet" in found["plain"].reason and "is a view" in found["seen"].reason
        with pytest.raises(GateError, match=r"away lies in .*; plain is a table of parquet.*; seen is a view"):
            release.judged(lake.settings, "gold")
        for what in ("table away", "table plain", "view seen"):
            kind, name = what.split()
            lake.spark.sql(f"drop {kind} {schema}.{name}")
        assert release.judged(lake.settings, "gold") == {"sound": 0}
        lake.spark.sql(f"create table {schema}.late using delta as select 1L as id")
        with pytest.raises(GateError, match="late: built, but not judged"):
            release.judged(lake.settings, "gold")
    finally:
        lake.spark.sql(f"drop schema {schema} cascade")
