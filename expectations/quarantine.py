"""Row-level quarantine of bronze: rows that fail a check marked `quarantine` are kept apart with their reasons, and let back after a fix."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from expectations.compile import frame
from expectations.compile.condition import form_of
from expectations.suite import Check, Suite
from lakehouse.engines.catalog import literal, quote, register_statement
from lakehouse.engines.dialect import SPARK, Types
from lakehouse.errors import GateError, SettingsError
from lakehouse.settings import Settings
from lakehouse.store import lock, storage
from lakehouse.tables import candidate, lake, ledger, quarantine
from lakehouse.tables.quarantine import REASONS, REQUEUED, TAKEN_AT
from lakehouse.tables.records import BatchRecord, RunRecord
from lakehouse.tables.types import spark_types

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def conditions(suite: Suite, types: Types) -> dict[str, str]:
    """For each check that is marked, what it is called and the SQL of Spark that is true of rows to be taken out.

    Raises:
        ValueError: a check can't be put to a single row.
    """
    return {label(check): _condition(check, types) for check in suite.checks if check.quarantine}


def _condition(check: Check, types: Types) -> str:
    form = form_of(check, types, SPARK)
    if form is None or form.key:
        raise ValueError(f"{label(check)} can't be put to a single row with these arguments: take `quarantine` out")
    return f"case when {form.within} then {form.unexpected} end"


def label(check: Check) -> str:
    """What a check is called among the reasons."""
    return f"{check.expect}({', '.join(check.columns)})" + (f" where {check.where}" if check.where else "")


@dataclass(frozen=True)
class BronzeTable:
    """A bronze table at one version, and how its rows are named."""

    table: str
    location: str
    version: int
    key: tuple[str, ...]


def take_out(settings: Settings, spark: "SparkSession", place: BronzeTable, within: frame.Scope, failing: Mapping[str, str]) -> int:
    """Keep the pending rows of which a condition of `failing` is true in the quarantine, and no other pending ones.

    All rows of one batch and key go together. One Delta transaction: doing it again changes nothing.

    Returns:
        rows taken out.

    Raises:
        ValueError: the table has no key to name a row by.
    """
    bronze = lake.at(settings, place.location, place.version)
    if not failing:
        return _clear(settings, place.table, within)
    if not place.key:
        raise ValueError("rows of a table without a key can't be named: take `quarantine` out of its suite")
    kept = quarantine.prepare(settings, place.table, bronze, place.key)
    held = quarantine.held(settings, place.table)
    if held and held.key != place.key:
        raise ValueError(
            f"quarantine.{place.table} names rows by {', '.join(held.key)}, and the key is another now: requeue or drop it"
        )
    rows = frame.pending(frame.at_version(place.location, place.version), within)
    taken = spark.sql(_taken(rows, place.key, failing))
    lock.check(settings)
    writer = taken.write.format("delta").mode("overwrite").option("mergeSchema", "true")
    writer.option("replaceWhere", _pending(within)).save(storage.for_spark(kept))
    spark.sql(register_statement("quarantine", place.table, kept)).collect()
    counted = spark.sql(f"select count(*) from delta.{quote(storage.for_spark(kept))} where {_pending(within)}").collect()
    return int(counted[0][0])


def _taken(rows: str, key: tuple[str, ...], failing: Mapping[str, str]) -> str:
    said = ", ".join(f"case when {condition} then {literal(name)} end" for name, condition in failing.items())
    group = ", ".join(["_batch_id", *map(quote, key)])
    marked = f"select *, nullif(concat_ws('; ', {said}), '') as _said from ({rows})"
    together = (
        f"select *, array_join(array_sort(collect_set(_said) over (partition by {group})), '; ') as {REASONS} from ({marked})"
    )
    more = f"current_timestamp() as {TAKEN_AT}, cast(null as bigint) as {REQUEUED}"
    return f"select * except (_said), {more} from ({together}) where {REASONS} <> ''"


def _pending(within: frame.Scope) -> str:
    return f"_batch_id > {within.after} and {REQUEUED} is null"


def _clear(settings: Settings, table: str, within: frame.Scope) -> int:
    """Nothing fails any more of what is pending: let go of what an earlier gate took out of it."""
    if quarantine.held(settings, table) is not None:
        place = quarantine.location(settings, table)
        lock.check(settings)
        lake.at(settings, place).delete(_pending(within))
    return 0


@dataclass(frozen=True)
class RequeueResult:
    """What became of the rows that were held: back in bronze, superseded by a newer one of their key, or still failing."""

    back: int
    superseded: int
    failing: int
    batch_id: int | None


def requeue(settings: Settings, spark: "SparkSession", table: str, suite: Suite) -> RequeueResult:
    """Let held rows that no marked check of `suite` fails any more back into bronze, as a batch of its own.

    A row that a newer one of its key has superseded stays where it is: it would undo what came after it.

    Raises:
        GateError: nothing is held of `table`.
    """
    held = quarantine.held(settings, table)
    if held is None:
        raise GateError(f"quarantine.{table}", "holds no rows", "rows to let back", "See select * from quarantine.…")
    home, kept = candidate.location(settings, "bronze", table), quarantine.location(settings, table)
    bronze = lake.at(settings, home)
    types = spark_types(bronze)
    failing = " or ".join(f"coalesce({condition}, false)" for condition in conditions(suite, types).values()) or "false"
    key = [quote(name) for name in held.key]
    spark.sql(_sorted_out(home, kept, held, failing)).createOrReplaceTempView("_held_rows")
    counted = {row["fate"]: row["n"] for row in spark.sql("select fate, count(*) as n from _held_rows group by fate").collect()}
    newest = max((row["batch_id"] for row in ledger.rows(settings, "batches")), default=0)
    batch = max(ledger.next_run_id(settings), newest + 1) if counted.get("back") else None
    if batch is not None:
        columns = [quote(name) for name in types if name not in ("_batch_id", "_ingested_at")]
        now = f"timestamp {literal(f'{datetime.now(UTC):%Y-%m-%d %H:%M:%S.%f}')}"
        back = spark.sql(
            f"select {', '.join(columns)}, {batch}L as _batch_id, {now} as _ingested_at from _held_rows where fate = 'back'"
        )
        lock.check(settings)
        back.write.format("delta").mode("append").save(storage.for_spark(home))
        _note(settings, table, batch=batch, rows=counted["back"], key=list(held.key))
        same = " and ".join(f"q.{column} <=> h.{column}" for column in ["_batch_id", *key])
        spark.sql(
            f"merge into delta.{quote(storage.for_spark(kept))} q using (select distinct _batch_id, {', '.join(key)} from _held_rows "
            f"where fate = 'back') h on {same} when matched then update set {REQUEUED} = {batch}"
        ).collect()
    return RequeueResult(counted.get("back", 0), counted.get("superseded", 0), counted.get("failing", 0), batch)


def _sorted_out(home: str, kept: str, held: quarantine.QuarantineState, failing: str) -> str:
    """Query: rows that are held and not yet let back, each with its `fate`; one bad row keeps its whole batch and key."""
    key = [quote(name) for name in held.key]
    group, keys = ", ".join(["_batch_id", *key]), ", ".join(key)
    quarantined = f"select * from delta.{quote(storage.for_spark(kept))} version as of {held.version} where {REQUEUED} is null"
    newest = f"select max(_batch_id) over (partition by {keys}) as _newest_held, max({failing}) over (partition by {group}) as _bad, * from ({quarantined})"
    seen = frame.without(f"select * from delta.{quote(storage.for_spark(home))}", quarantined, held.key, quote)
    later = f"select {keys}, max(_batch_id) as _newest from ({seen}) group by {keys}"
    join = " and ".join(f"n.{column} <=> l.{column}" for column in key)
    fate = (
        "case when coalesce(l._newest, -1) > n._batch_id or n._newest_held > n._batch_id then 'superseded' "
        "when n._bad then 'failing' else 'back' end"
    )
    return f"select n.*, {fate} as fate from ({newest}) n left join ({later}) l on {join}"


def _note(settings: Settings, table: str, batch: int, rows: int, key: list[str]) -> None:
    before = [row for row in ledger.rows(settings, "batches") if row["table_name"] == table and row["source"]]
    source, label = (before[-1]["source"], before[-1]["source_table"]) if before else (None, None)
    brought = BatchRecord(
        batch_id=batch,
        run_id=batch,
        source=source,
        source_table=label,
        table_name=table,
        mode="requeue",
        key=json.dumps(key),
        status="committed",
        rows=rows,
        deletes=0,
        delta_version=candidate.version(settings, "bronze", table),
    )
    ledger.emit(settings, brought)
    ledger.emit(settings, RunRecord(run_id=batch, command="requeue", status="succeeded", rows=rows))


def find_suite(settings: Settings, table: str) -> Suite:
    """The suite of bronze table `table`.

    Raises:
        SettingsError: it has none, or was never copied.
    """
    from expectations.suite import find

    keys = [row["key"] for row in ledger.rows(settings, "batches") if row["table_name"] == table and row["status"] == "committed"]
    suite = find("bronze", table, json.loads(keys[-1] or "[]")) if keys else None
    if suite is None:
        raise SettingsError("TABLE", f"bronze.{table} was never copied or has no suite", "a table of bronze", "See make status")
    return suite
