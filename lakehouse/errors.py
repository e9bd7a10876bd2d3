"""One tree of errors. Each says where, what was seen, what was wanted and what to do.

The first line of a class's docstring, its `family` and its `exit_code` are the table in docs/reference.md.

ComportaError                 exit code 1
├── SettingsError             2   a variable or a YAML file is wrong
├── SourceError               3   the database: unreachable, refused, a table that can't be read
├── ServerError               4   Spark or PostgreSQL of this machine: port, Java, start-up
├── StorageError              5   the lake: missing bucket, full disk
│   └── ReadOnlyError             may be read, not written
├── LockError                 6   another process is writing
├── GateError                 7   a gate failed or errored: nothing was promoted
├── ReleaseError              8   a release can't be made, or does not exist
├── ModelError (dbt.py)       9   dbt could not build a model
├── DifferenceError          10   bronze is not what the source is
├── AbsentError              11   a row that was asked for is not what readers see
└── CatalogError             12   a release stands, but Glue, and so Athena, does not show all of it
"""

from lakehouse.redaction import redact


class ComportaError(Exception):
    """A failure that a user can act on; printed as one line, with a stack trace only under --debug.

    Args:
        where: the thing it happened to (`shop.orders`, `SOURCE_DSN`, `port 10000`).
        seen: what was found there.
        wanted: what should have been there; empty when `seen` says it.
        remedy: what to do next.
    """

    family = "other"
    exit_code = 1

    def __init__(self, where: str, seen: str, wanted: str = "", remedy: str = "") -> None:
        self.where, self.seen, self.wanted, self.remedy = where, seen, wanted, remedy
        super().__init__(str(self))

    def __str__(self) -> str:
        text = f"{self.where}: {self.seen}"
        if self.wanted:
            text += f" (wanted: {self.wanted})"
        text = text.rstrip(".") + "."
        remedy = self.remedy.rstrip(".")
        return redact(f"{text} {remedy}{'' if remedy.endswith('?') else '.'}" if remedy else text)


class SettingsError(ComportaError):
    """A variable, an option or a YAML file is wrong."""

    family = "settings"
    exit_code = 2


class SourceError(ComportaError):
    """The database can't be reached, or tables of it were not copied."""

    family = "source"
    exit_code = 3


class SourceLostError(SourceError):
    """The source went away, as at a restart or a failover; it may be back in a moment."""


class PartialCopyError(SourceError):
    """Some tables could not be copied; the others are in bronze, and the way may go on with them."""


class ServerError(ComportaError):
    """Spark or PostgreSQL of this machine: port, Java, start-up, a refused statement."""

    family = "server"
    exit_code = 4


class StorageError(ComportaError):
    """The lake: missing bucket, full disk, a store that keeps failing."""

    family = "storage"
    exit_code = 5


class ReadOnlyError(StorageError):
    """The lake may be read by who runs this, not written."""


class LockError(ComportaError):
    """Another process is writing."""

    family = "lock"
    exit_code = 6


class GateError(ComportaError):
    """A gate failed or errored: nothing was promoted."""

    family = "gate"
    exit_code = 7


class ReleaseError(ComportaError):
    """No such release, or one that can't be made or read any more."""

    family = "release"
    exit_code = 8


class DifferenceError(ComportaError):
    """Bronze differs from its source, or from what the ledger recorded."""

    family = "reconciliation"
    exit_code = 10


class AbsentError(ComportaError):
    """Readers don't see the row that was asked about; the message says what became of it."""

    family = "row"
    exit_code = 11


class CatalogError(ComportaError):
    """A release stands, but Glue, and so Athena, does not show all of it: `make glue`."""

    family = "catalog"
    exit_code = 12
