"""Connections to the source: options under which values travel exactly, and errors that a person can act on."""

import psycopg2
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import make_dsn

from lakehouse.errors import SourceError, redact

# ISO forms whatever the server's defaults; a policy that would hide rows raises instead of hiding them.
_OPTIONS = (
    "-c timezone=UTC -c datestyle=ISO -c intervalstyle=iso_8601 -c extra_float_digits=3 -c bytea_output=hex "
    "-c row_security=off -c lock_timeout=10s -c idle_in_transaction_session_timeout=0 -c client_encoding=UTF8"
)


def prepare(dsn: str) -> str:
    """`dsn` as a keyword connection string with our options; secrets included, so never to be shown.

    Raises:
        SourceError: it is no connection string.
    """
    try:
        return str(make_dsn(dsn, options=_OPTIONS, connect_timeout=10, application_name="comporta", keepalives_idle=30))
    except psycopg2.ProgrammingError as error:
        raise SourceError(
            "SOURCE_DSN", f"is no connection string: {redact(str(error).strip())}", "postgresql://user@host:5432/database"
        ) from None


def open_source(dsn: str) -> Connection:
    """A connection in a read-only, repeatable-read transaction: everything it reads is of one moment.

    Raises:
        SourceError: unreachable, refused, no such database.
    """
    prepared = prepare(dsn)
    try:
        opened = psycopg2.connect(prepared)
    except psycopg2.OperationalError as error:
        raise SourceError("SOURCE_DSN", _reason(error), remedy=_remedy(str(error))) from None
    opened.set_session(isolation_level="REPEATABLE READ", readonly=True)
    return opened


def _reason(error: psycopg2.Error) -> str:
    lines = [line.strip() for line in redact(str(error)).strip().splitlines() if line.strip()]
    return (lines[-1] if "FATAL" in str(error) else lines[0]) if lines else "connection failed"


def _remedy(text: str) -> str:
    if "password" in text:
        return "Check the user and password of SOURCE_DSN (or ~/.pgpass)"
    if "does not exist" in text:
        return "Check the database and user names of SOURCE_DSN"
    return "Check host and port of SOURCE_DSN, and that this machine may reach them"
