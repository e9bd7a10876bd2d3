"""One tree of errors. Each says where, what was seen, what was wanted and what to do.

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
    """A setting, a variable or a YAML key is missing or wrong."""

    exit_code = 2


class SourceError(ComportaError):
    """The source database can't be reached or refuses."""

    exit_code = 3


class SourceLostError(SourceError):
    """The source went away, as at a restart or a failover; it may be back in a moment."""


class PartialCopyError(SourceError):
    """Some tables could not be copied; the others are in bronze, and the way may go on with them."""


class ServerError(ComportaError):
    """A server of this machine did not start, stop or answer."""

    exit_code = 4


class StorageError(ComportaError):
    """The lake can't be read or written."""

    exit_code = 5


class ReadOnlyError(StorageError):
    """The lake may be read by who runs this, not written."""


class LockError(ComportaError):
    """Somebody else holds the lock."""

    exit_code = 6


class GateError(ComportaError):
    """A gate failed or errored; nothing was promoted."""

    exit_code = 7


class ReleaseError(ComportaError):
    """A release can't be made, found or finished."""

    exit_code = 8


class DifferenceError(ComportaError):
    """Bronze differs from its source, or from what the ledger recorded."""

    exit_code = 10


class AbsentError(ComportaError):
    """Readers don't see a row that somebody asked about; the message says what became of it."""

    exit_code = 11


class CatalogError(ComportaError):
    """A release was made, but the Glue Data Catalog does not name all of it."""

    exit_code = 12
