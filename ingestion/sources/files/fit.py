"""Rows whose texts fit the table's columns, told from those whose don't."""

import json
from collections.abc import Collection, Mapping

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from ingestion.sources.files import casts
from ingestion.sources.files.csv_blocks import Reject
from ingestion.sources.files.text_file import DOCUMENT
from lakehouse.engines.standard import literal, quote


def fitting(
    judge: duckdb.DuckDBPyConnection, rows: pa.Table, contract: Mapping[str, str], key: Collection[str], *, is_text: bool
) -> tuple[pa.Table, list[Reject]]:
    """The rows that fit, and the others with the reason.

    Args:
        rows: columns by their places, `0`, `1`, …, and `line`.
        contract: columns and their kinds, in that order.
        key: columns that no row is without.
        is_text: whether the columns are texts that have to fit a kind.
    """
    reasons = []
    for place, (name, kind) in enumerate(contract.items()):
        if name in key:
            reasons.append(f"case when {quote(str(place))} is null then {literal(f'has no {name}, which is its key')} end")
        if is_text:
            reasons.append(f"case when {casts.misfit(str(place), kind)} then {casts.reason(str(place), name, kind)} end")
    judge.register("candidates", rows)
    told = judge.execute(f"select coalesce({', '.join(reasons)}) as reason from candidates").to_arrow_table().column("reason")
    judge.unregister("candidates")
    if told.null_count == len(told):
        return rows, []
    rejects = []
    for record in rows.append_column("reason", told).filter(pc.is_valid(told)).to_pylist():
        shown = {name: record[str(place)] for place, name in enumerate(contract)}
        text = shown[DOCUMENT] if DOCUMENT in shown else json.dumps(shown, ensure_ascii=False, default=str)
        rejects.append(Reject(record["line"], record["reason"], str(text)))
    return rows.filter(pc.is_null(told)), rejects
