"""For any interleaving of batches, partial runs, rebuilds and tables that were set back: an incremental model holds what a full rebuild holds.

Many small worlds share the tables, each with keys of its own, so that one run of dbt tries them all; a world that ends up
differently is shown with what happened to it.
"""

import itertools
import json
import os
import random
from collections import defaultdict
from collections.abc import Iterator
from contextlib import chdir
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import in_process
import pyarrow as pa
import pytest
from dbt.cli.main import dbtRunner
from deltalake import CommitProperties, DeltaTable, write_deltalake
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from lakehouse import dbt
from lakehouse.engines import catalog
from lakehouse.settings import Settings

LONG = bool(os.environ.get("LONG"))  # all models after each batch, and more worlds
WORLDS, BATCHES, IDS = (500 if LONG else 120), 4, 3  # worlds, batches, keys of each table in a world
# As ingestion makes them of the sample shop; the key comes first.
TABLES = {
    "categories": (
        1,
        "category_id integer, parent_id integer, name string, slug string, created_at timestamp, updated_at timestamp",
    ),
    "customers": (
        1,
        "customer_id long, customer_uuid string, full_name string, email string, phone string, birth_date date, country_code string, "
        "preferences string, tags array<string>, is_vip boolean, credit_limit decimal(12,2), created_at timestamp, "
        "updated_at timestamp, deleted_at timestamp",
    ),
    "order_lines": (
        2,
        "order_id long, line_number short, product_id long, quantity integer, unit_price decimal(12,2), discount_rate decimal(5,4), "
        "line_total decimal(14,2), gift_wrap boolean, options string, updated_at timestamp",
    ),
    "orders": (
        1,
        "order_id long, customer_id long, status string, currency string, coupon_code string, shipping_cost decimal(10,2), "
        "note string, client_info string, placed_at timestamp, paid_at timestamp, updated_at timestamp",
    ),
    "payments": (
        1,
        "payment_id string, order_id long, method string, amount decimal(14,2), provider_data string, paid_at timestamp, "
        "refunded_at timestamp, updated_at timestamp",
    ),
    "products": (
        1,
        "product_id long, sku string, category_id integer, name string, description string, attributes string, "
        "image_urls array<string>, list_price decimal(12,2), weight_kg float, rating_hint double, is_active boolean, "
        "created_at timestamp, updated_at timestamp, deleted_at timestamp",
    ),
    "reviews": (
        1,
        "review_id long, product_id long, customer_id long, rating short, title string, body string, photos array<string>, "
        "created_at timestamp, updated_at timestamp, deleted_at timestamp",
    ),
    "shipments": (
        1,
        "shipment_id long, order_id long, carrier string, tracking_code string, weight_kg decimal(8,3), ship_to string, "
        "shipped_at timestamp, delivered_at timestamp, pickup_time string, updated_at timestamp",
    ),
    "stock_movements": (
        1,
        "movement_id long, product_id long, quantity integer, reason string, warehouse string, moved_at timestamp",
    ),
}
TECHNICAL = "_batch_id long, _ingested_at timestamp, _op string, _source_lsn long, _flags string"
ARROW = {
    "integer": pa.int32(),
    "long": pa.int64(),
    "short": pa.int16(),
    "string": pa.string(),
    "boolean": pa.bool_(),
    "timestamp": pa.timestamp("us", tz="UTC"),
    "date": pa.date32(),
    "float": pa.float32(),
    "double": pa.float64(),
    "array<string>": pa.list_(pa.string()),
}
HISTORIES = ["int_customers__history", "int_products__history"]
SILVER = [f"int_{table}__current" for table in TABLES] + HISTORIES
READ_BY_GOLD = ["int_orders__current", "int_order_lines__current", "int_payments__current"]
WITH_HISTORY = ["dim_customers_history", "dim_products_history"]
GOLD = ["fct_orders", "fct_order_lines", "fct_stock_movements"]
FIRST_SEED = random.SystemRandom().randrange(2**32)  # Hypothesis begins with 0 each time
TRIES = itertools.count(1)
START = datetime(2026, 1, 1, tzinfo=UTC)
Row = dict[str, Any]


