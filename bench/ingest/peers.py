"""The limit and the other tools, as their manuals would have them tuned. Runs in `.venv-bench`; imports nothing of ours."""

import multiprocessing
import os
import queue
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

Task = dict[str, Any]
NUMERIC = {"amount": (12, 2)}  # ADBC hands a numeric over as text: precision and scale of what it must become


def prepare(task: Task) -> None:
    """Import what the tool needs, so that imports are not timed."""
    for name in task["imports"]:
        __import__(name)
    os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"


def limit_one(task: Task) -> Task:
    """Binary COPY to nowhere by one connection."""
    return {"rows": _drain(task["dsn"], f"select * from {task['table']}")}


def limit_all(task: Task) -> Task:
    """Binary COPY to nowhere, a range of pages for each core, each range a process."""
    queries = [(task["dsn"], query) for query in _ranges(task)]
    with multiprocessing.get_context("fork").Pool(len(queries)) as pool:
        counts = pool.starmap(_drain, queries)
        pool.close()
        pool.join()  # an ended child's processor time is counted only once it was waited for
    return {"rows": sum(counts)}


def _drain(dsn: str, query: str) -> int:
    import psycopg2

    with closing(psycopg2.connect(dsn)) as source, source.cursor() as cursor, Path(os.devnull).open("wb") as sink:
        cursor.copy_expert(f"copy ({query}) to stdout (format binary)", sink)
        return int(cursor.rowcount)


def _ranges(task: Task) -> list[str]:
    """One query per core, each over as many pages."""
    cores, pages, columns = task["cores"], task["pages"], task.get("columns", "*")
    bounds = [pages * number // cores for number in range(cores)]
    highs = [f" and ctid < '({bound},0)'" for bound in bounds[1:]] + [""]
    return [
        f"select {columns} from {task['table']} where ctid >= '({low},0)'{high}" for low, high in zip(bounds, highs, strict=True)
    ]


def adbc(task: Task) -> Task:
    """ADBC to delta-rs: a connection per core on ranges of pages, read by threads, written as one stream."""
    import pyarrow as pa
    from deltalake import write_deltalake

    batches = _read_adbc(task | {"columns": _columns(task)})
    first = next(batches)
    stream = pa.RecordBatchReader.from_batches(first.schema, _chain(first, batches))
    write_deltalake(task["target"], stream)
    return {}


def _columns(task: Task) -> str:
    return "id, body, document::text as document" if task["table"] == "documents" else "*"


def _chain(first: Any, rest: Iterator[Any]) -> Iterator[Any]:
    yield first
    yield from rest


def _read_adbc(task: Task) -> Iterator[Any]:
    """Record batches of all ranges, as they come; a bounded queue holds the readers back."""
    batches: queue.Queue[Any] = queue.Queue(maxsize=2 * task["cores"])
    queries = _ranges(task)
    for query in queries:
        threading.Thread(target=_feed_adbc, args=(task["dsn"], query, batches), daemon=True).start()
    open_ranges = len(queries)
    while open_ranges:
        found = batches.get()
        if isinstance(found, Exception):
            raise found
        if found is None:
            open_ranges -= 1
        else:
            yield found


def _feed_adbc(dsn: str, query: str, batches: "queue.Queue[Any]") -> None:
    from adbc_driver_postgresql import dbapi

    try:
        with dbapi.connect(dsn) as source, source.cursor() as cursor:
            cursor.execute(query)
            for batch in cursor.fetch_record_batch():
                batches.put(_typed(batch))
        batches.put(None)
    except Exception as error:  # noqa: BLE001 - raised again where the stream is read
        batches.put(error)


def _typed(batch: Any) -> Any:
    """The batch with numerics as decimals, which its reader hands over as text."""
    import pyarrow as pa

    for name in NUMERIC.keys() & set(batch.schema.names):
        column = batch.column(name)
        text = column.storage if isinstance(column, pa.ExtensionArray) else column
        batch = batch.set_column(batch.schema.get_field_index(name), name, text.cast(pa.decimal128(*NUMERIC[name])))
    return batch


def connectorx(task: Task) -> Task:
    """connectorx to delta-rs: binary protocol, key ranges, one per core, as Arrow."""
    import connectorx as cx
    from deltalake import write_deltalake

    query = f"select {_columns(task)} from {task['table']}"
    table = cx.read_sql(task["dsn"], query, partition_on="id", partition_num=task["cores"], return_type="arrow")
    write_deltalake(task["target"], table)
    return {}


def dlt(task: Task) -> Task:
    """dlt with its connectorx backend to a Delta table on the file system, whole, telemetry off."""
    import dlt as tool
    from dlt.destinations import filesystem
    from dlt.sources.sql_database import sql_table

    work = Path(task["target"])
    options = {"return_type": "arrow", "partition_on": "id", "partition_num": task["cores"], "conn": task["dsn"]}
    resource = sql_table(
        task["dsn"].replace("postgresql:", "postgresql+psycopg2:"),
        table=task["table"],
        backend="connectorx",
        backend_kwargs=options,
        reflection_level="full_with_precision",
    )
    pipeline = tool.pipeline(
        "bench", pipelines_dir=str(work / "work"), destination=filesystem(str(work / "lake")), dataset_name="bench"
    )
    pipeline.run(resource, table_format="delta", write_disposition="replace", loader_file_format="parquet")
    return {}


def duckdb(task: Task) -> Task:
    """DuckDB's PostgreSQL scanner, a thread per core, streamed into delta-rs."""
    import duckdb as tool
    import duckdb_extension_postgres_scanner as scanner
    from deltalake import write_deltalake

    [extension] = Path(scanner.__file__).parent.rglob("*.duckdb_extension")
    reader = tool.connect(config={"threads": task["cores"], "preserve_insertion_order": False, "allow_unsigned_extensions": True})
    reader.execute(f"load '{extension}'")
    reader.execute("set timezone = 'UTC'")
    reader.execute(f"attach '{task['dsn']}' as pg (type postgres, read_only)")
    rows = reader.sql(f"select {_columns(task)} from pg.public.{task['table']}").to_arrow_reader(122_880)
    write_deltalake(task["target"], rows)
    return {}
