"""What people are shown of plans, of runs and of comparisons."""

from rich.text import Text

from ingestion.outcome import IngestionRun
from ingestion.reconcile import TableComparison
from ingestion.sources.base import TablePlan
from lakehouse import console


def show_plans(plans: list[TablePlan], refused: IngestionRun) -> None:
    """Print what a run would read of each table."""
    rows = [
        (
            plan.label,
            _what(plan),
            "–" if plan.rows is None else console.count(plan.rows),
            str(len(plan.work)),
            plan.deletes,
            plan.reason,
        )
        for plan in plans
    ]
    console.table("", ("table", "reads", "rows, about", "pieces", "deletes", "why whole"), rows, numbers=("rows, about", "pieces"))
    for plan in plans:
        for change in plan.changes:
            console.out.print(Text.assemble(("! ", "yellow"), f"{plan.label}: {change}"))
    _show_notes(refused)
    for outcome in refused.outcomes:
        console.out.print(Text.assemble(("✗ ", "red"), outcome.error))


def _what(plan: TablePlan) -> str:
    if not plan.work:
        return "nothing: unchanged"
    if plan.backfill:
        return "a range"
    return "everything" if plan.whole else f"changes by {plan.cursor}"


def show_run(done: IngestionRun) -> None:
    """Print what became of each table."""
    rows = [
        (
            outcome.table,
            console.verdict(outcome.status),
            console.count(outcome.rows),
            console.count(outcome.deletes),
            console.size(outcome.size),
        )
        for outcome in sorted(done.outcomes, key=lambda outcome: outcome.table)
    ]
    console.table("", ("table", "batch", "rows", "deletes", "size"), rows, numbers=("rows", "deletes", "size"))
    for outcome in done.outcomes:
        if not outcome.error:
            for change in outcome.changes:
                console.out.print(Text.assemble(("! ", "yellow"), f"{outcome.table}: {change}"))
        if outcome.error:
            console.out.print(Text.assemble(("✗ ", "red"), outcome.error))
        elif outcome.reason:
            console.out.print(f"  {outcome.table} was read whole: {outcome.reason}.")
        for problem in outcome.problems:
            console.out.print(Text.assemble(("✗ ", "red"), f"{outcome.table}: {problem}"))
    _show_notes(done)
    rate = f" ({console.count(int(done.rows / done.seconds))} rows/s)" if done.rows > done.seconds > 0 else ""
    moved = f"{console.count(done.rows)} row{'s' if done.rows != 1 else ''}" if done.rows else "nothing new"
    console.out.print(f"Batch {done.batch_id}: {moved} in {done.seconds:.1f} s{rate}.")


def _show_notes(done: IngestionRun) -> None:
    for note in done.notes:
        console.out.print(Text.assemble(("· ", "dim"), note))


def show_differences(verdict: TableComparison) -> None:
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
