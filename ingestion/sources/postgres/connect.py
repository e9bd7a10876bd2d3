"""Connections to the source: a session under which values travel exactly, whatever role, database and pooler say."""

import contextlib
from typing import Any

import psycopg2
from psycopg2.extensions import ISOLATION_LEVEL_REPEATABLE_READ, make_dsn
from psycopg2.extensions import connection as Connection

from ingestion.sources.postgres import tls
from ingestion.sources.postgres.refusal import lost, refused_at_start
from lakehouse.engines.standard import literal
from lakehouse.errors import SourceError
from lakehouse.redaction import know_login, redact
from lakehouse.settings import Settings

# Whatever the server, the database and the role carry: text has one form, names mean the catalog's, literals are read as they
# stand, a policy that would hide rows raises instead of hiding them, and nobody ends the transaction but us.
_SESSION = {
    "search_path": "pg_catalog",
    "timezone": "UTC",
    "datestyle": "ISO",
    "intervalstyle": "iso_8601",
    "extra_float_digits": "3",
    "bytea_output": "hex",
    "lc_monetary": "C",
    "xmlbinary": "base64",
    "quote_all_identifiers": "off",
    "standard_conforming_strings": "on",
    "transform_null_equals": "off",
    "row_security": "off",
    "lock_timeout": "10s",
    "idle_in_transaction_session_timeout": "0",
}
_SINCE = {"transaction_timeout": 170000}  # settings that older servers don't know, and the first that does
_OLDEST = 130000  # that has 64-bit transaction ids
# A cut network is noticed within about half a minute, not after the two hours of the system's defaults.
_LINK = {
    "connect_timeout": "10",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "30000",
    "application_name": "comporta",
    "client_encoding": "UTF8",
}


class Source(Connection):
    """A connection that reads in one read-only, repeatable-read transaction of a fixed session.

    Attributes:
        path: the `search_path` that the role brings: views may call functions that count on it.
    """

    timeout = 0  # seconds that a statement may take; 0: no limit
    path = ""

    def begin(self) -> None:
        """End what was open and begin anew."""
        self.rollback()
        self.set_session(isolation_level=ISOLATION_LEVEL_REPEATABLE_READ, readonly=True, autocommit=False)
        with self.cursor() as cursor:
            if not self.path:
                cursor.execute("show search_path")
                self.path = str((cursor.fetchone() or ("",))[0])
            cursor.execute("; ".join([*session(self.server_version, self.timeout), "set local lock_timeout = '3s'"]))

    def aside(self, statement: str) -> tuple[Any, ...]:
        """The row of a statement that runs before the transaction, in one of its own; none open may be lost to it."""
        self.rollback()
        self.set_session(autocommit=True)
        with self.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchone() or ()


def session(version: int, timeout: int) -> list[str]:
    """What fixes a session for one transaction, after it has begun.

    Not by start-up options, which a pooler refuses, and not beyond the transaction, since it hands the session on.

    Args:
        version: the server's, as libpq has it (180003).
        timeout: seconds that a statement may take; 0: no limit.
    """
    values = _SESSION | {"statement_timeout": f"{timeout}s"} | dict.fromkeys((n for n, v in _SINCE.items() if version >= v), "0")
    return [f"set local {name} = {literal(value)}" for name, value in values.items()]


def with_path(path: str) -> str:
    """Statement that lets functions be found by `path`, as the role has it, after the catalog's own."""
    return f"select set_config('search_path', {literal(f'pg_catalog, {path}' if path.strip() else 'pg_catalog')}, true)"


def prepare(settings: Settings) -> str:
    """The source's DSN as a keyword connection string; secrets included, so never to be shown.

    What the DSN says of the link itself (timeouts, name, TLS) stands.

    Raises:
        SourceError: it is no connection string.
    """
    know_login(settings.dsn())
    try:
        return str(make_dsn(**(_LINK | tls.secured(settings))))
    except psycopg2.ProgrammingError as error:
        raise SourceError(
            "SOURCE_DSN", f"is no connection string: {redact(str(error).strip())}", "postgresql://user@host:5432/database"
        ) from None


def open_source(settings: Settings) -> Source:
    """A connection in a read-only, repeatable-read transaction: everything it reads is of one moment.

    Raises:
        SourceLostError: unreachable or starting up: it may be back in a moment.
        SourceError: refused, no such database.
    """
    prepared = prepare(settings)
    try:
        opened: Source = psycopg2.connect(prepared, connection_factory=Source)
    except psycopg2.OperationalError as error:
        raise refused_at_start(error, prepared) from None
    if opened.server_version < _OLDEST:
        opened.close()
        raise SourceError("SOURCE_DSN", f"is PostgreSQL {opened.server_version // 10000}", "13 or later")
    try:
        opened.timeout = settings.source_timeout
        opened.begin()
    except psycopg2.Error as error:
        with contextlib.suppress(psycopg2.Error):
            opened.close()
        raise lost(error) from None
    return opened
