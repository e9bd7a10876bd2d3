"""Commands of ingestion: `discover`, `ingest` and `reconcile`."""

from contextlib import closing

import click
import psycopg2
import yaml
from rich.text import Text

from ingestion import reconcile as comparison
from ingestion import run as job
from ingestion.check import check_readable
from ingestion.plan import Plan
from ingestion.request import Request
from ingestion.sources import config as source_file
from ingestion.sources.postgres.connect import open_source
from ingestion.sources.postgres.discover import Table
from ingestion.sources.postgres.discover import discover as read_catalog
from ingestion.sources.postgres.refusal import lost
from ingestion.sources.postgres.snapshot import take_snapshot, unknown
from lakehouse import atomic, console, machine
from lakehouse.errors import DifferenceError, PartialCopyError, SettingsError, SourceError, StorageError
from lakehouse.machine import load
from lakehouse.settings import Settings

_KINDS = {"r": "table", "p": "partitioned", "m": "mat. view", "v": "view", "f": "foreign"}
_HEAD = """\
# What Comporta copies and how; `make discover` adds tables it has not seen and leaves your entries alone.
#   enabled: false leaves a table out · mode: full | incremental · key: [columns] · deletes: compare | none | soft:<column>, soft:<column>=<value>
#   contract: evolve (takes up new and wider columns) | freeze (refuses any change of columns)
#   decimals: {column: "20,4"} for a numeric without precision, which is text otherwise
#   cursor: xmin (exact, reads the table's pages) or a column that every change moves forward (fast where it is indexed)
#   zone: America/Sao_Paulo beside a cursor that is a timestamp without zone: whose clock fills it
#   texts: [columns] to be copied as PostgreSQL prints them
"""


@click.command()
def discover() -> None:
    """List tables, keys, sizes and cursors of SOURCE_DSN; add new ones to ingestion/sources.yml."""
    settings = load()
    with closing(open_source(settings)) as source:
        try:
            silent = unknown(take_snapshot(source))
            tables = read_catalog(source)
        except psycopg2.Error as error:
            raise lost(error) from None
    if not tables:
        raise SourceError("source", "holds no table", "at least one", "Check the database's name in SOURCE_DSN")
    sources = source_file.load()
    rows = [
        (table.label, _KINDS[table.kind], console.count(table.row_estimate), ", ".join(table.key) or "–",
         ", ".join([*(["xmin"] if table.has_xmin else []), *table.cursors, *(f"{name} with a zone" for name in table.zoneless)]) or "–",
         _remark(table))
        for table in tables
    ]  # fmt: skip
    console.table("", ("table", "kind", "rows, about", "key", "usable cursors", ""), rows, numbers=("rows, about",))
    before = len(sources.tables)
    content = source_file.draft(tables, sources)
    atomic.write(source_file.PATH, _HEAD + yaml.safe_dump(content, sort_keys=False, allow_unicode=True))
    for line in silent:
        console.out.print(Text.assemble(("· ", "dim"), f"On this server {line}."))
    console.out.print(f"{len(content['tables']) - before} added to {source_file.PATH.name}, {before} left as they were.")


def _remark(table: Table) -> str:
    if table.parents:
        return f"copied with {', '.join(table.parents)}"
    try:
        check_readable(table)
    except SourceError as error:
        return error.seen
    if table.hidden:
        return f"without {', '.join(table.hidden)}: not granted"
    return "with its children" if table.inherited else ""


@click.command()
@click.option("--tables", help="only these: public.orders,crm.*")
@click.option("--since", help="read again the rows whose cursor is at or after this")
@click.option("--until", help="… and before this")
@click.option("--resync", is_flag=True, help="read whole, whatever was copied before")
@click.option("--dry-run", is_flag=True, help="say what would be read, and why; write nothing")
def ingest(tables: str | None, since: str | None, until: str | None, resync: bool, dry_run: bool) -> None:
    """Copy what changed in SOURCE_DSN to bronze."""
    settings = load()
    settings.dsn()
    if resync and (since or until):
        raise SettingsError("RESYNC", "reads everything", "either RESYNC or SINCE and UNTIL", "Leave one of them out")
    request = Request(tables, since, until, resync)
    if dry_run:
        show_plans(*job.preview(settings, request))
        return
    machine.check(settings)
    with machine.writing(settings, "ingest"):
        if machine.start(settings):
            console.out.print("Spark server started.")
        copy(settings, request)


def copy(settings: Settings, request: Request) -> None:
    """Copy what `request` says to bronze, on a server that runs, and show what became of each table.

    Raises:
        PartialCopyError: some tables were not copied.
        SourceError, StorageError: none was.
    """
    with console.step(f"Reading {settings.source()}"):
        done = job.run(settings, request=request, warn=console.warn)
    show(done)
    if done.failed and all(outcome.unstored for outcome in done.failed):
        raise StorageError(
            settings.lake_url, f"did not take {len(done.failed)} of {len(done.outcomes)} tables", remedy="See above; then run again"
        )
    if done.failed:
        error = PartialCopyError if len(done.failed) < len(done.outcomes) else SourceError
        remedy = "See above for why; what could be copied is in bronze"
        raise error("ingest", f"{len(done.failed)} of {len(done.outcomes)} tables were not copied", remedy=remedy)


