"""Which files a table was made of: what the ledger noted of them, up to the batch that bronze holds."""

from dataclasses import asdict, dataclass, replace
from typing import Any

from lakehouse.settings import Settings
from lakehouse.tables import ledger
from lakehouse.tables.records import FileRecord


@dataclass(frozen=True)
class FileWindow:
    """How far bronze has got: so many files.

    Attributes:
        files: that it holds.
        taken: of the batch.
        quarantined: rows of the batch that are none.
    """

    batch_id: int
    files: int
    taken: int = 0
    quarantined: int = 0
    live: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """As JSON keeps it."""
        return asdict(self)


@dataclass(frozen=True)
class TakenFile:
    """A file as a batch found it.

    Attributes:
        status: taken; gone: it is not there any more; same: its content was taken under another name.
        rows: that it has in bronze.
        quarantined: records of it that are no rows.
    """

    file: str
    size: int
    stamp: str
    sha256: str
    rows: int = 0
    quarantined: int = 0
    status: str = "taken"

    def record(self, source: str, table: str, batch_id: int) -> FileRecord:
        """As the ledger keeps it."""
        return FileRecord(source=source, table_name=table, batch_id=batch_id, **asdict(self))


def known(settings: Settings, table: str, noted: dict[str, Any] | None) -> dict[str, TakenFile]:
    """The files that bronze holds, by path. What a kill kept from the ledger is in the note of the batch's commit.

    Args:
        noted: what the last batch's commit says of itself; None if there was none.
    """
    if noted is None:
        return {}
    last = noted["window"]["batch_id"]
    found: dict[str, TakenFile] = {}
    for row in ledger.rows(settings, "files"):
        if row["table_name"] == table and row["batch_id"] <= last:
            found[row["file"]] = _of(row)
    for row in noted.get("shape", {}).get("files", ()):
        found[row["file"]] = _of(row)
    return {path: each for path, each in found.items() if each.status != "gone"}


def _of(row: dict[str, Any]) -> TakenFile:
    return TakenFile(**{name: row[name] for name in TakenFile.__dataclass_fields__})


def gone(taken: TakenFile) -> TakenFile:
    """The file, which is not there any more."""
    return replace(taken, status="gone")
