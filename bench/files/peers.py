"""The other tools, as their manuals would have them used. Runs in `.venv-bench`; of ours it imports what the columns are."""

import os
from pathlib import Path
from typing import Any

Task = dict[str, Any]


def prepare(task: Task) -> None:
    """Import what the tool needs, so that imports are not timed."""
    for name in task["imports"]:
        __import__(name)
    os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"


def duckdb(task: Task) -> Task:
    """DuckDB's own choice of types, streamed into delta-rs."""
    reader = "read_json_auto" if task["form"] == "jsonl" else "read_csv"
    return _duckdb(task, f"from {reader}('{task['path']}')")


def duckdb_told(task: Task) -> Task:
    """The same with the columns' types given."""
    return _duckdb(task, f"from read_csv('{task['path']}', header = true, columns = {task['columns']})")


def duckdb_documents(task: Task) -> Task:
    """Documents as they are, as text."""
    return _duckdb(task, f"select json as _document from read_ndjson_objects('{task['path']}')")


def _duckdb(task: Task, query: str) -> Task:
    import duckdb as tool
    from deltalake import write_deltalake

    reader = tool.connect(config={"threads": task["cores"], "preserve_insertion_order": False})
    reader.execute("set timezone = 'UTC'")
    write_deltalake(task["target"], reader.sql(query).to_arrow_reader(122_880))
    return {}


def dlt(task: Task) -> Task:
    """dlt's filesystem source to a Delta table, telemetry off: CSV by its reader of DuckDB and Arrow, documents by its reader of lines.

    What is nested stays JSON in one table (`max_table_nesting`): by default each array would become a table of its own.
    """
    import dlt as tool
    from dlt.destinations import filesystem as lake
    from dlt.sources.filesystem import filesystem, read_csv_duckdb, read_jsonl

    work, path = Path(task["target"]), Path(task["path"])
    files = filesystem(bucket_url=path.parent.as_uri(), file_glob=path.name)
    is_csv = task["form"] != "jsonl"
    rows = (files | (read_csv_duckdb(chunk_size=122_880, use_pyarrow=True) if is_csv else read_jsonl())).with_name("rows")
    rows.max_table_nesting = 0
    pipeline = tool.pipeline("bench", pipelines_dir=str(work / "work"), destination=lake(str(work / "lake")), dataset_name="bench")
    pipeline.run(rows, table_format="delta", write_disposition="replace", loader_file_format="parquet")
    return {}
