"""Checks of our own in a real gate: verdict, ledger, page, and when a verdict is not taken again."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from comporta.gate import run_gate
from expectations.verdict import Verdict
from lakehouse.engines import catalog
from lakehouse.settings import Settings
from lakehouse.tables import ledger

HEAD = "table: {0}\ndescription: Some rows.\nowner: me\nchecks:\n"
CHILD = HEAD.format("child") + (
    "  - {expect: foreign_key, column: parent_id, table: parent, to: id, where: not gone}\n"
    "  - {expect: fresh, column: changed_at, within: 36 hours, severity: warning, where: parent_id > 0}\n"
    "  - {expect: usual_row_count}\n"
)
PARENT = HEAD.format("parent") + "  - {expect: expect_column_values_to_be_unique, column: id}\n"


class Silver:
    """Two candidate tables and their suites."""

    def __init__(self, settings: Settings, spark: Any, suites: Path, schema: str) -> None:
        self.settings, self.spark, self.suites, self.schema = settings, spark, suites, schema
        for table, text in (("child", CHILD), ("parent", PARENT)):
            self.suite(table, text)
        self.sql("create table {}.parent using delta as select 1 as id")
        self.sql("create table {}.child using delta as select 1 as parent_id, false as gone, current_timestamp() as changed_at")

    def suite(self, table: str, text: str) -> None:
        path = self.suites / "silver" / f"{table}.yml"
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_text(text)

    def sql(self, statement: str) -> None:
        self.spark.sql(statement.format(self.schema)).collect()

    def gate(self) -> dict[str, Verdict]:
        found = run_gate(self.settings, self.spark, "silver", None, suites=self.suites)
        return {verdict.table: verdict for verdict in found}

    def release(self, verdicts: dict[str, Verdict]) -> None:
        tables = json.dumps({name: verdict.delta_version for name, verdict in verdicts.items()})
        number = len(ledger.rows(self.settings, "releases")) + 1
        row = {"release_id": number, "layer": "silver", "kind": "release", "status": "published", "tables": tables, "note": ""}
        ledger.append(self.settings, "releases", [row])


@pytest.fixture
def silver(lake_settings: Settings, spark: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Silver]:
    schema = f"gate_{lake_settings.source_name}_{datetime.now(UTC):%H%M%S%f}"
    monkeypatch.setitem(catalog.CANDIDATE, "silver", schema)
    spark.sql(f"create schema {schema} location '{lake_settings.lake_url}/warehouse/{schema}.db'")
    try:
        settings = lake_settings.model_copy(update={"var_dir": tmp_path / "var"})
        yield Silver(settings, spark, tmp_path / "suites", schema)
    finally:
        spark.sql(f"drop schema {schema} cascade")


def test_an_orphan_fails_and_is_shown_on_the_page(silver: Silver) -> None:
    assert {verdict.verdict for verdict in silver.gate().values()} == {"passed"}
    silver.sql("insert into {}.child values (77, false, current_timestamp()), (78, true, current_timestamp())")
    bad = silver.gate()["child"]
    assert (bad.verdict, bad.ran, bad.failed_critical) == ("failed", 3, 1)
    [failed] = bad.failures
    assert (failed.check, failed.column, failed.unexpected_count, failed.sample) == ("foreign_key", "parent_id", 1, (77,))
    page = (silver.settings.site_dir / bad.page).read_text()
    assert "every parent_id must be in parent" in page and "77" in page
    assert ledger.rows(silver.settings, "verdicts")[-1]["judged_by"].count("@") == 1


def test_a_verdict_that_rests_on_another_table_falls_with_it(silver: Silver) -> None:
    first = silver.gate()
    silver.release(first)
    again = silver.gate()["child"]
    assert again.unchanged and again.verdict == "passed"
    silver.sql("delete from {}.parent")
    silver.suite("parent", PARENT + "allow_empty: true\n")
    silver.release(silver.gate())
    assert silver.gate()["child"].verdict == "failed"


def test_a_verdict_of_freshness_ends_by_itself(silver: Silver) -> None:
    verdict = silver.gate()["child"]
    basis = json.loads(verdict.basis)
    assert basis["tables"] == {"silver.parent": 0} and basis["until"] > datetime.now(UTC).isoformat()
    silver.release(silver.gate())
    row = ledger.rows(silver.settings, "verdicts")[-1]
    past = json.dumps(basis | {"until": "2026-01-01T00:00:00+00:00"})
    rows = [one for one in ledger.rows(silver.settings, "verdicts") if one["table_name"] == "child"][-1]
    ledger.append(silver.settings, "verdicts", [rows | {"basis": past, "at": datetime.now(UTC)}])
    assert row["judged_by"] and not silver.gate()["child"].unchanged


def test_a_table_that_is_not_there_is_no_evidence(silver: Silver) -> None:
    silver.suite("child", HEAD.format("child") + "  - {expect: foreign_key, column: parent_id, table: nosuch}\n")
    found = silver.gate()["child"]
    assert (found.verdict, "silver.nosuch is not there" in found.reason) == ("errored", True)


def test_a_tolerance_lets_so_many_rows_through_and_no_more(silver: Silver) -> None:
    unique = "  - {expect: expect_column_values_to_not_be_null, column: parent_id, tolerance: 2}\n"
    mean = "  - {expect: expect_column_values_to_match_strftime_format, column: text, strftime_format: '%Y', tolerance: 2}\n"
    silver.suite("child", HEAD.format("child") + unique + mean)
    silver.sql("create or replace table {}.child using delta as select null as parent_id, 'x' as text from range(2)")
    assert silver.gate()["child"].verdict == "passed"
    silver.sql("insert into {}.child values (null, 'x')")
    found = silver.gate()["child"]
    assert (found.verdict, found.failed_critical) == ("failed", 2)
