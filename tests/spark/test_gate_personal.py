"""No personal value leaves a real gate: not in the ledger, on a page, in what is told or printed; the trend is noted."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import write_deltalake

from comporta.gate import run_gate
from docs_site.build import build
from expectations import command, notification
from lakehouse.settings import Settings
from lakehouse.store import storage
from lakehouse.tables import ledger

SECRETS = ("ana@example", "bruno@", "not-an-address", "+5511", "Ana Souza", "1931-02-03", "Rua das Flores")
ROWS: list[dict[str, Any]] = [
    {"id": 1, "email": "ana@example.org", "phone": "+5511999990001", "name": "Ana Souza", "born": "1931-02-03", "score": -1},
    {"id": 2, "email": "ana@example.org", "phone": "+5511999990002", "name": "Ana Souza", "born": "1931-02-03", "score": 5},
    {"id": 3, "email": "not-an-address", "phone": "+5511999990001", "name": None, "born": "1990-01-01", "score": 7},
    {"id": 4, "email": "bruno@example.org", "phone": None, "name": "Rua das Flores", "born": "1990-01-01", "score": 900},
]
SUITE = """\
table: crm__people
description: One row per person.
owner: crm
personal: [email, phone, name, born]
checks:
  - {expect: expect_column_values_to_be_unique, column: email}
  - {expect: expect_column_values_to_match_regex, column: email, regex: '^[^@]+@[^@]+$'}
  - {expect: expect_column_values_to_not_be_null, column: name}
  - {expect: expect_column_values_to_be_in_set, column: phone, value_set: ['x']}
  - {expect: expect_column_value_lengths_to_be_between, column: name, max_value: 2}
  - {expect: expect_column_distinct_values_to_be_in_set, column: name, value_set: ['x']}
  - {expect: expect_column_min_to_be_between, column: born, min_value: '1950-01-01'}
  - {expect: expect_column_most_common_value_to_be_in_set, column: email, value_set: ['x']}
  - {expect: expect_column_pair_values_to_be_equal, column_A: email, column_B: name}
  - {expect: expect_compound_columns_to_be_unique, column_list: [name, born]}
  - {expect: expect_column_values_to_be_between, column: score, min_value: 0}
  - {expect: expect_column_values_to_match_strftime_format, column: born, strftime_format: '%d/%m/%Y'}
  - {expect: unexpected_rows_expectation, unexpected_rows_query: 'select upper(email) as id, score from {batch} where score > 100'}
  - {expect: unexpected_rows_expectation, unexpected_rows_query: 'select * from {batch} where score < 0'}
  - {expect: expect_column_unique_value_count_to_be_between, column: email, max_value: 1}
  - {expect: fresh, column: _ingested_at, within: 1 hour}
"""


@pytest.fixture
def lake(lake_settings: Settings, tmp_path: Path) -> Settings:
    """A bronze table of ROWS."""
    settings = lake_settings.model_copy(update={"var_dir": tmp_path / "var"})
    now = datetime.now(UTC)
    rows = [row | {"_batch_id": 1, "_ingested_at": now, "_op": "r", "_flags": None} for row in ROWS]
    kinds = [
        *((name, pa.string()) for name in ("email", "phone", "name", "born", "_op", "_flags")),
        ("_ingested_at", pa.timestamp("us", tz="UTC")),
    ]
    schema = pa.schema([*((name, pa.int64()) for name in ("id", "score", "_batch_id")), *kinds])
    write_deltalake(storage.join(settings.lake_url, "bronze", "crm__people"), pa.Table.from_pylist(rows, schema=schema))
    note = {
        "batch_id": 1,
        "table_name": "crm__people",
        "mode": "full",
        "key": '["email"]',
        "status": "committed",
        "rows": 4,
        "deletes": 0,
    }
    ledger.append(settings, "batches", [note | {"delta_version": 0}])
    return settings


def _gate(settings: Settings, spark: Any, folder: Path, suite: str) -> Any:
    path = folder / "suites" / "bronze" / "crm__people.yml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(suite)
    return run_gate(settings, spark, "bronze", None, suites=folder / "suites")


def test_no_personal_value_leaves_a_gate_and_every_check_is_noted(
    lake: Settings, spark: Any, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (verdict,) = _gate(lake, spark, tmp_path, SUITE)
    assert (verdict.verdict, verdict.ran) == ("failed", 16), verdict.reason
    command.show(lake, [verdict])
    notification.tell(lake, "bronze", [verdict])
    build(lake, datetime.now(UTC))
    row = ledger.rows(lake, "verdicts")[-1]
    seen = {path.name: path.read_text() for path in lake.site_dir.rglob("*.*") if path.is_file()}
    seen |= {"ledger": str(row), "terminal": str(capfd.readouterr()), "outcomes": str(verdict.failures)}
    leaks = [(name, secret) for name, text in seen.items() for secret in SECRETS if secret.lower() in text.lower()]
    assert leaks == []
    failures = {(one["check"], one.get("column", "")): one for one in json.loads(row["failures"])}
    twice = failures["expect_column_values_to_be_unique", "email"]
    assert twice["unexpected_count"] == 2 and "••••" in str(twice["sample"])
    assert failures["expect_column_values_to_be_between", "score"]["sample"][0]["score"] == -1
    assert (lake.site_dir / row["page"]).is_file() and "••••" in (lake.site_dir / row["page"]).read_text()

    noted = {(line[0], line[1]): line[2:] for line in json.loads(row["checks"])}
    assert row["owner"] == "crm"
    assert noted["expect_column_values_to_be_unique", "email"] == [False, 2, 4]
    assert noted["expect_column_unique_value_count_to_be_between", "email"][-1] == 3
    assert noted["fresh", "_ingested_at"][0] is True


def test_a_misspelt_personal_column_errs(lake: Settings, spark: Any, tmp_path: Path) -> None:
    (verdict,) = _gate(lake, spark, tmp_path, SUITE.replace("born]", "birthday]"))
    assert verdict.verdict == "errored" and "birthday" in verdict.reason
