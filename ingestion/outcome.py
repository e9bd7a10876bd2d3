"""What became of a run, and of each of its tables."""

from dataclasses import dataclass, field

from ingestion.sources.base import Change


@dataclass
class TableOutcome:
    """What became of one table."""

    table: str
    name: str = ""
    mode: str = ""
    status: str = "failed"  # committed | empty | failed
    rows: int = 0
    deletes: int = 0
    size: int = 0
    seconds: float = 0
    checksum: str = ""
    version: int | None = None
    error: str = ""
    reason: str = ""
    changes: list[Change] = field(default_factory=list)
    lost: bool = False  # the source went away while it was read
    unstored: bool = False  # it was not the source that failed but the lake's store
    lacks: int = 0  # keys that bronze should have had and hasn't
    unmarked: int = 0  # rows that changed and whose cursor did not move
    ranges: list[float] = field(default_factory=list)  # seconds of each piece of work
    problems: list[str] = field(default_factory=list)  # what of it could not be read though the rest was


@dataclass
class IngestionRun:
    """What became of a run."""

    batch_id: int
    outcomes: list[TableOutcome] = field(default_factory=list)
    seconds: float = 0
    notes: list[str] = field(default_factory=list)  # what was left out though nobody asked for it, and what may surprise

    @property
    def failed(self) -> list[TableOutcome]:
        """Tables that were not copied."""
        return [outcome for outcome in self.outcomes if outcome.status == "failed"]

    @property
    def rows(self) -> int:
        """Rows that reached bronze, deletes included."""
        return sum(outcome.rows + outcome.deletes for outcome in self.outcomes)

    def after(self, earlier: "IngestionRun | None") -> "IngestionRun":
        """This run with what `earlier` attempts of it brought."""
        before = {outcome.table: outcome for outcome in earlier.outcomes} if earlier else {}
        for outcome in self.outcomes:
            was = before.get(outcome.table)
            if was and was.status == "committed":
                outcome.rows, outcome.deletes, outcome.size = (
                    outcome.rows + was.rows,
                    outcome.deletes + was.deletes,
                    outcome.size + was.size,
                )
                outcome.status = "committed" if outcome.status == "empty" else outcome.status
                outcome.changes, outcome.reason = [*was.changes, *outcome.changes], outcome.reason or was.reason
        return self
