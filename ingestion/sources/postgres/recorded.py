"""What the ledger recorded of each batch, beside what bronze's files hold of it now."""

from ingestion.bronze.write import checksum_of, former_checksum_of
from ingestion.sources.postgres.side import BronzeSide
from ingestion.sources.postgres.table_plan import PostgresPlan
from lakehouse.settings import Settings
from lakehouse.tables import ledger


def check(settings: Settings, plan: PostgresPlan, bronze: BronzeSide) -> list[str]:
    """Batches whose rows or checksum are not what was recorded, each in a few words.

    Batches from before the table's columns changed last are left out: their files were written to another shape.
    """
    since = max((row["batch_id"] for row in _of(settings, "schema_changes", plan) if row["outcome"] == "taken up"), default=0)
    noted = {row["batch_id"]: row for row in _of(settings, "batches", plan) if row["checksum"] and row["status"] == "committed"}
    columns = list(plan.names.values())
    ways = f"[{checksum_of(columns, [*columns, '_op', '_flags'])}, {former_checksum_of(columns)}]"
    found = bronze.reader.execute(f"select _batch_id, count(*), {ways} from {bronze.held} group by 1").fetchall()
    held = {batch: (rows, [f"{total:016x}" for total in totals]) for batch, rows, totals in found}
    told = (_words(batch, row, *held.get(batch, (0, ["0" * 16]))) for batch, row in sorted(noted.items()) if batch >= since)
    return [words for words in told if words]


def _of(settings: Settings, name: str, plan: PostgresPlan):  # type: ignore[no-untyped-def]
    return [row for row in ledger.rows(settings, name) if row["table_name"] == plan.name]


def _words(batch: int, row: dict[str, object], held: int, checksums: list[str]) -> str | None:
    rows = int(str(row["rows"])) + int(str(row["deletes"]))
    if held != rows:
        return f"batch {batch} has {held} rows in bronze, {rows} were recorded"
    return None if row["checksum"] in checksums else f"batch {batch} has other values in bronze than were recorded"
