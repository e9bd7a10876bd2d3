"""What is known of one row, as data: nothing here reads anything."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

State = Literal["shown", "unreleased", "quarantined", "deleted", "not yet", "left out", "never seen", "unknown"]
How = Literal["key", "carries", "unknown"]  # the row itself; rows that carry its key; can't be told
Values = dict[str, Any]


@dataclass(frozen=True)
class Row:
    """One row of one version: its key, technical columns, the other columns' names, and the file that holds it."""

    key: Values
    technical: Values
    columns: tuple[str, ...]
    values: Values  # empty unless asked for
    file: str
    held: str = ""  # in bronze: the checks that keep it in quarantine, or kept it there

    @property
    def is_back(self) -> bool:
        """Whether it came back from quarantine, as another batch."""
        return ", back as batch " in self.held


@dataclass(frozen=True)
class Step:
    """What one table on the way holds of the row."""

    depth: int
    layer: str
    table: str
    version: int | None
    how: How
    asked: tuple[str, ...] = ()  # the columns by which its rows were looked for
    through: tuple[str, ...] = ()  # views on the way
    rows: tuple[Row, ...] = ()
    more: bool = False
    note: str = ""


@dataclass(frozen=True)
class ReleasePoint:
    """A release, as far back as the row was followed."""

    release_id: int
    at: datetime
    is_oldest: bool = False  # no older release can be read: it may have been there before


@dataclass(frozen=True)
class Answer:
    """What is known of one row. `state` says whether readers see it, and if not, what became of it."""

    layer: str
    table: str
    key: Values
    state: State
    said: str
    release: ReleasePoint | None = None
    version: int | None = None
    row: Row | None = None
    same_since: ReleasePoint | None = None
    last_shown: ReleasePoint | None = None
    verdicts: tuple[Values, ...] = ()
    built: str = ""
    steps: tuple[Step, ...] = ()
    batches: tuple[Values, ...] = ()
