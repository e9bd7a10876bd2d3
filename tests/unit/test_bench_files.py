"""The benchmark of files: a tool that loses or changes values is marked, and what is equal in another type is equal."""

from pathlib import Path
from typing import Any

import duckdb
import pytest
from deltalake import write_deltalake

from bench.files import check, report

ROW = "1::bigint as id, '00042' as code, 'Łódź' as name, null::varchar as note, 1.50::decimal(12,2) as amount, 234567890123.789012::decimal(18,6) as balance"
REST = "true as paid, date '2024-02-29' as born, timestamp '2024-02-29 12:00:00.000001' as updated_at, sqrt(2) as weight"
DOCUMENT = '{"id":1,"status":"new","paid":true,"created_at":"2024-01-01T00:00:01Z","customer":{"name":"Ana","address":{"city":"Évora","code":"00042"}},"items":[{"sku":"a","quantity":2,"price":0.5,"note":null}],"tags":["a","b"],"note":null}'


def sums(select: str, form: str = "csv") -> dict[str, str]:
    with duckdb.connect() as reader:
        reader.execute("set timezone = 'UTC'")
        return check.sums(reader, f"({select})", form)


def changed(select: str, form: str = "csv", wanted: str = f"select {ROW}, {REST}") -> list[str]:
    return check.changed(sums(wanted, form), sums(select, form))


def test_values_in_other_types_are_equal() -> None:
    names = ", ".join(f'"{name}"::varchar as "{name}"' for name in check.COLUMNS)
    assert changed(f"select {names} from (select {ROW}, {REST})") == []
    assert (
        changed(f"select * replace (updated_at at time zone 'UTC' as updated_at, id::int as id) from (select {ROW}, {REST})") == []
    )


@pytest.mark.parametrize(
    ("what", "named"),
    [
        ("code::int as code", "code"),  # its zeros are gone
        ("balance::double as balance", "balance"),
        ("'' as note", "note"),
        ("'Lodz' as name", "name"),
        ("null as paid", "paid"),
        ("updated_at + interval 1 microsecond as updated_at", "updated_at"),
        ("weight::float as weight", "weight"),
    ],
)
def test_a_value_that_is_another_is_named(what: str, named: str) -> None:
    assert changed(f"select * replace ({what}) from (select {ROW}, {REST})") == [named]


def test_a_column_that_is_not_there_and_values_of_other_rows_are_named() -> None:
    assert changed(f"select * exclude (born) from (select {ROW}, {REST})") == ["born"]
    two = "select * from (values (1, 'a'), (2, 'b')) t(id, name)"
    swapped = "select * from (values (1, 'b'), (2, 'a')) t(id, name)"
    assert changed(swapped, wanted=two) == ["name"]


def test_documents_are_equal_whole_in_columns_and_with_json_in_columns(tmp_path: Path) -> None:
    whole = f"select $${DOCUMENT}$$ as _document"
    (tmp_path / "rows.jsonl").write_text(DOCUMENT + "\n")
    apart = f"select * from read_json_auto('{tmp_path / 'rows.jsonl'}')"
    texts = f"select * replace (to_json(customer)::varchar as customer, to_json(items)::varchar as items) from ({apart})"
    assert [changed(each, "jsonl", whole) for each in (whole, apart, texts)] == [[], [], []]
    assert changed(whole.replace('"price":0.5', '"price": 0.5'), "jsonl", whole) == ["_document"]
    assert changed(whole.replace('"price":0.5', '"price":0.6'), "jsonl", whole) == ["items", "_document"]
    assert changed(f"select * exclude (tags) from ({apart})", "jsonl", whole) == ["tags"]


def test_a_table_is_found_below_a_folder_beside_others(tmp_path: Path) -> None:
    with duckdb.connect() as reader:
        write_deltalake(tmp_path / "lake" / "rows", reader.execute(f"select {ROW}, {REST}").to_arrow_table())
        write_deltalake(tmp_path / "lake" / "ops", reader.execute("select 1 as batch").to_arrow_table())
    found = check.copy(tmp_path, "csv")
    assert (found["copied"], found["sums"]) == (1, sums(f"select {ROW}, {REST}"))
    assert found["types"]["balance"] == "decimal(18,6)" and found["bytes"] > 0


def done(seconds: float, rows: int = 1000, **more: Any) -> dict[str, Any]:
    return {"seconds": seconds, "rows": rows, "cpu": 1.5, "base_mb": 50, "peak_mb": 120, "bytes": 2_000_000, "changed": []} | more


RACE = {
    "at": "2026-03-01 10:00 UTC",
    "source": {"rows": 1000, "bytes": 3_000_000},
    "slow": ["dlt"],
    "rounds": [
        {
            report.OURS: done(2),
            report.DUCKDB: done(1.7, changed=["balance"]),
            "dlt": done(400, rows=999),
            "broken": {"error": "no"},
        },
        {report.OURS: done(4), report.DUCKDB: done(3.9, changed=["balance"]), "broken": {"error": "no"}},
    ],
}


def test_who_changes_or_loses_values_or_fails_is_marked() -> None:
    page = report.page({"race": {"csv": RACE}})
    assert "| Comporta | 3.00 | 2.00–4.00 | 1.0 | 0.91 | 1.5 | 120 | 50.0 | 2.0 | 1 000 | equal |" in page
    assert "| 1 000 | **changed: balance** |" in page
    assert "| dlt, once | 400.00 |" in page and "| **999** of 1 000 | **rows lost or added** |" in page
    assert "| broken | failed |" in page and "**broken** failed in 2 of 2 rounds: no" in page


def test_our_speed_is_that_within_rounds_and_said_beside_the_target() -> None:
    assert report.verdicts(RACE) == ["Comporta has 0.91 of the speed of DuckDB + delta-rs (target ≥ 0.9: met)."]


def test_memory_is_shown_as_files_grow() -> None:
    sizes = {"250": [done(1)], "1000": [done(4, peak_mb=130), {"error": "out of memory"}]}
    page = report.page({"memory": {"at": "2026-03-01 10:00 UTC", "data": {"csv": sizes}}})
    assert "| CSV | 250 | 1.00 | 120 | 70 |" in page and "| CSV | 1 000 | 4.00 | 130 | 80 | out of memory |" in page
