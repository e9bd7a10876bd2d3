"""What the race does not show: memory, small changes to large tables, nothing changed, ranges out of balance."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench.ingest import source
from bench.ingest.race import CONTENDERS, forget, job_of, once
from bench.ingest.stage import Job, Stage, cores, own_python

Result = dict[str, Any]
Say = Callable[[str], None]
OURS = next(contender for contender in CONTENDERS if contender.function == "comporta")
UNRECORDED = replace(OURS, function="unrecorded")
CHANGED = 10_000


def memory(stage: Stage, dsn: str, tables: list[str], rounds: int, say: Say) -> Result:
    """Peak of our job on each of `tables`, in turn; the first round warms the server."""
    found: dict[str, list[Result]] = {table: [] for table in tables}
    for round_ in range(rounds + 1):
        for table in tables:
            result = once(stage, dsn, table, source.facts(dsn, table), OURS, f"memory{round_}")
            say(f"memory, {table}: {_told(result)}")
            found[table] += [result] if round_ else []
    return found


def recording(stage: Stage, dsn: str, table: str, rounds: int, say: Say) -> Result:
    """Our job as it is and without its recording, in turn."""
    found: list[dict[str, Result]] = []
    facts = source.facts(dsn, table)
    for round_ in range(rounds + 1):
        pair = {}
        for contender in (OURS, UNRECORDED) if round_ % 2 else (UNRECORDED, OURS):
            pair[contender.function] = once(stage, dsn, table, facts, contender, f"recording{round_}")
            say(f"recording, {contender.function}: {_told(pair[contender.function])}")
        found += [pair] if round_ else []
    return {"rounds": found}


def increments(stage: Stage, dsn: str, tables: list[str], rounds: int, say: Say) -> Result:
    """Seconds of a run after CHANGED rows of a large table changed, found by an indexed cursor column; tables take turns."""
    found: dict[str, Any] = {}
    jobs: dict[str, Job] = {}
    for table in tables:
        source.index_cursor(dsn, table)
        facts = source.facts(dsn, table)
        jobs[table] = _job(stage, dsn, table, f"increments_{table}", _sources(stage, table))
        found[table] = {
            "rows": facts.rows,
            "changed": min(CHANGED, facts.rows // 10),
            "first": stage.run(jobs[table]),
            "rounds": [],
        }
    for step in range(rounds + 1):
        for table, job in jobs.items():
            wanted = found[table]["changed"]
            source.change(dsn, table, wanted, step)
            result = _moved(stage.run(job), wanted)
            say(f"increments, {table}: {_told(result)}")
            if step:  # the first one warms
                found[table]["rounds"].append(result)
    for table in tables:
        forget(stage, table, f"increments_{table}")
    return found


def _sources(stage: Stage, table: str) -> Path:
    path = stage.settings.var_dir / f"sources_{table}.yml"
    path.write_text(f"tables:\n  public.{table}: {{mode: incremental, cursor: updated_at, deletes: none}}\n")
    return path


def _moved(result: Result, wanted: int) -> Result:
    """The result, or an error where it moved less than was changed (a cursor's window may overlap and move more)."""
    if "error" in result or wanted <= result["moved"] <= 3 * wanted and not result["reasons"]:
        return result
    return {"error": f"moved {result['moved']} rows, {wanted} were changed {result['reasons']}"}


def unchanged(stage: Stage, dsn: str, rounds: int, say: Say) -> Result:
    """Seconds of a run over twenty tables in which nothing changed."""
    job = _job(stage, dsn, "", "twenty")
    results = [stage.run(job) for _ in range(rounds + 2)][2:]  # the first copies, the second warms
    say(f"unchanged, twenty tables: {_told(results[-1])}")
    moved = [{"error": f"moved {one['moved']} rows"} if one.get("moved") else one for one in results]
    return {"tables": 20, "rounds": moved}


def skew(stage: Stage, dsn: str, rounds: int, say: Say) -> Result:
    """How far our slowest range is from the median one, and how uneven ranges of the key would be."""
    facts = source.facts(dsn, "skewed")
    results = []
    for round_ in range(rounds + 1):
        results.append(once(stage, dsn, "skewed", facts, OURS, f"skew{round_}"))
        say(f"skew: {_told(results[-1])}, ranges {[round(one, 2) for one in results[-1].get('ranges', [])]}")
    count = len(results[-1].get("ranges", [])) or 1
    bucket = f"width_bucket(id, {facts.low}, {facts.high + 1}, {count})"
    held = dict(source.execute(dsn, f"select {bucket}, count(*) from skewed group by 1"))
    return {"rounds": results[1:], "key_ranges": [held.get(number, 0) for number in range(1, count + 1)]}


def _job(stage: Stage, dsn: str, table: str, label: str, sources: Path | None = None) -> Job:
    if table:
        job = job_of(stage, dsn, table, source.facts(dsn, table), OURS, label)
        return Job(job.python, job.module, job.function, job.task | {"sources": str(sources or "")}, on_spark=True)
    return Job(
        own_python(), OURS.module, OURS.function, {"table": "", "cores": cores(), "settings": stage.on(dsn, label)}, on_spark=True
    )


def _told(result: Result) -> str:
    if "error" in result:
        return f"failed: {result['error']}"
    return f"{result['seconds']:.2f} s, {result['cpu']:.1f} CPU s, peak {result['peak_mb']:.0f} MB"
