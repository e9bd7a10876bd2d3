"""Commands of ingestion: `discover`, `ingest` and `reconcile`."""

import difflib
from collections.abc import Sequence

import click
import yaml
from rich.text import Text

from ingestion import many
from ingestion import reconcile as comparison
from ingestion import run as job
from ingestion.outcome import Run
from ingestion.sources import config as source_file
from ingestion.sources import kinds
from ingestion.sources.base import Found, Plan, Request
from ingestion.sources.config import File, Section
from lakehouse import atomic, console, machine
from lakehouse.errors import ComportaError, DifferenceError, PartialCopyError, SettingsError, SourceError, StorageError
from lakehouse.machine import load
from lakehouse.settings import Settings
from lakehouse.tables import ledger

_HEAD = """\
# What Comporta copies and how; `make discover` adds tables it has not seen and leaves your entries alone.
# Of each source: kind (postgres by default), dsn: ${CRM_DSN}, which .env holds (SOURCE_DSN's source needs none), and its tables:
#   enabled: false leaves a table out · mode: full | incremental · key: [columns] · deletes: compare | none | soft:<column>, soft:<column>=<value>
#   contract: evolve (takes up new and wider columns) | freeze (refuses any change of columns)
#   decimals: {column: "20,4"} for a numeric without precision, which is text otherwise
#   cursor: xmin (exact, reads the table's pages) or a column that every change moves forward (fast where it is indexed)
#   zone: America/Sao_Paulo beside a cursor that is a timestamp without zone: whose clock fills it
#   texts: [columns] to be copied as PostgreSQL prints them
"""


@click.command()
@click.option("--source", help="only these sources of sources.yml: crm,erp")
def discover(source: str | None) -> None:
    """List tables, keys, sizes and cursors of the sources; add new ones to ingestion/sources.yml."""
    settings = load()
    file = source_file.load()
    found: list[tuple[Section, list[Found]]] = []
    for section in source_file.chosen(settings, file, _names(source)):
        ours = source_file.settings_of(settings, section)
        source_of = kinds.find(section)(ours, section)
        tables, silent = source_of.discover()
        if not tables:
            raise SourceError("source", "holds no table", "at least one", "Check the database's name in SOURCE_DSN")
        rows = [
            (each.label, each.kind, "–" if each.rows is None else console.count(each.rows), ", ".join(each.key) or "–",
             ", ".join(each.by) or "–", each.remark)
            for each in tables
        ]  # fmt: skip
        heads = ("table", "kind", "rows, about", "key", "usable cursors", "")
        console.table(
            f"{section.name}: {source_of.describe()}" if len(file.sources) > 1 else "", heads, rows, numbers=("rows, about",)
        )
        for line in silent:
            console.out.print(Text.assemble(("· ", "dim"), f"On this server {line}."))
        found.append((section, tables))
    _write(settings, file, found)


def _write(settings: Settings, file: File, found: list[tuple[Section, list[Found]]]) -> None:
    """Add what was found to the file; one of the form for a single source is written in that for several, and what changes is shown."""
    sources = {name: written.model_dump(exclude_unset=True) for name, written in file.sources.items()}
    if file.is_older:
        sources[file.source or _owner(settings, file, found)] = {"tables": file.tables}
    before = sum(len(each.get("tables", {})) for each in sources.values())
    for section, tables in found:
        said = sources.setdefault(section.name, {})
        fresh = {each.label: each.entry for each in tables if each.entry is not None and each.label not in said.get("tables", {})}
        said["tables"] = dict(sorted({**said.get("tables", {}), **fresh}.items()))
    more = {"at_once": file.at_once} if "at_once" in file.model_fields_set else {}
    text = _HEAD + yaml.safe_dump({**more, "sources": dict(sorted(sources.items()))}, sort_keys=False, allow_unicode=True)
    if file.is_older:
        old = source_file.PATH.read_text(encoding="utf-8")
        told = difflib.unified_diff(
            old.splitlines(), text.splitlines(), "sources.yml", "sources.yml for several sources", lineterm=""
        )
        console.out.print(Text("\n".join(told)))
    atomic.write(source_file.PATH, text)
    added = sum(len(each.get("tables", {})) for each in sources.values()) - before
    console.out.print(f"{added} added to {source_file.PATH.name}, {before} left as they were.")


def _owner(settings: Settings, file: File, found: list[tuple[Section, list[Found]]]) -> str:
    """Whose the entries of a file are that does not say: a source that has such tables, else one that the ledger knows to have had them."""
    for section, tables in found:
        if {each.label for each in tables} & {*file.tables}:
            return section.name
    rows = ledger.rows(settings, "batches")
    return next((str(row["source"]) for row in reversed(rows) if row["source_table"] in file.tables and row["source"]), "earlier")


def _names(said: str | None, more: Sequence[str] = ()) -> tuple[str, ...]:
    words = [*([] if said is None else [said]), *more]
    found = tuple(filter(None, (part.strip() for word in words for part in word.split(","))))
    if words and not found:
        raise SettingsError("SOURCE", "names no source", "crm,erp", "Leave it out for all of them")
    return found


