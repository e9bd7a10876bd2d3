"""What a check of ours may know beside the rows that it judges."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from lakehouse.engines.dialect import Engine, Types

Which = Literal["all", "gated", "living"]
Rows = Callable[[str, Engine, Which], str]


class UnableError(Exception):
    """This engine can't be asked; another one may."""


@dataclass
class Evidence:
    """What a check is told.

    Attributes:
        engines: who can be asked about the rows that are judged, the quickest first.
        types: of the columns, by Delta's names.
        rows_of: the query of another table's rows (`layer.table`, or one of the same layer) for an engine; in bronze
            all rows, those that are not in quarantine, or of these the latest living one of each key.
        history: rows that earlier verdicts saw, oldest first.
        is_pending: the rows are what came since the last release, not the whole table.
        contract: columns and types as the table's model declares them; None if it declares nothing.
        until: after this moment an answer may be another one, though no table changed; found while answering.
    """

    engines: tuple[Engine, ...]
    types: Types
    rows_of: Rows
    history: tuple[int, ...] = ()
    is_pending: bool = False
    contract: Mapping[str, str] | None = None
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    until: datetime | None = None

    def ask(self, make: Callable[[Engine], str]) -> list[tuple[Any, ...]]:
        """Rows of the query that `make` gives, from the first engine that can say.

        Raises:
            what the last engine raised.
        """
        problem: Exception = UnableError("no engine to ask")
        for engine in self.engines:
            try:
                return [tuple(row) for row in engine.ask(make(engine))]
            except Exception as error:
                problem = error
        raise problem
