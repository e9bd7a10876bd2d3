"""Rows that came into a table after a version whose verdict was a pass: what a check on single rows still has to look at.

A row of a file that the earlier version had too was as expected under the same suite, and is the same row.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import unquote

import pyarrow as pa
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError

from expectations.compile.condition import ROWWISE, same_where
from expectations.suite import Check, Suite
from lakehouse.engines import local
from lakehouse.engines.dialect import SPARK, Engine, Types
from lakehouse.settings import Settings
from lakehouse.tables import lake

_FILES = 1000  # more of them are no small change


@dataclass(frozen=True)
class NewRows:
    """Who can be asked about the rows of the files that are new, and how many rows the log says that they hold."""

    engines: tuple[Engine, ...]
    rows: int


def allows(check: Check, types: Types) -> bool:
    """Whether the check holds for a table just when it holds for the rows that are new."""
    alone = check.expect in ROWWISE and check.mostly is None and check.tolerance is None
    return alone and same_where(check.where, types)  # a condition on today's date is another one tomorrow


def since(
    settings: Settings, table: DeltaTable, verdicts: Iterable[Mapping[str, Any]], suite: Suite, engines: tuple[Engine, ...]
) -> NewRows | None:
    """What came since the latest of `verdicts` that passed wholly under `suite`; None if there is none, or it can't be told.

    Args:
        engines: who can be asked about the whole `table`.
    """
    passed = [
        row for row in verdicts if row["verdict"] == "passed" and not row["failed_warning"] and row["suite_hash"] == suite.hash
    ]
    if not passed or passed[-1]["delta_version"] is None:
        return None
    try:
        base = lake.at(settings, table.table_uri, passed[-1]["delta_version"])
        if base.schema() != table.schema() or not is_same(base, passed[-1]):  # a name may mean another column
            return None
        uris, added = _new(base.file_uris(), table.file_uris()), _added(base, table)
    except DeltaError:  # the version is gone
        return None
    sizes = [row["num_records"] for row in added]
    if len(uris) != len(added) or len(uris) > _FILES or None in sizes:
        return None
    return NewRows(tuple(_narrowed(uris, engines)), sum(sizes))


def is_same(table: DeltaTable, verdict: Mapping[str, Any]) -> bool:
    """Whether the ledger's `verdict` is about this very table: one that was dropped and made anew counts its versions anew.

    By the table's own id. Times can't tell: Delta's are whole milliseconds, and of the clock of whoever wrote it.
    """
    return bool(verdict["table_id"]) and str(table.metadata().id) == verdict["table_id"]


def _new(before: Iterable[str], now: Iterable[str]) -> list[str]:
    there = set(before)
    return [uri for uri in now if uri not in there]


def _added(base: DeltaTable, table: DeltaTable) -> list[dict[str, Any]]:
    before, now = (pa.table(each.get_add_actions(flatten=True)).to_pylist() for each in (base, table))
    there = {row["path"] for row in before}
    return [row for row in now if row["path"] not in there]


def _narrowed(uris: list[str], engines: tuple[Engine, ...]) -> Iterable[Engine]:
    for engine in engines:
        if engine.dialect.is_spark:
            names = ", ".join(SPARK.literal(unquote(uri).rsplit("/", 1)[-1]) for uri in uris) or "''"
            # The file's name is only known next to the table itself: the query of a table at a version has no `where` yet.
            yield replace(engine, rows=f"{engine.rows} where substring_index(_metadata.file_path, '/', -1) in ({names})")
        elif rows := local.rows_of(uris):
            yield replace(engine, rows=rows)
        elif not uris:
            yield replace(engine, rows=f"{engine.rows} limit 0")