def columns(table: str) -> dict[str, pa.DataType]:
    parts = (TABLES[table][1] + ", " + TECHNICAL).replace(", ", "\n").splitlines()
    return {name: kind(said) for name, said in (part.split(" ", 1) for part in parts)}


def kind(said: str) -> pa.DataType:
    if said.startswith("decimal"):
        return pa.decimal128(*map(int, said[8:-1].split(",")))
    return ARROW[said]


def key_of(table: str) -> list[str]:
    return list(columns(table))[: TABLES[table][0]]


class World:
    """Random events with keys that no other world has."""

    def __init__(self, number: int, rng: random.Random) -> None:
        self.number, self.rng = number, rng

    def batch(self, table: str, batch: int) -> list[Row]:
        """Rows of one batch: keys written, written twice, deleted, deleted and inserted again; mostly none at all."""
        rows: list[Row] = []
        for position in self.rng.sample(range(IDS), self.rng.choice([0, 0, 1, 1, 2])):
            event = self.rng.choice(["write", "write", "write", "twice", "delete", "again"])
            own = self._key(table, position)
            if event in ("delete", "again"):
                rows.append(self._row(table, own, batch, "d"))
            if event != "delete":
                rows.append(self._row(table, own, batch, self.rng.choice("ru")))
            if event == "twice":
                rows.append(dict(rows[-1]))
        return rows

    def _key(self, table: str, position: int) -> Row:
        names = key_of(table)
        found: Row = {names[0]: self._id(names[0], position)}
        if len(names) > 1:
            found = {names[0]: self._id(names[0], self.rng.randrange(IDS)), names[1]: position}
        return found

    def _id(self, name: str, position: int) -> Any:
        number = self.number * IDS + position
        return f"P{number}" if name == "payment_id" else number

    def _row(self, table: str, key: Row, batch: int, op: str) -> Row:
        row: Row = {name: key.get(name, None if op == "d" else self._value(name, kind)) for name, kind in columns(table).items()}
        technical = {"_batch_id": batch, "_ingested_at": START + timedelta(hours=batch), "_op": op, "_source_lsn": batch * 100}
        return row | technical | {"_flags": None}

    def _value(self, name: str, kind: pa.DataType) -> Any:
        rng = self.rng
        if rng.random() < 0.1:
            return None
        if name in ("order_id", "customer_id", "product_id", "category_id", "parent_id"):
            return self._id(name, rng.randrange(IDS))
        if name == "status":
            return rng.choice(["placed", "paid", "cancelled", "returned"])
        if pa.types.is_integer(kind):
            return rng.randrange(5)
        if pa.types.is_decimal(kind):
            return Decimal(rng.randrange(100)).scaleb(-kind.scale)
        if pa.types.is_timestamp(kind):
            return START + timedelta(hours=rng.choice([0, 1, 2, 3, 50]), minutes=rng.choice([-20, 0]))
        if pa.types.is_date(kind):
            return date(2000, 1, 1 + rng.randrange(3))
        if pa.types.is_boolean(kind):
            return rng.random() < 0.5
        if pa.types.is_floating(kind):
            return float(rng.randrange(4))
        if pa.types.is_list(kind):
            return [rng.choice("ab")] * rng.randrange(2)
        return rng.choice("abc")


