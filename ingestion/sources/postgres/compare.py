"""Keys that bronze holds and the source no longer has."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

import duckdb
import pyarrow as pa

from ingestion.bronze.held import scan
from ingestion.bronze.write import technical, write
from ingestion.sources.postgres.work import CompareTask, Context
from lakehouse.engines.standard import literal, quote

# Relations that a transaction may hold at a time, each by a lock and one for each of its indexes: the server's table of locks is
# everybody's, and a table may have more partitions than it has room for. A savepoint that is gone back to lets them go.
LOCKED = 100


def compare(reader: duckdb.DuckDBPyConnection, context: Context, work: CompareTask) -> dict[str, Any]:
    """Write the keys that are gone; `detail` tells the source's rows and how many keys bronze should have had and lacks."""
    detail: dict[str, int] = {"lacks": 0}
    if not work.within:  # a range is only compared where the whole was found to have changed
        detail["live"], fresh, unmarked = _probe(reader, work)
        detail["unmarked"] = 0 if work.moved else unmarked
        if detail["live"] == work.live and not fresh:
            return {"rows": 0, "deletes": 0, "bytes": 0, "detail": json.dumps(detail)}
    bronze = [work.names[item.column.name] for item in work.mapped]
    same = " and ".join(f"b.{quote(name)} is not distinct from s.c{number}" for number, name in enumerate(bronze))
    keys = ", ".join(quote(name) for name in bronze)
    keyed = pa.schema(
        [*zip(bronze, (item.target for item in work.mapped), strict=True), ("_op", pa.string()), ("_batch_id", pa.int64())]
    )
    reader.register("held", scan(work.files, work.folder, context, keyed))
    within = f"where {work.within.format(quote(bronze[0]))}" if work.within else ""
    latest = f"from held {within} group by all having max_by(_op, _batch_id * 2 + (_op <> 'd')::int) <> 'd'"
    reader.execute(f"create or replace temp table b as select {keys} {latest}")
    reader.unregister("held")
    into = "create or replace temp table s as"
    for relations in _few(reader, work.relations):
        reader.execute(f"{into} select * from postgres_query('pg', {literal(_everything(work, relations))})")
        into = "insert into s"
    lacks = f"select count(*) from s anti join b on {same} where not s.taken"
    detail["lacks"] = reader.execute(lacks).fetchall()[0][0]
    gone = f"select {keys}, {technical(context, literal('d'), 'null::varchar')} from b anti join s on {same}"
    try:
        return write(reader, context, select=gone, folder=work.folder, columns=work.columns) | {"detail": json.dumps(detail)}
    finally:
        reader.execute("drop table b; drop table s")


def _probe(reader: duckdb.DuckDBPyConnection, work: CompareTask) -> tuple[int, int, int]:
    """Rows that the source has, those written since the last batch, and those of these whose cursor did not move."""
    live = fresh = unmarked = 0
    for relations in _few(reader, work.relations):
        query = counting(relations, work.changed, work.taken)
        found = reader.execute(f"select * from postgres_query('pg', {literal(query)})").fetchall()[0]
        live, fresh, unmarked = live + found[0], fresh + found[1], unmarked + found[2]
    return live, fresh, unmarked


def _few(reader: duckdb.DuckDBPyConnection, relations: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """The relations, as many at a time as may be locked; what is asked of some is answered before the next ones come."""
    if len(relations) <= LOCKED:
        yield relations
        return
    tell(reader, "savepoint few")
    for chosen in few(relations):
        yield chosen
        tell(reader, "rollback to savepoint few")


def few(relations: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """`relations`, `LOCKED` at a time."""
    return (tuple(relations[first : first + LOCKED]) for first in range(0, len(relations), LOCKED))


def tell(reader: duckdb.DuckDBPyConnection, *statements: str) -> None:
    """Execute statements in the source's transaction."""
    reader.execute(f"call postgres_execute('pg', {literal('; '.join(statements))})")


def counting(relations: Sequence[str], changed: str, taken: str) -> str:
    """PostgreSQL's query for the rows of `relations`, those of them that are `changed`, and those of these that are not `taken`."""
    told = changed != "true" and taken not in (changed, "true")  # by xmin, which views and others have not
    unmarked = "0" if not told else f"count(*) filter (where {changed} and not ({taken}))"
    counts = f"select count(*) as n, count(*) filter (where {changed}) as fresh, {unmarked} as unmarked from"
    parts = " union all ".join(f"{counts} {relation}" for relation in relations)
    return f"select sum(n)::bigint as n, sum(fresh)::bigint as fresh, sum(unmarked)::bigint as unmarked from ({parts}) x"


def _everything(work: CompareTask, relations: Sequence[str]) -> str:
    keys = ", ".join(f"{item.source} as c{number}" for number, item in enumerate(work.mapped))
    within = f" where {work.within.format(quote(work.mapped[0].column.name))}" if work.within else ""
    select = f"select {keys}, coalesce({work.taken}, false) as taken from"
    return " union all ".join(f"{select} {relation}{within}" for relation in relations)