@click.command()
@click.argument("sources", nargs=-1)
@click.option("--source", help="only these sources of sources.yml: crm,erp; all by default")
@click.option("--tables", help="only these: public.orders,crm.*")
@click.option("--since", help="read again the rows whose cursor is at or after this")
@click.option("--until", help="… and before this")
@click.option("--resync", is_flag=True, help="read whole, whatever was copied before")
@click.option("--dry-run", is_flag=True, help="say what would be read, and why; write nothing")
def ingest(
    sources: tuple[str, ...],
    source: str | None,
    tables: str | None,
    since: str | None,
    until: str | None,
    resync: bool,
    dry_run: bool,
) -> None:
    """Copy what changed in the sources to bronze: all that sources.yml says where they are, and SOURCE_DSN's."""
    settings = load()
    chosen = source_file.chosen(settings, source_file.load(), _names(source, sources))
    if resync and (since or until):
        raise SettingsError("RESYNC", "reads everything", "either RESYNC or SINCE and UNTIL", "Leave one of them out")
    request = Request(tables, since, until, resync)
    if dry_run:
        for section in chosen:
            show_plans(*job.preview(settings, request, section))
        return
    machine.check(settings)
    with machine.writing(settings, "ingest"):
        if machine.start(settings):
            console.out.print("Spark server started.")
        copy(settings, request, chosen)


def copy(settings: Settings, request: Request, chosen: Sequence[Section]) -> None:
    """Copy what `request` says of the chosen sources to bronze, on a server that runs, and show what became of each table.

    Raises:
        PartialCopyError: some tables were not copied, or some sources.
        ComportaError: none was.
    """
    with console.step(f"Reading {', '.join(section.name for section in chosen)}"):
        ended = many.run(settings, chosen, request, warn=console.warn)
    for section, done in zip(chosen, ended, strict=True):
        if len(chosen) > 1:
            console.out.print(Text(f"— {section.name}", style="bold"))
        if isinstance(done, Run):
            show(done)
        elif len(chosen) > 1:
            console.out.print(Text.assemble(("✗ ", "red"), str(done)))
    _judge(settings, ended)


def _judge(settings: Settings, ended: Sequence[Run | ComportaError]) -> None:
    runs = [done for done in ended if isinstance(done, Run)]
    errors = [done for done in ended if not isinstance(done, Run)]
    failed = [outcome for done in runs for outcome in done.failed]
    count = sum(len(done.outcomes) for done in runs)
    if errors and (not runs or len(failed) == count):
        raise errors[0]
    if not errors and failed and all(outcome.unstored for outcome in failed):
        raise StorageError(settings.lake_url, f"did not take {len(failed)} of {count} tables", remedy="See above; then run again")
    if not (failed or errors):
        return
    error = PartialCopyError if errors or len(failed) < count else SourceError
    seen = [f"{len(failed)} of {count} tables"] if failed else []
    seen += [f"{len(errors)} of {len(ended)} sources"] if errors else []
    raise error("ingest", f"{' and '.join(seen)} were not copied", remedy="See above for why; what could be copied is in bronze")


def show_plans(plans: list[Plan], refused: Run) -> None:
    """Print what a run would read of each table."""
    rows = [
        (plan.label, _what(plan), "–" if plan.detail[0] is None else console.count(plan.detail[0]), str(len(plan.work)), plan.detail[1],
         plan.reason)
        for plan in plans
    ]  # fmt: skip
    console.table("", ("table", "reads", "rows, about", "pieces", "deletes", "why whole"), rows, numbers=("rows, about", "pieces"))
    for plan in plans:
        for change in plan.changes:
            console.out.print(Text.assemble(("! ", "yellow"), f"{plan.label}: {change}"))
    _show_notes(refused)
    for outcome in refused.outcomes:
        console.out.print(Text.assemble(("✗ ", "red"), outcome.error))
    console.out.print("A dry run: nothing was read or written.")


def _what(plan: Plan) -> str:
    if not plan.work:
        return "nothing: unchanged"
    if plan.backfill:
        return "a range"
    return "everything" if plan.whole else f"changes by {plan.detail[2]}"


def show(done: Run) -> None:
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


def _show_notes(done: Run) -> None:
    for note in done.notes:
        console.out.print(Text.assemble(("· ", "dim"), note))


@click.command()
@click.option("--source", help="only these sources of sources.yml: crm,erp; all by default")
@click.option("--tables", help="only these: public.orders,crm.*")
def reconcile(source: str | None, tables: str | None) -> None:
    """Compare the sources and bronze by count and checksum; name the keys that differ."""
    settings = load()
    chosen = source_file.chosen(settings, source_file.load(), _names(source))
    verdicts: list[comparison.Verdict] = []
    with machine.writing(settings, "reconcile"):
        for section in chosen:
            with console.step(f"Comparing {section.name} and bronze"):
                verdicts += comparison.run(settings, tables, lambda each: console.note(f"  {each.table} {each.word}"), section)
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
