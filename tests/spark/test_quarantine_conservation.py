"""Law of quarantine: whatever is taken out, let back and released in whatever order, every row of bronze is either seen or held, once.

Batches are written as ingestion writes them; taking out, letting back and releasing are the project's own, on the real server.
"""

import itertools
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake
from hypothesis import HealthCheck, Phase, example, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from expectations import quarantine
from expectations.compile import frame
from expectations.suite import Suite
from lakehouse.engines import catalog, local
from lakehouse.engines.dialect import DUCKDB
from lakehouse.settings import Settings
from lakehouse.store import storage
from lakehouse.tables import candidate, ledger, released, schemas
from lakehouse.tables import quarantine as kept_apart
from lakehouse.tables.types import spark_types
from releases import release

SCHEMA = pa.schema(
    [
        ("id", pa.int64()),
        ("age", pa.int64()),
        ("_op", pa.string()),
        ("_batch_id", pa.int64()),
        ("_ingested_at", pa.timestamp("us", tz="UTC")),
    ]
)
COLUMNS = ("id", "age", "_op", "_batch_id")
Row = tuple[int, int | None, str, int]
Step = tuple[str, Any]
_numbers = itertools.count(1)

_AGES = st.one_of(st.none(), st.integers(-9, 9))
# Of one key a batch brings a write, a deletion, or both: deleted and inserted again.
_CHANGE = st.one_of(
    st.tuples(st.just("u"), _AGES).map(lambda one: [one]), st.just([("d", None)]), _AGES.map(lambda age: [("d", None), ("u", age)])
)
_BATCH = st.dictionaries(st.integers(1, 5), _CHANGE, min_size=1, max_size=5)
_LIMIT = st.sampled_from([-10, -3, 0, 3])
_STEPS = st.lists(
    st.one_of(st.tuples(st.just("batch"), _BATCH), st.tuples(st.just("gate"), _LIMIT), st.tuples(st.just("requeue"), _LIMIT)),
    min_size=3,
    max_size=5,
)


def suite(least: int) -> Suite:
    """Ages below `least` go to quarantine, and missing ones."""
    age = {"column": "age", "quarantine": True}
    checks: list[dict[str, Any]] = [{"expect": "expect_column_values_to_be_between", "min_value": least, **age}]
    if least > -10:
        checks.append({"expect": "expect_column_values_to_not_be_null", "where": "_op = 'u'", **age})
    return Suite.model_validate({"table": "t", "description": "x", "owner": "me", "checks": checks})


class Table:
    """One bronze table with its quarantine, ledger and releases."""

    def __init__(self, settings: Settings, spark: Any) -> None:
        self.spark, self.name = spark, f"law{next(_numbers)}__people"
        self.settings = settings.model_copy(update={"lake_url": f"{settings.lake_url}/{self.name}"})
        self.place = candidate.location(self.settings, "bronze", self.name)
        self.written: list[Row] = []  # what ingestion wrote, in order

    def step(self, kind: str, what: Any) -> None:
        if kind == "batch":
            self.batch(what)
        elif kind == "gate":
            self.gate(what)
        elif kept_apart.held(self.settings, self.name):
            quarantine.requeue(self.settings, self.spark, self.name, suite(what))

    def batch(self, changes: dict[int, list[tuple[str, int | None]]]) -> None:
        known = [row["batch_id"] for row in ledger.rows(self.settings, "batches")]
        number = max([ledger.next_run_id(self.settings), *(each + 1 for each in known)])
        rows = [(key, age, op, number) for key, each in changes.items() for op, age in each]
        made = [dict(zip(COLUMNS, row, strict=True)) | {"_ingested_at": datetime.now(UTC)} for row in rows]
        write_deltalake(self.place, pa.Table.from_pylist(made, SCHEMA), mode="append")
        deletes = sum(row[2] == "d" for row in rows)
        note = {"batch_id": number, "table_name": self.name, "mode": "incremental", "key": '["id"]', "status": "committed"}
        size = {
            "rows": len(rows) - deletes,
            "deletes": deletes,
            "delta_version": candidate.version(self.settings, "bronze", self.name),
        }
        ledger.append(self.settings, "batches", [note | size])
        self.written += rows

    def gate(self, least: int) -> None:
        """Take out what fails, and release what is left, as a gate and a release do."""
        version = candidate.version(self.settings, "bronze", self.name)
        if version is None:
            return
        within = frame.scope(
            [row for row in ledger.rows(self.settings, "batches") if row["table_name"] == self.name],
            released.published(self.settings, "bronze").get(self.name),
        )
        said = quarantine.conditions(suite(least), spark_types(DeltaTable(self.place)))
        pending = [row for row in self.bronze() if row[3] > within.after and row[2] != "d"]
        failing = said if any(row[1] is None or row[1] < least for row in pending) and least > -10 else {}
        place = quarantine.BronzeTable(self.name, self.place, version, ("id",))
        quarantine.take_out(self.settings, self.spark, place, within, failing)
        catalog.thrift_rows(self.settings, catalog.register_statement("bronze", self.name, self.place))
        release.publish(self.settings, "bronze", {self.name: version})

    def bronze(self, version: int | None = None) -> list[Row]:
        return rows_of(DeltaTable(self.place, version=version)) if DeltaTable.is_deltatable(self.place) else []

    def kept(self, version: int) -> list[Row]:
        return rows_of(DeltaTable(kept_apart.location(self.settings, self.name), version=version))

    def readers(self) -> list[Row]:
        found = self.spark.sql(f"select {', '.join(COLUMNS)} from bronze_gated.{self.name}").collect()
        return [tuple(row) for row in found]

    def conserved(self) -> None:
        """Every row of bronze is either seen or held, and nothing else is: now, and as readers see it."""
        held = kept_apart.held(self.settings, self.name)
        assert counted(self.bronze()) == counted(self.unheld()) + counted(self.kept(held.version) if held else [])
        shown = released.current(self.settings, "bronze")
        if shown:
            then = shown.held.get(self.name)
            seen, there = self.readers(), self.bronze(shown.tables[self.name])
            assert counted(there) == counted(seen) + counted(self.kept(then.version) if then else [])
        back = [row for row in self.bronze() if row not in self.written]
        assert not set(self.written) - set(self.bronze()), "what was written stays"
        assert all(count == 1 for count in counted(back).values()), "what comes back comes once"

    def unheld(self) -> list[Row]:
        """What readers would see if all of bronze were released."""
        held, table = kept_apart.held(self.settings, self.name), DeltaTable(self.place) if self.bronze() else None
        if not held or not table:
            return self.bronze()
        kept = DeltaTable(kept_apart.location(self.settings, self.name), version=held.version)
        rows, others = (local.rows(self.settings, each) for each in (table, kept))
        assert rows and others
        query = frame.without(rows, others, held.key, DUCKDB.column)
        return [tuple(row) for row in local.DuckEngine(self.settings).ask(f"select {', '.join(COLUMNS)} from ({query})")]  # type: ignore[misc]

    def drop(self) -> None:
        for statement in (
            f"drop view if exists bronze_gated.{self.name}",
            f"drop table if exists bronze.{self.name}",
            f"drop table if exists quarantine.{self.name}",
        ):
            catalog.thrift_rows(self.settings, statement)


