"""A drafted suite: holds on what it was drafted from, says what was seen, names no one, overwrites nothing."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import write_deltalake
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from expectations import command, registry, suite
from expectations.drafting import draft, profile, propose, relate
from expectations.drafting.profile import ColumnProfile, Profile
from expectations.drafting.propose import Subject
from lakehouse.errors import GateError, SettingsError
from lakehouse.settings import Settings
from lakehouse.tables import candidate, ledger

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
UUID = "00000000-0000-4000-8000-{:012d}"


def orders(rows: int = 60) -> pa.Table:
    """Orders with a tombstone at the end; every third has no coupon."""
    made = []
    for n in range(1, rows + 1):
        created = NOW - timedelta(hours=rows - n + 2)
        made.append(
            {
                "order_id": n,
                "token": UUID.format(n),
                "customer_id": n % 7,
                "status": ("placed", "paid", "in-transit")[n % 3],
                "currency": ("EUR", "USD")[n % 2],
                "email": f"canary{n}@x.org",
                "first_name": ("ana", "rui", "eva")[n % 3],
                "total": n * 1.5,
                "tax_rate": 0.2,
                "delta": float(n - 30),
                "coupon": None if n % 3 else "SPRING",
                "created_at": created,
                "updated_at": created + timedelta(minutes=5),
                "due_at": NOW + timedelta(days=9),
                "_batch_id": 1,
                "_ingested_at": NOW,
                "_is_deleted": False,
            }
        )
    gone = dict.fromkeys(made[0]) | {"order_id": rows + 1, "_batch_id": 1, "_ingested_at": NOW, "_is_deleted": True}
    return pa.Table.from_pylist([*made, gone])


@pytest.fixture
def lake(tmp_path: Path) -> Settings:
    settings = Settings(var_dir=tmp_path)
    write_deltalake(candidate.location(settings, "silver", "int_orders"), orders())
    return settings


def drafted(settings: Settings, layer: str = "silver", table: str = "int_orders", owner: str | None = "me") -> draft.SuiteDraft:
    return draft.draft(settings, (layer, table), owner, NOW)


def of(made: draft.SuiteDraft, column: str) -> dict[str, dict[str, Any]]:
    return {check["expect"].removeprefix("expect_column_"): check for check in made.checks if check.get("column") == column}


def test_keys_values_bounds_and_orders_are_found(lake: Settings) -> None:
    made = drafted(lake)
    assert set(of(made, "order_id")) == {"values_to_not_be_null", "values_to_be_unique"}
    assert "where" not in of(made, "order_id")["values_to_be_unique"], "a key is a key among deleted rows too"
    assert of(made, "status")["values_to_be_in_set"]["value_set"] == ["in-transit", "paid", "placed"]
    assert of(made, "status")["values_to_be_in_set"]["where"] == "not _is_deleted"
    assert of(made, "currency")["values_to_match_regex"]["regex"] == "^[A-Z]{3}$"
    assert of(made, "token")["values_to_match_regex"]["regex"] == profile.UUID
    assert of(made, "email")["values_to_match_regex"]["severity"] == "warning"
    assert of(made, "total")["values_to_be_between"]["min_value"] == 0
    assert (
        of(made, "tax_rate")["values_to_be_between"]["min_value"],
        of(made, "tax_rate")["values_to_be_between"]["max_value"],
    ) == (0, 1)
    assert "values_to_be_between" not in of(made, "delta") and "values_to_not_be_null" not in of(made, "coupon")
    pairs = [(check["column_A"], check["column_B"]) for check in made.checks if "column_A" in check]
    assert ("updated_at", "created_at") in pairs and ("_ingested_at", "updated_at") in pairs
    assert not any("due_at" in pair for pair in pairs), "a due date lies in the future by right"
    [fresh] = [check for check in made.checks if check["expect"] == "fresh"]
    assert (fresh["column"], fresh["within"]) == ("updated_at", "2 days")


def test_every_check_says_what_was_seen(lake: Settings) -> None:
    made = drafted(lake)
    assert of(made, "status")["values_to_not_be_null"]["why"] == "0 nulls in 60 rows"
    assert all(check["why"] for check in made.checks)


def test_no_value_of_a_person_is_named(lake: Settings) -> None:
    text = drafted(lake).text
    assert "canary" not in text and "ana" not in text and "rui" not in text


def test_it_is_a_suite_that_the_loader_takes(lake: Settings, tmp_path: Path) -> None:
    made = drafted(lake)
    path = draft.write(made, tmp_path)
    assert path == tmp_path / "silver" / "int_orders.yml"
    loaded = suite.load(path)
    registry.validate(loaded, path)
    assert (loaded.owner, len(loaded.checks)) == ("me", len(made.checks))
    assert path.read_text().startswith("# yaml-language-server: $schema=../../suite.schema.json\n")


def test_nothing_is_overwritten(lake: Settings, tmp_path: Path) -> None:
    made = drafted(lake)
    path = draft.write(made, tmp_path)
    assert path is not None
    path.write_text("mine")
    assert draft.write(made, tmp_path) is None and path.read_text() == "mine"


def test_without_an_owner_the_gate_refuses_it(lake: Settings, tmp_path: Path) -> None:
    made = drafted(lake, owner=None)
    path = draft.write(made, tmp_path)
    assert made.owner == suite.NOBODY and path is not None
    with pytest.raises(SettingsError, match="name who is told"):
        suite.load(path)


def test_owner_key_contract_and_conservation_come_from_the_model(lake: Settings) -> None:
    contract = {"order_id": {"data_type": "string"}}
    node = {
        "unique_id": "m",
        "name": "int_orders",
        "resource_type": "model",
        "tags": ["silver"],
        "description": "One row per order.",
        "columns": contract,
        "config": {
            "unique_key": "order_id",
            "materialized": "incremental",
            "meta": {"owner": "sales"},
            "contract": {"enforced": True},
        },
    }
    path = lake.var_dir / "dbt" / "target" / "manifest.json"
    path.parent.mkdir(parents=True)
    sources = {"s": {"identifier": "shop__orders"}}
    path.write_text(json.dumps({"nodes": {"m": node}, "sources": sources, "parent_map": {"m": ["s"]}}))
    bronze(lake, "shop__orders", [(n, "r", 1) for n in range(1, 62)])
    made = drafted(lake, owner=None)
    assert (made.owner, "One row per order." in made.text) == ("sales", True)
    assert "by its model's unique_key" in of(made, "order_id")["values_to_be_unique"]["why"]
    assert {"expect": "conserved", "table": "bronze.shop__orders", "key": ["order_id"]}.items() <= made.checks[-2].items()
    assert len(made.left_out) == 1 and "same_as_contract" in made.left_out[0], "what does not hold is told, not written"


def bronze(settings: Settings, table: str, rows: list[tuple[int | None, str, int]]) -> None:
    data = [{"order_id": key, "_op": op, "_batch_id": batch, "_flags": None} for key, op, batch in rows]
    schema = pa.schema([("order_id", pa.int64()), ("_op", pa.string()), ("_batch_id", pa.int64()), ("_flags", pa.string())])
    write_deltalake(candidate.location(settings, "bronze", table), pa.Table.from_pylist(data, schema))
    for batch in sorted({row[2] for row in rows}):
        note = {"batch_id": batch, "table_name": table, "mode": "incremental", "key": '["order_id"]', "status": "committed"}
        ledger.append(settings, "batches", [note | {"rows": 1, "deletes": 0, "delta_version": 0}])


def test_of_bronze_the_latest_living_rows_count(lake: Settings) -> None:
    bronze(lake, "shop__orders", [(1, "r", 1), (2, "r", 1), (1, "u", 2), (2, "d", 2)])
    made = drafted(lake, "bronze", "shop__orders", owner=None)
    assert (made.rows, made.owner) == (1, "data-platform")
    assert "as the ledger has it" in of(made, "order_id")["values_to_be_unique"]["why"]
    assert of(made, "_op")["values_to_be_in_set"]["value_set"] == ["r", "u"]
    assert "1 row say" in made.text


def test_foreign_keys_are_those_of_which_every_value_is_there(lake: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, rows in (("int_customers", 7), ("int_few_customers", 3)):
        write_deltalake(candidate.location(lake, "silver", name), pa.table({"customer_id": range(rows)}))
    keys = {"int_customers": ("customer_id",), "int_few_customers": ("customer_id",)}
    monkeypatch.setattr(relate, "key_of", lambda settings, layer, table: keys.get(table, ()))
    monkeypatch.setattr(relate, "known", lambda settings: [("silver", "int_customers")])
    assert of(drafted(lake), "customer_id")["foreign_key"]["table"] == "int_customers"
    monkeypatch.setattr(relate, "known", lambda settings: [("silver", "int_few_customers")])
    made = drafted(lake)
    assert "foreign_key" not in str(made.checks) and "foreign_key customer_id" in made.left_out[0]


def test_a_key_of_two_columns_is_found(tmp_path: Path) -> None:
    settings = Settings(var_dir=tmp_path)
    rows = [{"day": NOW.date() + timedelta(days=n // 2), "currency": ("EUR", "USD")[n % 2], "sales": 1.0} for n in range(20)]
    write_deltalake(candidate.location(settings, "gold", "rpt_sales"), pa.Table.from_pylist(rows))
    made = drafted(settings, "gold", "rpt_sales")
    [key] = [check for check in made.checks if check["expect"] == "expect_compound_columns_to_be_unique"]
    assert (key["column_list"], "found so" in key["why"]) == (["day", "currency"], True)


def test_an_empty_table_teaches_nothing(tmp_path: Path) -> None:
    settings = Settings(var_dir=tmp_path)
    write_deltalake(candidate.location(settings, "gold", "t"), pa.table({"id": pa.array([1], pa.int64()), "_is_deleted": [True]}))
    with pytest.raises(GateError, match="has no rows"):
        drafted(settings, "gold", "t")


SUBJECT = Subject("gold", "t", (), "", None, NOW)


def proposed(column: ColumnProfile, rows: int = 100) -> list[str]:
    found = propose.checks(SUBJECT, Profile(rows, {column.name: column}))
    return [check["expect"].removeprefix("expect_column_") for check in found if check["expect"] != "usual_row_count"]


@pytest.mark.parametrize(
    ("column", "wanted"),
    [
        (ColumnProfile("city", "string", 50, 3, codes=()), []),
        (ColumnProfile("amount", "double", 50, 9, low=0.0, high=1.0), ["values_to_be_between"]),
        (ColumnProfile("amount", "double", 50, 9, low=0.0, high=1.0, nan=1), []),
        (ColumnProfile("order_id", "long", 50, 9, low=1.0, high=9.0), []),
        (ColumnProfile("latitude", "double", 50, 9, low=-20.0, high=40.0), ["values_to_be_between"]),
        (ColumnProfile("reference", "string", 50, 50, shortest=8, longest=8), ["value_lengths_to_be_between"]),
        (ColumnProfile("word", "string", 50, 4, shortest=8, longest=8), []),
        (ColumnProfile("tags", "array", 100), ["values_to_not_be_null"]),
        (ColumnProfile("delta", "double", 50, 9, low=-1.0, high=5.0), []),
        (ColumnProfile("seen_at", "timestamp", 50, 9, newest=NOW - timedelta(days=1)), ["unexpected_rows_expectation", "fresh"]),
        (ColumnProfile("seen_at", "timestamp", 50, 9, newest=NOW - timedelta(days=9)), ["unexpected_rows_expectation"]),
        (ColumnProfile("seen_at", "timestamp", 50, 9, newest=NOW + timedelta(days=1)), []),
        (ColumnProfile("due_at", "timestamp", 50, 9, newest=NOW - timedelta(days=1)), []),
    ],
)
def test_only_what_makes_sense_is_proposed(column: ColumnProfile, wanted: list[str]) -> None:
    assert proposed(column) == wanted


@pytest.mark.parametrize(
    ("name", "values", "is_set"),
    [
        ("status", ["open"] * 9 + ["done"] * 9, False),
        ("status", ["open"] * 15 + ["done"] * 15, True),
        ("first_name", ["ana"] * 50, False),
        ("status", ["open"] * 50 + ["rare"] * 2, False),
        ("kind", ["Ana Silva"] * 50, False),
        ("kind", ["Ana"] * 50, False),
        ("kind", ["a@b.pt"] * 50, False),
        ("kind", ["x" * 21] * 50, False),
    ],
)
def test_only_common_codes_that_are_no_ones_own_are_listed(tmp_path: Path, name: str, values: list[str], is_set: bool) -> None:
    settings = Settings(var_dir=tmp_path)
    write_deltalake(candidate.location(settings, "gold", "t"), pa.table({"id": range(len(values)), name: values}))
    assert ("value_set" in str(drafted(settings, "gold", "t").checks)) == is_set


_CELLS = st.fixed_dictionaries(
    {
        "amount": st.one_of(st.none(), st.floats(allow_infinity=False)),
        "kind": st.one_of(st.none(), st.sampled_from(["a", "B", "x y", ""])),
        "share": st.floats(0, 1.1),
        "created_at": st.datetimes(datetime(1999, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),
        "closed_at": st.one_of(st.none(), st.datetimes(datetime(1999, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))),
    }
)


@examples(max_examples=15, deadline=None)
@given(rows=st.lists(_CELLS, min_size=1, max_size=40))
def test_what_is_drafted_holds(tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, Any]]) -> None:
    settings = Settings(var_dir=tmp_path_factory.mktemp("law"))
    schema = pa.schema(
        [
            ("id", pa.int64()),
            ("amount", pa.float64()),
            ("kind", pa.string()),
            ("share", pa.float64()),
            ("created_at", pa.timestamp("us", "UTC")),
            ("closed_at", pa.timestamp("us", "UTC")),
        ]
    )
    data = pa.Table.from_pylist([row | {"id": number} for number, row in enumerate(rows)], schema)
    write_deltalake(candidate.location(settings, "gold", "t"), data)
    before = drafted(settings, "gold", "t")
    write_deltalake(candidate.location(settings, "gold", "t"), data, mode="overwrite")
    assert replace(drafted(settings, "gold", "t"), version=0, text="") == replace(before, text="")
    assert before.left_out == (), "nothing about the table's own key was proposed that does not hold"


def test_the_command_writes_or_prints(
    lake: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "load", lambda: lake)
    monkeypatch.setattr(draft.write, "__defaults__", (tmp_path / "suites",))
    asked = ["--table", "int_orders", "--owner", "me"]
    command.suite.main([*asked, "--dry-run"], standalone_mode=False)
    said = capsys.readouterr()
    assert (
        said.out.startswith("# yaml-language-server") and "nothing was written" in said.err and not (tmp_path / "suites").exists()
    )
    command.suite.main(asked, standalone_mode=False)
    assert "values_to_be_unique" in capsys.readouterr().out and (tmp_path / "suites" / "silver" / "int_orders.yml").is_file()
    command.suite.main(asked, standalone_mode=False)
    again = capsys.readouterr()
    assert again.out.startswith("# yaml-language-server") and "it was left as it is" in again.err
