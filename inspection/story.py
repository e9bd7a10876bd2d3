"""What `why` prints: the row in a few lines, then a table of the way that it came, and one of its batches."""

from rich.text import Text

from inspection.answer import Answer, Row, Seen, Step, Values
from inspection.key import told
from lakehouse import console
from lakehouse.settings import Settings

_VERDICTS = 3  # the newest ones; the ledger has the rest


def lines(settings: Settings, answer: Answer) -> list[Text]:
    """The row, whether readers see it, and what is known of it."""
    shown = answer.state == "shown"
    mark = ("✓ ", "bold green") if shown else ("✗ ", "bold red")
    word = f"readers see it: {_release(answer.release)}" if shown and answer.release else answer.state
    head = Text.assemble(mark, (f"{answer.layer}.{answer.table}", "bold"), f"  {told(answer.key)}  ", (word, mark[1]))
    row = answer.row
    said = {
        "": answer.said,
        "as it is": f"since {_release(answer.same_since)}" if answer.same_since else "",
        "last shown by": _release(answer.last_shown) if answer.last_shown else "",
        "columns": "" if row is None or row.values else ", ".join(row.columns),
        "technical": told(_given(row.technical)) if row else "",
        "built": answer.built,
    }
    block = [*said.items(), *((name, str(value)) for name, value in (row.values if row else {}).items())]
    block += [("judged" if not number else "", _verdict(settings, one)) for number, one in enumerate(answer.verdicts[:_VERDICTS])]
    return [head, *(Text.assemble((f"    {name:<13} ", "dim"), value) for name, value in block if value)]


def tables(answer: Answer) -> None:
    """The way that the row came, and the batches that brought it."""
    rows = [line for step in answer.steps for line in _step(step)]
    if rows:
        console.out.print()
        console.table("", ("made of", "row", "batch", "op", "copied at", "file, or why not"), rows, numbers=("batch",))
    batches = [
        (one["batch_id"], one["source_table"] or "", one["mode"], console.count(one["rows"]), console.count(one["deletes"]),
         f"{one['at']:%Y-%m-%d %H:%M:%S}", _window(one["window"]))
        for one in answer.batches
    ]  # fmt: skip
    if batches:
        console.out.print()
        heads = ("batch", "source", "mode", "rows", "deletes", "noted at", "window")
        console.table("", heads, batches, numbers=("batch", "rows", "deletes"))


def _release(seen: Seen | None) -> str:
    if seen is None:
        return ""
    return f"release {seen.release_id}, {seen.at:%Y-%m-%d %H:%M} UTC" + (" or before" if seen.is_oldest else "")


def _verdict(settings: Settings, one: Values) -> str:
    page = f", {settings.site_dir / one['page']}" if one["page"] else ""
    return f"{one['verdict']} at version {one['delta_version']}, {one['at']:%Y-%m-%d %H:%M} UTC, suite {one['suite_hash']}{page}"


def _step(step: Step) -> list[tuple[object, ...]]:
    name = Text.assemble("  " * step.depth, ("↳ ", "dim"), f"{step.layer}.{step.table}")
    if not step.rows:
        return [(name, "–", "–", "–", "–", Text(step.note, style="dim" if step.how == "unknown" else "yellow"))]
    lines = [_row(name if not number else "", row, step.layer) for number, row in enumerate(step.rows)]
    if step.more:
        lines.append(("", "more rows", "", "", "", Text("not all are listed", style="dim")))
    return lines


def _row(name: object, row: Row, layer: str) -> tuple[object, ...]:
    told_of = row.technical
    op = told_of.get("_op") or ""
    copied = told_of.get("_ingested_at")
    mark = Text(row.file if layer == "bronze" else "", style="dim")  # other layers' files are rewritten at any time
    if row.held:
        mark = Text(f"in quarantine: {row.held}", style="red")
    elif told_of.get("_is_deleted") is True:
        mark = Text("marked deleted", style="yellow")
    return (
        name,
        Text(told(row.key), overflow="fold"),
        told_of.get("_batch_id", "–"),
        op,
        f"{copied:%Y-%m-%d %H:%M:%S}" if copied else "–",
        mark,
    )


def _given(values: Values) -> Values:
    return {
        name: f"{value:%Y-%m-%d %H:%M:%S}" if hasattr(value, "strftime") else value
        for name, value in values.items()
        if value is not None
    }


def _window(window: Values) -> str:
    known = {"cursor": "by", "since": "since", "until": "until", "horizon": "up to"}
    return ", ".join(f"{word} {str(window[name])[:19]}" for name, word in known.items() if window.get(name) is not None)