class Lake:
    """Bronze of the worlds, and dbt's models of it in schemas of their own."""

    def __init__(self, settings: Settings, name: str) -> None:
        self.settings, self.name, self.folder = settings, name, settings.var_dir / name
        catalog.thrift_rows(settings, f"create schema {name}_bronze")

    def write(self, table: str, rows: list[Row], batch: int) -> None:
        """Append a batch as ingestion does."""
        path, schema = str(self.folder / table), pa.schema(list(columns(table).items()))
        note = CommitProperties(custom_metadata={"comporta": json.dumps({"window": {"batch_id": batch}})})
        fresh = not DeltaTable.is_deltatable(path)
        write_deltalake(path, pa.Table.from_pylist(rows, schema), mode="append", commit_properties=note)
        if fresh:
            catalog.thrift_rows(self.settings, catalog.register_statement(f"{self.name}_bronze", f"shop__{table}", path))

    def run(self, prefix: str, select: list[str], *more: str) -> None:
        """dbt run."""
        said = json.dumps({"schema_prefix": f"{self.name}_{prefix}", "large_table_bytes": 0})  # as the merges of large tables
        target = ("--target-path", str(self.folder / f"target{prefix}"))
        words = ["--quiet", "--no-version-check", "run", "--vars", said, *target, "--select", *select, *more]
        with in_process.told(dbt.environment(self.settings)), chdir(dbt.PROJECT):
            done = dbtRunner().invoke(words)
        assert done.success, done.exception or [str(each.message) for each in getattr(done.result, "results", ())]

    def set_back(self, model: str) -> None:
        """As a failed gate does it."""
        catalog.thrift_rows(self.settings, f"restore table {self.name}_silver_candidate.{model} to version as of 0")

    def rows(self, prefix: str, model: str) -> list[Row]:
        """What a model holds."""
        layer = "silver" if model in SILVER else "gold"
        path = self.settings.lake_url + f"/warehouse/{self.name}_{prefix}{layer}_candidate.db/{model}"
        return list(DeltaTable(path).to_pyarrow_table().to_pylist())


def by_key(model: str, rows: list[Row]) -> dict[tuple[Any, ...], Row]:
    names = key_of(next(table for table in TABLES if model.removeprefix("fct_").removeprefix("int_").split("__")[0] == table))
    if model in HISTORIES:
        names = [*names, "_valid_from"]
    found = {tuple(row[name] for name in names): row for row in rows}
    assert len(found) == len(rows), f"{model} has a key twice"
    return found


