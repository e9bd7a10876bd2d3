"""`diff` and `why`: what two releases differ in, and where a row comes from."""

import json
from contextlib import closing, nullcontext
from dataclasses import asdict
from typing import Any

import click
from rich.text import Text

from expectations.names import resolve
from inspection import diff as comparison
from inspection import story
from inspection.diff import STAMPS, Batch, Example, TableDifference
from inspection.key import told
from inspection.reader import Reader
from inspection.why import Tracer
from lakehouse import console, values
from lakehouse.errors import AbsentError, ReleaseError
from lakehouse.machine import load
from lakehouse.tables.released import Release

_MARKS = {"added": ("+", "green"), "changed": ("~", "yellow"), "removed": ("−", "red")}


def working(title: str, as_json: bool) -> Any:
    """A step on the console, or nothing where another program reads what is printed."""
    return nullcontext() if as_json else console.step(title)


@click.command()
@click.option("--release", "releases", required=True, help="two releases of one layer, 3..5; or 5: what it changed")
@click.option("--rows", default=0, show_default=True, type=click.IntRange(0, 100), help="so many examples of each kind and table")
@click.option("--show", is_flag=True, help="with the values of the columns that differ; they may be personal")
@click.option("--json", "as_json", is_flag=True, help="for another program")
def diff(releases: str, rows: int, show: bool, as_json: bool) -> None:
    """Say what readers see otherwise in one release than in another: tables, columns, rows.

    Reads only the files that one of the two has and the other has not.
    """
    settings = load()
    before, after = comparison.choose(settings, releases)
    with closing(Reader(settings)) as reader, working(f"Comparing releases {before.release_id} and {after.release_id}", as_json):
        found = comparison.compare(settings, reader, before=before, after=after, rows=rows or (3 if show else 0), show=show)
    if as_json:
        numbers = {"layer": after.layer, "before": before.release_id, "after": after.release_id}
        console.echo(json.dumps(values.plain(numbers | {"tables": [asdict(one) for one in found]}), ensure_ascii=False))
    else:
        _show(before, after, found)
    if bad := [one.table for one in found if one.state == "unreadable"]:
        raise ReleaseError(
            f"{len(bad)} of {len(found)} tables", f"could not be compared: {', '.join(bad)}", remedy="The reasons are above"
        )


def _show(before: Release, after: Release, found: list[TableDifference]) -> None:
    console.out.print(Text.assemble((after.layer, "bold"), f": release {before.release_id} → release {after.release_id}"))
    rows = [
        (
            one.table,
            _versions(one),
            _number(one.added, "added"),
            _number(one.changed, "changed"),
            _number(one.removed, "removed"),
            _said(one),
        )
        for one in found
        if one.state != "same"
    ]
    if rows:
        console.table("", ("table", "version", "added", "changed", "removed", ""), rows, numbers=("added", "changed", "removed"))
    if same := sum(one.state == "same" for one in found):
        console.out.print(
            Text(f"{same} of {len(found)} tables {'is' if same == 1 else 'are'} the same.", style="dim" if rows else "")
        )
    for one in found:
        for line in _details(one):
            console.out.print(line)


def _versions(one: TableDifference) -> str:
    return " → ".join("–" if version is None else str(version) for version in (one.before, one.after))


def _number(count: int | None, kind: str) -> Text:
    mark, colour = _MARKS[kind]
    return Text(f"{mark}{console.count(count)}", style=colour) if count else Text(console.count(count), style="dim")


def _said(one: TableDifference) -> Text:
    if one.state in ("new", "gone"):
        return Text(f"the table {'is new' if one.state == 'new' else 'is gone'}", style="bold")
    if one.state == "unreadable":
        return Text("could not be compared", style="red")
    business = [f"{name} {console.count(count)}" for name, count in one.changed_columns.items() if name not in STAMPS]
    said = [*business[:4], *([f"{len(business) - 4} more"] if len(business) > 4 else [])]
    if one.batches:
        said.append(_batches(one.batches))
    if one.held and one.held[0] != one.held[1]:
        said.append(f"in quarantine {one.held[0]} → {one.held[1]}")
    if one.columns:
        said.append("columns differ")
    return Text(", ".join(said), style="dim")


def _batches(batches: tuple[Batch, ...]) -> str:
    numbers = [batch.batch_id for batch in batches]
    shown = ", ".join(map(str, numbers[:5])) + (f" … {numbers[-1]}" if len(numbers) > 5 else "")
    rows, deleted = sum(one.written for one in batches), sum(one.deleted for one in batches)
    return f"batch{'es' if len(numbers) > 1 else ''} {shown}: {console.count(rows)} written, {console.count(deleted)} deleted"


def _details(one: TableDifference) -> list[Text]:
    """Lines under the table: columns, what wants saying, and examples."""
    said = [*one.columns]
    if one.state == "unreadable" or one.note and (one.added or one.removed):
        said.append(one.note)
    if one.restamped:
        rows = "row differs" if one.restamped == 1 else "rows differ"
        said.append(f"{console.count(one.restamped)} more {rows} only in batch and time of copying")
    if not said and not one.examples:
        return []
    lines = [Text(one.table, style="bold"), *(Text(f"  {line}") for line in said)]
    return lines + [line for example in one.examples for line in _example(example)]


def _example(example: Example) -> list[Text]:
    mark, colour = _MARKS[example.kind]
    key = ", ".join(f"{name}={values.text(value)}" for name, value in example.key.items())
    head = Text.assemble((f"  {mark} ", colour), key)
    business = [name for name in example.columns if name not in STAMPS]
    if business and not example.values:
        head.append(f"  {', '.join(business)}", style="dim")
    shown = {name: example.values[name] for name in business if name in example.values}
    return [head, *(Text(f"      {name}: {_short(a)} → {_short(b)}", style="dim") for name, (a, b) in shown.items())]


def _short(value: object) -> str:
    text = "null" if value is None else values.text(value)
    return text if len(text) <= 60 else text[:57] + "…"


@click.command()
@click.option("--table", required=True, help="gold.dim_customers; without the layer if only one has it")
@click.option("--key", required=True, help='42, or 1,2 or {"a": 1, "b": 2} for a key of several columns')
@click.option("--show", is_flag=True, help="the whole row, which may be personal")
@click.option("--json", "as_json", is_flag=True, help="for another program")
def why(table: str, key: str, show: bool, as_json: bool) -> None:
    """Say where one row comes from: release, verdicts, models, batches, files; or what became of it.

    Ends with 11 if readers don't see the row.
    """
    settings = load()
    name = resolve(settings, table)
    with closing(Reader(settings)) as reader, working(f"Following a row of {'.'.join(name)}", as_json):
        answer = Tracer(settings, reader, show).explain(name, key)
    if as_json:
        console.echo(json.dumps(values.plain(asdict(answer)), ensure_ascii=False))
    else:
        for line in [*story.lines(settings, answer), *story.way(answer)]:
            console.out.print(line)
        story.batches(answer)
    if answer.state != "shown":
        raise AbsentError(f"{'.'.join(name)} {told(answer.key)}", f"readers don't see it ({answer.state}): {answer.said}")
