"""Rows that went with a file, or with its earlier content."""

from collections.abc import Collection, Sequence
from typing import Any

import duckdb
import pyarrow as pa

from ingestion.bronze.held import duckdb_types, scan
from ingestion.bronze.work import BatchContext
from ingestion.bronze.write import technical, write
from ingestion.sources.files.file_plan import PLACE, FilePlan
from lakehouse.engines.standard import literal, quote


def over(plan: FilePlan, read: Collection[str]) -> set[str]:
    """The files whose earlier rows may have gone, as the table's `deletes` says.

    Args:
        read: paths of the files that the batch has read.
    """
    found = set[str]()
    for path in {*read} & plan.known.keys() if plan.entry.deletes != "none" else ():
        same = plan.known[path].sha256  # a file that was moved before it was replaced has its rows under its first name
        found |= {path, *(other for other, each in plan.known.items() if each.sha256 == same and other not in plan.here)}
    return found | ({each.file for each in plan.gone} if plan.entry.deletes == "compare" else set())


def write_them(
    reader: duckdb.DuckDBPyConnection, plan: FilePlan, batch: BatchContext, files: Collection[str], fresh: Sequence[str]
) -> dict[str, Any]:
    """A deletion of each living row that these files had and the batch has not.

    Args:
        files: as the rows say where they are from.
        fresh: the batch's files of bronze.

    Returns:
        path, rows, deletes, bytes and checksum, as `RESULT` has them.
    """
    key = [quote(plan.names[name]) for name in plan.key]
    own = [*dict.fromkeys([*key, *map(quote, PLACE)])]
    reader.register("held_rows", scan(tuple(plan.bronze.files()), plan.bronze.url, batch, plan.bronze.schema()))
    reader.register("gone_files", pa.table({"file": sorted(files)}))
    reader.register("fresh_rows", scan(tuple(fresh), plan.bronze.url, batch, plan.wanted))
    newest = f"row_number() over (partition by {', '.join(key)} order by _batch_id desc, _op = 'd', _source_lsn desc) as _rank"
    same = " and ".join(f"f.{name} = h.{name}" for name in key)
    went = (
        f"select h.* from (select {', '.join(own)}, _op, {newest} from held_rows) h where _rank = 1 and _op <> 'd' "
        f"and _file in (select file from gone_files) and not exists (select 1 from fresh_rows f where {same})"
    )
    types = duckdb_types(plan.wanted)
    values = [
        name if name in own else f"null::{types[plain]} as {name}"
        for plain, name in ((each, quote(each)) for each in plan.names.values())
    ]
    more = technical(batch, literal("d"), "null::varchar", "0")
    return write(
        reader,
        batch,
        select=f"select {', '.join(values)}, {more} from ({went})",
        folder=plan.bronze.url,
        columns=[*plan.names.values()],
    )