@pytest.mark.slow
@pytest.mark.timeout(1800)
@given(seed=st.integers(0, 2**32))
@examples(max_examples=1, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
def test_incremental_equals_full_rebuild(spark_server: Settings, monkeypatch_session: pytest.MonkeyPatch, seed: int) -> None:
    seed = int(os.environ.get("LAW_SEED") or seed + FIRST_SEED)
    rng = random.Random(seed)
    lake = Lake(spark_server, f"law{next(TRIES)}")
    monkeypatch_session.setenv("BRONZE_SCHEMA", f"{lake.name}_bronze")
    worlds = [World(number, random.Random(rng.random())) for number in range(WORLDS)]
    story: dict[int, list[tuple[str, Row]]] = defaultdict(list)
    absent = {table: rng.choice([None, None, *range(2, BATCHES + 1)]) for table in TABLES}
    for batch in range(1, BATCHES + 1):
        for table in TABLES:
            if batch == absent[table]:
                continue
            rows = []
            for world in worlds:
                made = world.batch(table, batch)
                story[world.number] += [(table, row) for row in made]
                rows += made
            lake.write(table, rows, batch)
        if batch == 1:
            lake.run("", ["stg_shop__*", *SILVER, *GOLD])
        elif LONG and batch == 2:
            lake.run("", [*SILVER, *GOLD])
        elif batch == (3 if LONG else 2):  # some tables get further than others, and what is built on them goes on meanwhile
            lake.run("", [rng.choice(READ_BY_GOLD), *rng.sample(SILVER, 4), *GOLD])
        if batch == 2:
            lake.set_back(rng.choice(READ_BY_GOLD))
            lake.run("", [rng.choice(SILVER)], "--full-refresh")
    lake.run("", [*SILVER, *GOLD])
    lake.run("whole_", ["stg_shop__*", *SILVER, *GOLD])
    compared = same([(model, lake.rows("", model), lake.rows("whole_", model)) for model in SILVER + GOLD], seed, story)
    assert compared > WORLDS * len(SILVER + GOLD), f"{compared} rows are few: were the worlds made?"
    for model in HISTORIES:
        same_periods(model, lake.rows("", model), seed, story)
    lake.set_back(rng.choice(READ_BY_GOLD))  # and gold, of what silver holds now
    lake.run("", GOLD)
    before = {model: lake.rows("", model) for model in GOLD}
    lake.run("", GOLD, "--full-refresh")
    compared = same([(model, before[model], lake.rows("", model)) for model in GOLD], seed, story)
    assert compared > WORLDS, f"{compared} rows are few: the first batch alone brings more"  # what was set back holds only that


def same(pairs: list[tuple[str, list[Row], list[Row]]], seed: int, story: dict[int, list[tuple[str, Row]]]) -> int:
    """Rows compared; each model holds the same ones, incremental and rebuilt, or the world in which it does not is shown."""
    compared = 0
    for model, incremental, rebuilt in pairs:
        one, other = by_key(model, incremental), by_key(model, rebuilt)
        assert other, f"{model} is empty: nothing was tried"
        for key in sorted({*one, *other}, key=str):
            compared += 1
            if one.get(key) != other.get(key):
                world = int(str(key[0]).lstrip("P")) // IDS
                events = "\n".join(f"{table}: { {n: v for n, v in row.items() if v is not None} }" for table, row in story[world])
                pytest.fail(f"LAW_SEED={seed}: {model} {key}\nincremental {one.get(key)}\nrebuilt     {other.get(key)}\n{events}")
    return compared


def same_periods(model: str, rows: list[Row], seed: int, story: dict[int, list[tuple[str, Row]]]) -> None:
    """A history says what each batch saw, and when it may have begun: told again here, event by event."""
    table = model.removeprefix("int_").removesuffix("__history")
    key = key_of(table)[0]
    values = [name for name in columns(table) if name in rows[0] and name != "updated_at" and not name.startswith("_")]
    held: dict[Any, list[Row]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: row["_valid_from"]):
        held[row[key]].append({name: row[name] for name in [*values, "_valid_from", "_valid_to", "_is_current"]})
    expected: dict[Any, list[Row]] = defaultdict(list)
    for events in story.values():
        for batch, own in seen_by(batch_events := [row for name, row in events if name == table], key):
            before = max(
                (row["_batch_id"] for row in batch_events if row[key] == own[key] and row["_batch_id"] < batch), default=-99
            )
            periods, at = expected[own[key]], START + timedelta(hours=batch)
            if own["updated_at"] is not None and START + timedelta(hours=before) < own["updated_at"] <= at:
                at = own["updated_at"]
            now = {name: own[name] for name in values}
            current = periods[-1] if periods and periods[-1]["_valid_to"] is None else None
            if own["_op"] != "d" and current is not None and {name: current[name] for name in values} == now:
                continue
            if current is not None:
                current |= {"_valid_to": at, "_is_current": False}
            if own["_op"] != "d":
                periods.append(now | {"_valid_from": at, "_valid_to": None, "_is_current": True})
    late = 0
    for number in {*held, *expected}:
        late += sum(period["_valid_from"].minute == 40 for period in expected[number])
        assert held[number] == expected[number], f"LAW_SEED={seed}: {model} {number}\n{story[number // IDS]}"
    assert len(rows) > WORLDS and late, "no version took its time from the source: nothing was tried"


def seen_by(events: list[Row], key: str) -> list[tuple[int, Row]]:
    """What each batch saw of each key, in order: the row that was written, or else the deletion."""
    found: dict[tuple[int, Any], Row] = {}
    for row in events:
        at = (row["_batch_id"], row[key])
        if at not in found or row["_op"] != "d":
            found[at] = row
    return [(batch, row) for (batch, _), row in sorted(found.items(), key=lambda item: item[0])]


@pytest.fixture(scope="session")
def monkeypatch_session() -> Iterator[pytest.MonkeyPatch]:
    """Environment variables that stay while examples follow each other."""
    with pytest.MonkeyPatch.context() as patch:
        yield patch


def test_worlds_do_not_share_keys(tmp_path: Path) -> None:
    seen: dict[Any, int] = {}
    for number in range(20):
        world = World(number, random.Random(number))
        for table in TABLES:
            for row in world.batch(table, 1):
                key = (table, row[key_of(table)[0]])
                assert seen.setdefault(key, number) == number
    assert seen
