"""The race: every contender makes a table of the same file, in turn, the order turned by one each round."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.files import check
from bench.files.source import SourceFile
from bench.ingest.stage import PEERS, Job, cores, measured, own_python
from lakehouse.settings import Settings

Result = dict[str, Any]
Note = Callable[[str, str, str, Result], None]
# A contender that takes longer than that runs once: what it needs warmed does not show in so many seconds.
PATIENCE = 300.0
_PEER, _OWN = "bench.files.peers", "bench.files.ours"
_ALL, _CSV, _JSON = ("csv", "csv.gz", "jsonl"), ("csv", "csv.gz"), ("jsonl",)
_DUCKDB = ("duckdb", "deltalake", "pyarrow")


@dataclass(frozen=True)
class Contender:
    """Who runs: a function of `module`, told what to import beforehand, on the formats that it is for."""

    name: str
    function: str
    module: str = _PEER
    imports: tuple[str, ...] = ()
    forms: tuple[str, ...] = _ALL

    @property
    def on_spark(self) -> bool:
        """Whether it needs the server."""
        return self.function.startswith("spark")


CONTENDERS = (
    Contender("Comporta", "comporta", _OWN),
    Contender("Comporta, kinds told", "comporta_told", _OWN, forms=_CSV),
    Contender("DuckDB + delta-rs", "duckdb", imports=_DUCKDB),
    Contender("DuckDB + delta-rs, types told", "duckdb_told", imports=_DUCKDB, forms=_CSV),
    Contender("DuckDB + delta-rs, whole documents", "duckdb_documents", imports=_DUCKDB, forms=_JSON),
    Contender("Spark, inferSchema", "spark_inferred", _OWN),
    Contender("Spark, schema told", "spark_told", _OWN),
    Contender("dlt", "dlt", imports=("dlt.destinations", "dlt.sources.filesystem", "fsspec.implementations.local", *_DUCKDB)),
)
OURS = CONTENDERS[0]


def of(form: str, names: tuple[str, ...] = ()) -> list[Contender]:
    """The contenders for a format; of those, the ones whose functions are named."""
    return [each for each in CONTENDERS if form in each.forms and (not names or each.function in names)]


def race(settings: Settings, file: SourceFile, contenders: list[Contender], rounds: int, note: Note) -> Result:
    """All contenders on `file`, `rounds` times after one round that warms up and is not kept."""
    kept: list[dict[str, Result]] = []
    slow: dict[str, Result] = {}
    for round_ in range(rounds + 1):
        start = round_ % len(contenders)
        found: dict[str, Result] = {}
        for contender in [*contenders[start:], *contenders[:start]]:
            if contender.name not in slow:
                one = found[contender.name] = once(settings, file, contender)
                note(file.form, f"round {round_}" if round_ else "warm-up", contender.name, one)
                if not round_ and one.get("seconds", 0.0) > PATIENCE:
                    slow[contender.name] = one
        kept += [found] if round_ else []
    for name, one in slow.items():
        kept[0][name] = one
    return {"source": {"rows": file.rows, "bytes": file.bytes}, "slow": [*slow], "rounds": kept}


def once(settings: Settings, file: SourceFile, contender: Contender) -> Result:
    """One contender, measured, its table compared with what was generated, and removed."""
    target = Path(settings.lake_url) / contender.function
    task: Result = {"path": file.path, "form": file.form, "target": str(target), "cores": cores(), "imports": contender.imports}
    task["columns"] = check.COLUMNS
    if contender.on_spark:
        task["spark"] = {name: value for name, value in settings.model_dump(mode="json").items() if value is not None}
    python = own_python() if contender.module == _OWN else PEERS
    try:
        result = measured(settings, Job(python, contender.module, contender.function, task, on_spark=contender.on_spark))
        return result if "error" in result else result | _compared(target, file)
    finally:
        shutil.rmtree(target, ignore_errors=True)


def _compared(target: Path, file: SourceFile) -> Result:
    """What the table holds and what of it is another thing than was generated: rows that are lost, and columns whose values are not the same."""
    try:
        found = check.copy(target, file.form)
    except Exception as error:  # noqa: BLE001 - a table that can't be read is a result, not the end of the benchmark
        return {"error": f"its table can't be read: {type(error).__name__}: {error}"[:300]}
    changed = check.changed(file.sums, found.pop("sums"))
    return {"rows": found.pop("copied"), "changed": changed, **found}
