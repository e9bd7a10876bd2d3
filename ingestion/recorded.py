"""What the ledger recorded of each batch, beside what bronze's files hold of it now."""

from ingestion.plan import Plan
from ingestion.postgres.write import checksum_of
from ingestion.side import BronzeSide
from lakehouse import ledger
from lakehouse.settings import Settings


def check(settings: Settings, plan: Plan, bronze: BronzeSide) -> list[str]:
    """Batches whose rows or checksum are not what was recorded, each in a few words.

    Batches from before the table's columns changed last are left out: their files were written to another shape.
    """
    since = max((row["batch_id"] for row in _of(settings, "schema_changes", plan) if row["outcome"] == "taken up"), default=0)
    noted = {row["batch_id"]: row for row in _of(settings, "batches", plan) if row["checksum"] and row["status"] == "committed"}
    columns = list(plan.names.values())
    found = bronze.reader.execute(
        f"select _batch_id, count(*), {checksum_of(columns, columns + ['_op', '_flags'])} from {bronze.held} group by 1"
    ).fetchall()
    held = {batch: (rows, f"{total:016x}") for batch, rows, total in found}
    return [
        _words(batch, row, held.get(batch, (0, "0" * 16)))
        for batch, row in sorted(noted.items())
        if batch >= since and held.get(batch, (0, "0" * 16)) != (row["rows"] + row["deletes"], row["checksum"])
    ]


def _of(settings: Settings, name: str, plan: Plan):  # type: ignore[no-untyped-def]
    return [row for row in ledger.rows(settings, name) if row["table_name"] == plan.name]


def _words(batch: int, row: dict[str, object], held: tuple[int, str]) -> str:
    rows = int(str(row["rows"])) + int(str(row["deletes"]))
    if held[0] != rows:
        return f"batch {batch} has {held[0]} rows in bronze, {rows} were recorded"
    return f"batch {batch} has other values in bronze than were recorded"
