"""Commands of ingestion: `discover` and `ingest`."""

from contextlib import closing

import click
import yaml
from rich.text import Text

from ingestion import ingest as job
from ingestion import source as source_file
from ingestion.postgres.connect import open_source
from ingestion.postgres.discover import discover as read_catalog
from lakehouse import console, lock, server, storage
from lakehouse.errors import PartialCopyError, SourceError
from lakehouse.settings import load

_KINDS = {"r": "table", "p": "partitioned", "m": "mat. view", "v": "view", "f": "foreign"}
_HEAD = """\
# What Comporta copies and how; `make discover` adds tables it has not seen and leaves your entries alone.
#   enabled: false leaves a table out · mode: full | incremental · key: [columns] · deletes: compare | none
#   cursor: xmin (exact, reads the table's pages) or a column that every change moves forward (fast where it is indexed)
"""


@click.command()
def discover() -> None:
    """List tables, keys, sizes and cursors of SOURCE_DSN; add new ones to ingestion/sources.yml."""
    settings = load()
    with closing(open_source(settings.dsn())) as source:
        tables = read_catalog(source)
    if not tables:
        raise SourceError("source", "holds no table", "at least one", "Check the database's name in SOURCE_DSN")
    sources = source_file.load()
    rows = [
        (table.label, _KINDS[table.kind], console.count(table.row_estimate), ", ".join(table.key) or "–",
         ", ".join((["xmin"] if table.has_xmin else []) + table.cursors) or "–",
         "" if table.readable else "may not be read: grant select")
        for table in tables
    ]  # fmt: skip
    console.table("", ("table", "kind", "rows, about", "key", "usable cursors", ""), rows, numbers=("rows, about",))
    before = len(sources.tables)
    content = source_file.draft(tables, sources)
    fresh = source_file.PATH.with_suffix(".tmp")
    fresh.write_text(_HEAD + yaml.safe_dump(content, sort_keys=False, allow_unicode=True))
    fresh.replace(source_file.PATH)
    console.out.print(f"{len(content['tables']) - before} added to {source_file.PATH.name}, {before} left as they were.")


@click.command()
@click.option("--tables", help="only these: public.orders,crm.*")
def ingest(tables: str | None) -> None:
    """Copy what changed in SOURCE_DSN to bronze."""
    settings = load()
    settings.dsn()
    storage.check(settings)
    with lock.writing(settings, "ingest"):
        if server.start(settings):
            console.out.print("Spark server started.")
        with console.step(f"Reading {settings.source()}"):
            done = job.run(settings, tables)
        show(done)
    if done.failed:
        error = PartialCopyError if len(done.failed) < len(done.outcomes) else SourceError
        raise error(
            f"{len(done.failed)} of {len(done.outcomes)} tables",
            "were not copied",
            remedy="See above for why; what could be copied is in bronze",
        )


def show(done: job.Run) -> None:
    """Print what became of each table."""
    rows = [
        (outcome.table, console.verdict(outcome.status), console.count(outcome.rows), console.count(outcome.deletes),
         console.size(outcome.size))
        for outcome in sorted(done.outcomes, key=lambda outcome: outcome.table)
    ]  # fmt: skip
    console.table("", ("table", "batch", "rows", "deletes", "size"), rows, numbers=("rows", "deletes", "size"))
    for outcome in done.outcomes:
        if outcome.error:
            console.out.print(Text.assemble(("✗ ", "red"), outcome.error))
        elif outcome.reason:
            console.out.print(f"  {outcome.table} was read whole: {outcome.reason}.")
    rate = done.rows / done.seconds if done.seconds else 0
    console.out.print(
        f"Batch {done.batch_id}: {console.count(done.rows)} rows in {done.seconds:.1f} s ({console.count(int(rate))} rows/s)."
    )
