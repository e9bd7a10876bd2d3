"""Commands of ingestion: `discover`, `ingest` and `reconcile`."""

import difflib
from collections.abc import Sequence
from dataclasses import asdict

import click
import yaml
from rich.text import Text

from ingestion import many, report
from ingestion import reconcile as comparison
from ingestion import run as job
from ingestion.outcome import IngestionRun
from ingestion.sources import config as source_file
from ingestion.sources import kinds
from ingestion.sources.base import Request, SourceKind, SourceTable
from ingestion.sources.config import Section, SourcesFile
from lakehouse import atomic, console, machine
from lakehouse.errors import DifferenceError, PartialCopyError, SettingsError, SourceError, StorageError
from lakehouse.machine import load
from lakehouse.redaction import first_line
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
# Of a source of kind: files (docs/files.md): path (a folder or s3://…), and of each table
#   files: pattern · format: csv | json | jsonl | parquet · key: [columns] · deletes: replaced | compare | none · contract
#   csv: {encoding, separator, quote, escape, header} · columns: {name: kind}, where they are not to be found out
"""


@click.command()
@click.option("--source", help="only these sources of sources.yml: crm,erp")
@click.option("--json", "as_json", is_flag=True, help="for another program")
def discover(source: str | None, as_json: bool) -> None:
    """List tables, keys, sizes and cursors of the sources; add new ones to ingestion/sources.yml."""
    settings = load()
    if as_json:
        console.only_json()
    file = source_file.load()
    chosen = source_file.chosen(settings, file, _names(source))

    def look(section: Section) -> tuple[SourceKind, list[SourceTable], list[str]]:
        found = kinds.find(section)(source_file.settings_of(settings, section), section)
        tables, silent = found.discover()
        if not tables:
            raise SourceError(f"source {section.name}", "holds no table", "at least one", f"Check where it is: {found.describe()}")
        return found, tables, silent

    ended = many.each(chosen, look)
    looked: list[tuple[Section, list[SourceTable]]] = []
    for section, result in zip(chosen, ended, strict=True):
        if isinstance(result, Exception):
            _show_error(section, result)
            continue
        found, tables, silent = result
        rows = [
            (
                each.label,
                each.kind,
                "–" if each.rows is None else console.count(each.rows),
                ", ".join(each.key) or "–",
                ", ".join(each.by) or "–",
                each.remark,
            )
            for each in tables
        ]
        title = f"{section.name}: {found.describe()}" if len(chosen) > 1 or len(file.sources) > 1 else ""
        console.table(title, ("table", "kind", "rows, about", "key", "usable cursors", ""), rows, numbers=("rows, about",))
        for line in silent:
            console.out.print(Text.assemble(("· ", "dim"), f"On this server {line}."))
        looked.append((section, tables))
    if as_json:
        console.as_json({section.name: [vars(each) for each in tables] for section, tables in looked})
    if looked:
        _write(settings, file, looked)
    _refuse_failed("discover", ended, "could not be looked at", "See above for why; what the others hold is in sources.yml")


def _show_error(section: Section, error: Exception) -> None:
    console.out.print(Text.assemble(("✗ ", "red"), f"{section.name}: {first_line(error, 400)}"))


def _refuse_failed(command: str, ended: Sequence[object], seen: str, remedy: str) -> None:
    """An error if one of several sources ended with one."""
    many.raise_unexpected(ended)
    if failed := [each for each in ended if isinstance(each, Exception)]:
        raise SourceError(command, f"{len(failed)} of {len(ended)} sources {seen}", remedy=remedy)


def _write(settings: Settings, file: SourcesFile, found: list[tuple[Section, list[SourceTable]]]) -> None:
    """Add what was found to the file; one of the form for a single source is written in that for several, and what changes is shown."""
    sources = {name: written.model_dump(exclude_unset=True) for name, written in file.sources.items()}
    if file.is_older:
        sources[file.source or _owner(settings, file, found)] = {"tables": file.tables}
    before = sum(len(each.get("tables", {})) for each in sources.values())
    for section, tables in found:
        entry = sources.setdefault(section.name, {})
        fresh = {each.label: each.entry for each in tables if each.entry is not None and each.label not in entry.get("tables", {})}
        entry["tables"] = dict(sorted({**entry.get("tables", {}), **fresh}.items()))
    more = {"at_once": file.at_once} if "at_once" in file.model_fields_set else {}
    text = _HEAD + yaml.safe_dump({**more, "sources": dict(sorted(sources.items()))}, sort_keys=False, allow_unicode=True)
    if file.is_older:
        old = source_file.PATH.read_text(encoding="utf-8")
        diff = difflib.unified_diff(
            old.splitlines(), text.splitlines(), "sources.yml", "sources.yml for several sources", lineterm=""
        )
        console.out.print(Text("\n".join(diff)))
    atomic.write(source_file.PATH, text)
    added = sum(len(each.get("tables", {})) for each in sources.values()) - before
    console.out.print(f"{added} added to {source_file.PATH.name}, {before} left as they were.")


def _owner(settings: Settings, file: SourcesFile, found: list[tuple[Section, list[SourceTable]]]) -> str:
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
        ended = many.each(chosen, lambda section: job.preview(settings, request, section))
        for section, result in zip(chosen, ended, strict=True):
            if len(chosen) > 1:
                console.out.print(Text(f"— {section.name}", style="bold"))
            if isinstance(result, Exception):
                _show_error(section, result)
            else:
                report.show_plans(*result)
        console.out.print("A dry run: nothing was read or written.")
        _refuse_failed("ingest", ended, "could not be planned", "See above for why")
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

    def read(section: Section) -> IngestionRun:
        warn = console.warn if len(chosen) == 1 else lambda text: console.warn(f"{section.name}: {text}")
        return job.run(settings, request=request, warn=warn, section=section)

    with console.step(f"Reading {', '.join(section.name for section in chosen)}"):
        ended = many.each(chosen, read, source_file.load().at_once)
    for section, result in zip(chosen, ended, strict=True):
        if len(chosen) > 1:
            console.out.print(Text(f"— {section.name}", style="bold"))
        if isinstance(result, Exception):
            _show_error(section, result)
        else:
            report.show_run(result)
    _judge(settings, ended)


def _judge(settings: Settings, ended: Sequence[IngestionRun | Exception]) -> None:
    many.raise_unexpected(ended)
    runs = [run for run in ended if isinstance(run, IngestionRun)]
    errors = [error for error in ended if isinstance(error, Exception)]
    failed = [outcome for run in runs for outcome in run.failed]
    count = sum(len(run.outcomes) for run in runs)
    left = sum(len(outcome.problems) for run in runs for outcome in run.outcomes)
    if left and not (failed or errors):
        raise PartialCopyError(
            "ingest",
            f"{left} file{'s' if left > 1 else ''} could not be read",
            remedy="See above for why; the others are in bronze, and the next run tries again",
        )
    if not (failed or errors):
        return
    if errors and len(failed) == count:
        raise errors[0]
    if not errors and all(outcome.unstored for outcome in failed):
        raise StorageError(settings.lake_url, f"did not take {len(failed)} of {count} tables", remedy="See above; then run again")
    error = PartialCopyError if errors or len(failed) < count else SourceError
    seen = [f"{len(failed)} of {count} tables"] if failed else []
    seen += [f"{len(errors)} of {len(ended)} sources"] if errors else []
    raise error("ingest", f"{' and '.join(seen)} were not copied", remedy="See above for why; what could be copied is in bronze")


@click.command()
@click.option("--source", help="only these sources of sources.yml: crm,erp; all by default")
@click.option("--tables", help="only these: public.orders,crm.*")
@click.option("--json", "as_json", is_flag=True, help="for another program")
def reconcile(source: str | None, tables: str | None, as_json: bool) -> None:
    """Compare the sources and bronze by count and checksum; name the keys that differ."""
    settings = load()
    if as_json:
        console.only_json()
    chosen = source_file.chosen(settings, source_file.load(), _names(source))

    def compare(section: Section) -> list[comparison.TableComparison]:
        with console.step(f"Comparing {section.name} and bronze"):
            return comparison.run(settings, tables, lambda each: console.note(f"  {each.table} {each.word}"), section)

    verdicts: list[comparison.TableComparison] = []
    with machine.writing(settings, "reconcile"):
        ended = many.each(chosen, compare)
    many.raise_unexpected(ended)
    for section, result in zip(chosen, ended, strict=True):
        error = comparison.TableComparison(section.name, error=f"{section.name}: {result}")
        verdicts += [error] if isinstance(result, Exception) else result
    rows = [
        (
            verdict.table,
            console.verdict(verdict.word),
            console.count(verdict.source_rows),
            console.count(verdict.bronze_rows),
            console.count(verdict.buckets),
            f"{verdict.seconds:.1f}",
        )
        for verdict in sorted(verdicts, key=lambda verdict: verdict.table)
    ]
    heads = ("table", "verdict", "rows in source", "in bronze", "buckets that differ", "s")
    console.table("", heads, rows, numbers=heads[2:])
    for verdict in verdicts:
        report.show_differences(verdict)
    if as_json:
        console.as_json([asdict(verdict) | {"verdict": verdict.word} for verdict in verdicts])
    wrong = [verdict for verdict in verdicts if verdict.word != "equal"]
    if wrong:
        pending = all(verdict.pending for verdict in wrong)
        late = "Nothing but changes since the last batch: run make ingest and compare again"
        named = "See above for the keys; make ingest TABLES=… RESYNC=1 copies a table anew"
        seen = f"{len(wrong)} of {len(verdicts)} tables are not known to be equal"
        raise DifferenceError("reconcile", seen, remedy=late if pending else named)