def rows_of(table: DeltaTable) -> list[Row]:
    found = table.to_pyarrow_table(columns=list(COLUMNS)).to_pylist()
    return [tuple(row[name] for name in COLUMNS) for row in found]  # type: ignore[misc]


def counted(rows: Sequence[Row]) -> Counter[Row]:
    return Counter(rows)


def state(rows: Sequence[Row]) -> dict[int, int | None]:
    """What lives at the end, as silver sees it: of each key the newest batch, in which a write wins over a deletion."""
    newest: dict[int, Row] = {}
    for row in rows:
        best = newest.get(row[0])
        if best is None or (row[3], row[2] != "d") > (best[3], best[2] != "d"):
            newest[row[0]] = row
    return {key: row[1] for key, row in newest.items() if row[2] != "d"}


@pytest.mark.slow
@pytest.mark.timeout(1500)  # four minutes on two busy cores
# No shrinking: what fails is short already, and each try costs a minute of Spark.
@examples(
    max_examples=2, deadline=None, suppress_health_check=list(HealthCheck), phases=(Phase.explicit, Phase.reuse, Phase.generate)
)
@example(
    first={1: [("u", -5)], 2: [("u", None)], 3: [("u", 5)], 4: [("u", -2)]},
    steps=[("batch", {1: [("u", -9)], 2: [("u", 4)], 3: [("d", None), ("u", -1)]}), ("gate", 0), ("requeue", -3), ("requeue", -3)],
)
@given(first=_BATCH, steps=_STEPS)
def test_every_row_is_seen_or_held_and_a_fix_brings_all_back(
    lake_settings: Settings, spark: Any, first: Any, steps: list[Step]
) -> None:
    schemas.create(lake_settings)
    table = Table(lake_settings, spark)
    try:
        for step in [("batch", first), ("gate", 0), *steps]:
            table.step(*step)
            table.conserved()
        # Everything is mended: what is pending comes by itself, what was held before comes back unless a newer row took its place.
        table.gate(-10)
        table.step("requeue", -10)
        table.gate(-10)
        table.conserved()
        assert state(table.readers()) == state(table.written)
        held = kept_apart.held(table.settings, table.name)
        left = waiting(table) if held else []
        newest = {row[0]: row[3] for row in sorted(table.readers(), key=lambda row: row[3])}
        assert all(newest.get(row[0], 0) > row[3] for row in left), "only what a newer row has superseded stays behind"
    finally:
        table.drop()


def waiting(table: Table) -> list[Row]:
    """Rows in quarantine that have not come back."""
    url = storage.join(table.settings.lake_url, "quarantine", table.name)
    found = DeltaTable(url).to_pyarrow_table().to_pylist()
    return [tuple(row[name] for name in COLUMNS) for row in found if row[kept_apart.REQUEUED] is None]  # type: ignore[misc]
