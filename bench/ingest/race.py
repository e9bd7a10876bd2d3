"""The race: every contender copies the same tables, in turn, the order turned by one each round."""

import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from deltalake import DeltaTable

from bench.ingest import source
from bench.ingest.stage import PEERS, Job, Stage, cores, own_python
from lakehouse.engines import catalog

Result = dict[str, Any]
Note = Callable[[str, int, str, Result], None]


@dataclass(frozen=True)
class Contender:
    """Who runs: a function of `module`, told what to import beforehand; one without a table writes nothing."""

    name: str
    module: str
    function: str
    imports: tuple[str, ...] = ()
    writes: bool = True

    @property
    def ours(self) -> bool:
        """Whether it is our job, whose bronze table the catalog knows."""
        return self.module == _OWN and self.function != "jdbc"


_PEER, _OWN = "bench.ingest.peers", "bench.ingest.ours"
CONTENDERS = (
    Contender("limit, 1 connection", _PEER, "limit_one", ("psycopg2",), writes=False),
    Contender("limit, all cores", _PEER, "limit_all", ("psycopg2", "multiprocessing.pool"), writes=False),
    Contender("Comporta", _OWN, "comporta"),
    Contender("Spark JDBC", _OWN, "jdbc"),
    Contender("ADBC + delta-rs", _PEER, "adbc", ("adbc_driver_postgresql.dbapi", "deltalake", "pyarrow")),
    Contender("connectorx + delta-rs", _PEER, "connectorx", ("connectorx", "deltalake", "pyarrow")),
    Contender("dlt", _PEER, "dlt", ("dlt.destinations", "dlt.sources.sql_database", "connectorx", "deltalake", "pyarrow")),
    Contender("DuckDB + delta-rs", _PEER, "duckdb", ("duckdb", "duckdb_extension_postgres_scanner", "deltalake", "pyarrow")),
)


def turned(round_: int) -> list[Contender]:
    """The contenders in the order of a round: another one begins each time."""
    start = round_ % len(CONTENDERS)
    return [*CONTENDERS[start:], *CONTENDERS[:start]]


def race(stage: Stage, dsn: str, table: str, rounds: int, note: Note) -> Result:
    """All contenders on `table`, `rounds` times after one round that warms up and is not kept."""
    facts = source.facts(dsn, table)
    kept: list[dict[str, Result]] = []
    for round_ in range(rounds + 1):
        found: dict[str, Result] = {}
        for contender in turned(round_):
            found[contender.name] = once(stage, dsn, table, facts, contender, f"{table}_{round_}")
            note(table, round_, contender.name, found[contender.name])
        kept += [found] if round_ else []
    return {"source": asdict(facts), "rounds": kept}


def once(stage: Stage, dsn: str, table: str, facts: source.Facts, contender: Contender, label: str) -> Result:
    """One contender, measured, its copy checked against the source and removed."""
    target = target_of(stage, contender, table, label)
    try:
        result = stage.run(job_of(stage, dsn, table, facts, contender, label))
        return _checked(result, facts, target) if contender.writes else _counted(result, facts)
    finally:
        if contender.ours:
            forget(stage, table, label)
        shutil.rmtree(target, ignore_errors=True)


def job_of(stage: Stage, dsn: str, table: str, facts: source.Facts, contender: Contender, label: str) -> Job:
    """What the contender's process must be told."""
    task: Result = {"dsn": dsn, "table": table, "cores": cores(), "imports": contender.imports}
    task |= {"pages": facts.pages, "low": facts.low, "high": facts.high, "target": str(target_of(stage, contender, table, label))}
    if contender.module == _PEER:
        return Job(PEERS, _PEER, contender.function, task)
    return Job(own_python(), _OWN, contender.function, task | {"settings": stage.on(dsn, label)}, on_spark=True)


def target_of(stage: Stage, contender: Contender, table: str, label: str) -> Path:
    """The folder that the contender writes; ours follows from the source's name."""
    lake = Path(stage.settings.lake_url)
    return lake / "bronze" / f"{label}__{table}" if contender.ours else lake / f"{contender.function}_{label}"


def forget(stage: Stage, table: str, label: str) -> None:
    """Take the table of a run out of the catalog, so that it does not grow from round to round."""
    catalog.thrift_rows(stage.settings, f"drop table if exists bronze.{label}__{table}")


def _counted(result: Result, facts: source.Facts) -> Result:
    if "error" in result or result["rows"] == facts.rows:
        return result
    return {"error": f"read {result['rows']} rows, the source has {facts.rows}"}


def _checked(result: Result, facts: source.Facts, target: Path) -> Result:
    """The result with the rows that the Delta table holds; an error if they are not the source's."""
    if "error" in result:
        return result
    rows, key_sum, size = _delta(target)
    if (rows, key_sum) != (facts.rows, facts.key_sum):
        return {"error": f"wrote {rows} rows with keys adding up to {key_sum}, the source has {facts.rows} and {facts.key_sum}"}
    return result | {"rows": rows, "bytes": size}


def _delta(target: Path) -> tuple[int, int, int]:
    """Rows, sum of keys and bytes of the one Delta table somewhere under `target`."""
    import pyarrow.compute as pc

    [log] = target.rglob("_delta_log")
    table = DeltaTable(log.parent)
    keys = table.to_pyarrow_dataset().to_table(columns=["id"])["id"]
    size = sum(Path(log.parent, path).stat().st_size for path in table.get_add_actions(flatten=True).column("path").to_pylist())
    return len(keys), int(pc.sum(keys).as_py() or 0), size
