"""Columns as a source has them and as bronze is to have them, and those that bronze adds."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import pyarrow as pa

TECHNICAL = (
    pa.field("_batch_id", pa.int64()),
    pa.field("_ingested_at", pa.timestamp("us", tz="UTC")),
    pa.field("_op", pa.string()),  # r: read whole, u: inserted or updated since, d: key gone from the source
    pa.field("_source_lsn", pa.int64()),
    pa.field("_flags", pa.string()),
)


@dataclass(frozen=True)
class SourceColumn:
    """A source column as the catalog has it: base type (domains resolved), type modifier, array or not."""

    name: str
    type_name: str  # pg_type.typname, of the element where it is an array
    typmod: int = -1
    is_array: bool = False
    declared_dimensions: int = 0
    nullable: bool = True
    number: int = 0  # pg_attribute.attnum: a rename keeps it, a column added again has another
    makeup: Mapping[str, str] = field(default_factory=dict)  # what the catalog says that its values read as


@dataclass(frozen=True)
class ColumnMapping:
    """How one column travels.

    Attributes:
        source: expression for the SELECT that PostgreSQL runs.
        special: condition in PostgreSQL under which Delta cannot hold the value; None if it always can.
        target: the Delta column's type, as Arrow has it.
        shown: expression for what `_flags` says of such a value; its text by default.
        doubt: condition in DuckDB, on `{0}`, that is true of everything that such a value may have become on the way; None
            if nothing shows there, so that PostgreSQL must be asked for each row.
    """

    column: SourceColumn
    source: str
    special: str | None
    target: pa.DataType
    doubt: str | None = None
    shown: str | None = None