def show_plans(plans: list[Plan], refused: job.Run) -> None:
    """Print what a run would read of each table."""
    rows = [
        (
            plan.table.label,
            _what(plan),
            console.count(plan.table.row_estimate),
            str(len(plan.work)),
            plan.entry.deletes,
            plan.reason,
        )
        for plan in plans
    ]
    console.table("", ("table", "reads", "rows, about", "pieces", "deletes", "why whole"), rows, numbers=("rows, about", "pieces"))
    for plan in plans:
        for change in plan.changes:
            console.out.print(Text.assemble(("! ", "yellow"), f"{plan.table.label}: {change}"))
    _show_notes(refused)
    for outcome in refused.outcomes:
        console.out.print(Text.assemble(("✗ ", "red"), outcome.error))
    console.out.print("A dry run: nothing was read or written.")


def _what(plan: Plan) -> str:
    if not plan.work:
        return "nothing: unchanged"
    if plan.backfill:
        return "a range"
    return "everything" if plan.whole else f"changes by {plan.window.cursor}"


def show(done: job.Run) -> None:
    """Print what became of each table."""
    rows = [
        (outcome.table, console.verdict(outcome.status), console.count(outcome.rows), console.count(outcome.deletes),
         console.size(outcome.size))
        for outcome in sorted(done.outcomes, key=lambda outcome: outcome.table)
    ]  # fmt: skip
    console.table("", ("table", "batch", "rows", "deletes", "size"), rows, numbers=("rows", "deletes", "size"))
    for outcome in done.outcomes:
        if not outcome.error:
            for change in outcome.changes:
                console.out.print(Text.assemble(("! ", "yellow"), f"{outcome.table}: {change}"))
        if outcome.error:
            console.out.print(Text.assemble(("✗ ", "red"), outcome.error))
        elif outcome.reason:
            console.out.print(f"  {outcome.table} was read whole: {outcome.reason}.")
    _show_notes(done)
    rate = f" ({console.count(int(done.rows / done.seconds))} rows/s)" if done.rows > done.seconds > 0 else ""
    moved = f"{console.count(done.rows)} row{'s' if done.rows != 1 else ''}" if done.rows else "nothing new"
    console.out.print(f"Batch {done.batch_id}: {moved} in {done.seconds:.1f} s{rate}.")


def _show_notes(done: job.Run) -> None:
    for note in done.notes:
        console.out.print(Text.assemble(("· ", "dim"), note))


@click.command()
@click.option("--tables", help="only these: public.orders,crm.*")
def reconcile(tables: str | None) -> None:
    """Compare SOURCE_DSN and bronze by count and checksum; name the keys that differ."""
    settings = load()
    settings.dsn()
    with machine.writing(settings, "reconcile"), console.step(f"Comparing {settings.source()} and bronze"):
        verdicts = comparison.run(settings, tables, report=lambda verdict: console.note(f"  {verdict.table} {verdict.word}"))
    rows = [
        (verdict.table, console.verdict(verdict.word), console.count(verdict.source_rows), console.count(verdict.bronze_rows),
         console.count(verdict.buckets), f"{verdict.seconds:.1f}")
        for verdict in sorted(verdicts, key=lambda verdict: verdict.table)
    ]  # fmt: skip
    heads = ("table", "verdict", "rows in source", "in bronze", "buckets that differ", "s")
    console.table("", heads, rows, numbers=heads[2:])
    for verdict in verdicts:
        show_differences(verdict)
    wrong = [verdict for verdict in verdicts if verdict.word != "equal"]
    if wrong:
        pending = all(verdict.pending for verdict in wrong)
        late = "Nothing but changes since the last batch: run make ingest and compare again"
        named = "See above for the keys; make ingest TABLES=… RESYNC=1 copies a table anew"
        seen = f"{len(wrong)} of {len(verdicts)} tables are not known to be equal"
        raise DifferenceError("reconcile", seen, remedy=late if pending else named)


def show_differences(verdict: comparison.Verdict) -> None:
    """Print what differs, key by key."""
    if verdict.error:
        console.out.print(Text.assemble(("✗ ", "red"), verdict.error))
    for text in verdict.batches:
        console.out.print(Text.assemble(("✗ ", "red"), f"{verdict.table}: {text}"))
    words = {"missing": "is missing in bronze", "extra": "is in bronze, and gone from the source", "differs": "differs"}
    for item in verdict.differences:
        which = f" in {', '.join(item.columns)}" if item.columns else ""
        late = " (written since the last batch)" if item.pending else ""
        mark = ("· ", "dim") if item.pending else ("✗ ", "red")
        console.out.print(Text.assemble(mark, f"{verdict.table} {item.key}: {words[item.kind]}{which}{late}"))
    if verdict.unnamed:
        console.out.print(f"  {verdict.table}: {console.count(verdict.unnamed)} buckets more differ.")
