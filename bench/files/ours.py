"""Our run over a folder, and Spark's own readers on the running server. Runs in `.venv`."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.files.check import COLUMNS, FIELDS
from ingestion.bronze.work import BatchContext
from ingestion.settle import settle
from ingestion.sources.base import Request
from ingestion.sources.config import Section
from ingestion.sources.files.source import FilesSource
from lakehouse.engines import session
from lakehouse.settings import Settings
from lakehouse.tables import ledger

Task = dict[str, Any]
_KINDS = {"bigint": "integer", "varchar": "text", "decimal(12,2)": "number(12,2)", "decimal(18,6)": "number(18,6)"}
_KINDS |= {"boolean": "boolean", "date": "date", "timestamp": "timestamp", "double": "double"}


def prepare(task: Task) -> None:
    """Import what is imported on the way, as pandas is by DuckDB, and meet the server once, where one is needed."""
    for name in ("pandas", "pyarrow.csv", "pyarrow.json", "pyarrow.parquet"):
        __import__(name)
    if "spark" in task:
        session.connect(Settings.model_validate(task["spark"])).stop()


def comporta(task: Task) -> Task:
    """What `make ingest` does of one table of files: list, stage and hash, find out what the file is, read, commit, ledger."""
    return _take(task, {})


def comporta_told(task: Task) -> Task:
    """The same where sources.yml tells the kinds of the columns."""
    return _take(task, {"columns": {name: _KINDS[type_] for name, type_ in COLUMNS.items()}})


def _take(task: Task, more: Task) -> Task:
    """One run over the folder, as `tests/folder_source.py` has it, but for the catalog's entry, which Spark makes."""
    target, path = Path(task["target"]), Path(task["path"])
    settings = Settings(lake_url=str(target / "lake"), var_dir=target / "var", source_name="src")
    entry = {"files": path.name, "format": "jsonl" if task["form"] == "jsonl" else "csv", "key": ["id"], **more}
    section = Section("src", kind="files", tables={"rows": entry}, options={"path": str(path.parent)})
    with FilesSource(settings, section).at_one_moment(Request()) as reading:
        planned = reading.plan(1)
        batch = BatchContext(1, f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S.%f+00}", None, {})
        results = reading.read(planned.plans, batch)
    for refused in planned.refused:
        raise RuntimeError(refused.error)
    [plan] = planned.plans
    outcome, row = settle(settings, plan, results, batch)
    if outcome.status != "committed":
        raise RuntimeError(outcome.error or outcome.status)
    ledger.emit(settings, *plan.records(plan.shape(), 1))
    ledger.emit(settings, row)
    return {"rows": outcome.rows}


def spark_inferred(task: Task) -> Task:
    """Spark's reader with inferSchema: it reads the file twice."""
    return _spark(task, None)


def spark_told(task: Task) -> Task:
    """Spark's reader with the schema given: once."""
    told = {name: type_.replace("varchar", "string") for name, type_ in COLUMNS.items()}
    if task["form"] == "jsonl":
        told = {name: _ddl(shape) for name, shape in FIELDS.items()}
    return _spark(task, ", ".join(f"{name} {type_}" for name, type_ in told.items()))


def _spark(task: Task, schema: str | None) -> Task:
    spark = session.connect(Settings.model_validate(task["spark"]))
    reader = spark.read.schema(schema) if schema else spark.read
    if task["form"] == "jsonl":
        rows = reader.json(task["path"])
    else:  # by default Spark escapes with a backslash, and would take doubled quotes for others
        rows = reader.option("header", True).option("escape", '"').option("inferSchema", schema is None).csv(task["path"])
    rows.write.format("delta").save(task["target"])
    spark.stop()
    return {}


def _ddl(shape: Any) -> str:
    """A structure of DuckDB's from_json as Spark writes it."""
    if isinstance(shape, list):
        return f"array<{_ddl(shape[0])}>"
    if isinstance(shape, dict):
        return f"struct<{', '.join(f'{name}: {_ddl(each)}' for name, each in shape.items())}>"
    return str(shape).lower().replace("varchar", "string")
