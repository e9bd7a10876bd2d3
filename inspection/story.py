"""What `why` prints: the row in a few lines, then the way that it came, and a table of its batches."""

from datetime import datetime

from rich.text import Text

from inspection.answer import Answer, ReleasePoint, Row, Step, Values
from inspection.finder import moment
from inspection.key import told
from lakehouse import console, values
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
    block = [*said.items(), *((name, values.text(value)) for name, value in (row.values if row else {}).items())]
    block += [("judged" if not number else "", _verdict(settings, one)) for number, one in enumerate(answer.verdicts[:_VERDICTS])]
    return [head, *(Text.assemble((f"    {name:<13} ", "dim"), value) for name, value in block if value)]


def way(answer: Answer) -> list[Text]:
    """The tables that the row is made of, one under the other, with the rows there."""
    if not answer.steps:
        return []
    return [Text(), Text("made of", style="dim"), *(line for step in answer.steps for line in _step(step))]


def batches(answer: Answer) -> None:
    """Print the batches that brought it."""
    rows = [
        (
            one["batch_id"],
            one["source_table"] or "",
            one["mode"],
            console.count(one["rows"]),
            console.count(one["deletes"]),
            f"{one['at']:%Y-%m-%d %H:%M}",
            _window(one["window"]),
        )
        for one in answer.batches
    ]
    if rows:
        console.out.print()
        heads = ("batch", "source", "mode", "rows", "deletes", "noted at", "window")
        console.table("", heads, rows, numbers=("batch", "rows", "deletes"))


def _release(seen: ReleasePoint | None) -> str:
    if seen is None:
        return ""
    return f"release {seen.release_id}, {seen.at:%Y-%m-%d %H:%M} UTC" + (" or before" if seen.is_oldest else "")


def _verdict(settings: Settings, one: Values) -> str:
    page = f", {settings.site_dir / one['page']}" if one["page"] else ""
    return f"{one['verdict']} at version {one['delta_version']}, {one['at']:%Y-%m-%d %H:%M} UTC, suite {one['suite_hash']}{page}"


def _step(step: Step) -> list[Text]:
    indent = "  " * step.depth
    head = Text.assemble(indent, ("↳ ", "dim"), (f"{step.layer}.{step.table}", "bold"))
    if not step.rows:
        head.append(f"  {step.note}", style="dim" if step.how == "unknown" else "yellow")
    width = max((len(told(row.key)) for row in step.rows), default=0)
    rows = [Text.assemble(f"{indent}    {told(row.key):<{width}}  ", *_came(row, step.layer)) for row in step.rows]
    return [head, *rows, *([Text(f"{indent}    … and more", style="dim")] if step.more else [])]


def _came(row: Row, layer: str) -> list[tuple[str, str]]:
    """With which batch a row came, as what, when, and where it lies or why it waits."""
    facts = row.technical
    said = [(f"batch {facts['_batch_id']}  ", "")] if "_batch_id" in facts else []
    said.append((f"{facts.get('_op') or ' '}  ", ""))
    if copied := facts.get("_ingested_at"):
        said.append((f"{moment(copied)}  ", ""))
    if row.held:
        said.append((f"in quarantine: {row.held}", "red"))
    elif facts.get("_is_deleted") is True:
        said.append(("marked deleted", "yellow"))
    elif layer == "bronze":  # other layers' files are rewritten at any time
        said.append((row.file, "dim"))
    return said


def _given(found: Values) -> Values:
    return {name: moment(value) if isinstance(value, datetime) else value for name, value in found.items() if value is not None}


def _window(window: Values) -> str:
    """`by xmin, up to 786`; of a range that was read again, from when to when."""
    known = {"cursor": "by", "horizon": "up to"} | ({"since": "since", "until": "until"} if window.get("until") else {})
    return ", ".join(f"{word} {str(window[name])[:16]}" for name, word in known.items() if window.get(name) is not None)
