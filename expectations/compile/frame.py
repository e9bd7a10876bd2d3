"""What is judged: a bronze table's pending rows, or a whole candidate, at one Delta version. SQL is made here, not run."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from lakehouse.engines.catalog import quote
from lakehouse.store import storage


@dataclass(frozen=True)
class Scope:
    """Which rows of a bronze table are pending, in batch ids."""

    after: int = 0  # the last released batch; what is newer is pending
    since: int = 0  # in a table without a key, the latest full copy: it replaces all before it
    batches: int = 0  # pending ones with rows
    key: tuple[str, ...] = ()
    promised: int = 0  # pending rows and deletes as the ledger has them


def scope(batches: Iterable[Mapping[str, Any]], released: int | None) -> Scope:
    """What is pending of one table, given its rows of the ledger `batches` and its released Delta version (None: none)."""
    done = [row for row in batches if row["status"] == "committed"]
    if not done:
        return Scope()
    key = tuple(json.loads(done[-1]["key"] or "[]"))
    seen = [row["batch_id"] for row in done if released is not None and (row["delta_version"] or 0) <= released]
    after = max(seen, default=0)
    copies = [row["batch_id"] for row in done if row["mode"] == "full"]
    since = max(copies, default=0) if not key else 0
    pending = [row for row in done if row["batch_id"] > after and row["batch_id"] >= since]
    sizes = [(row["rows"] or 0) + (row["deletes"] or 0) for row in pending]
    return Scope(after=after, since=since, batches=sum(size > 0 for size in sizes), key=key, promised=sum(sizes))


def at_version(location: str, version: int) -> str:
    """Query of Spark: the Delta table at `location` as of `version`."""
    return f"select * from delta.{quote(storage.for_spark(location))} version as of {int(version)}"


def pending(rows: str, within: Scope) -> str:
    """Query: every pending row among the `rows` of a bronze table, deletions included."""
    return f"select * from ({rows}) where _batch_id > {within.after} and _batch_id >= {within.since}"


def written(rows: str, within: Scope) -> str:
    """Query: every pending row that is no deletion, superseded ones included."""
    return f"select * from ({pending(rows, within)}) where _op is distinct from 'd'"


def live(rows: str, within: Scope, whole: bool, column: Callable[[str], str] = quote) -> str:
    """Query: the latest living row of each key among the pending rows, or of the `whole` table.

    A later batch may have mended an earlier one; within a batch a written row wins over a deletion. One batch, which is
    one snapshot of the source, holds a living key once: its rows are taken as they are, so that a key which is there
    twice is seen by the checks and not tidied away. `column` quotes a name.
    """
    rows = pending(rows, Scope(0, within.since) if whole else within)
    if not within.key or (within.batches == 1 and not whole):
        return f"select * from ({rows}) where _op is distinct from 'd'"
    keys = ", ".join(map(column, within.key))
    order = "_batch_id desc, _op is not distinct from 'd'"
    ranked = f"select *, row_number() over (partition by {keys} order by {order}) as _rank_in_key from ({rows})"
    return f"select * from ({ranked}) where _rank_in_key = 1 and _op is distinct from 'd'"


def without(rows: str, held: str, key: Iterable[str], column: Callable[[str], str] = quote) -> str:
    """Query: `rows` but those whose batch and key are among the rows `held`."""
    same = " and ".join(f"q.{column(name)} is not distinct from c.{column(name)}" for name in ("_batch_id", *key))
    return f"select c.* from ({rows}) as c where not exists (select 1 from ({held}) as q where {same})"


def counts(rows: str) -> str:
    """Query: how many rows the query `rows` has, and how many of them live."""
    return f"select count(*) as seen, count(case when _op is distinct from 'd' then 1 end) as living from ({rows})"
