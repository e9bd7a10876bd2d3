"""Connections to the source: options under which values travel exactly, and errors that a person can act on."""

import psycopg2
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import make_dsn, parse_dsn

from lakehouse.errors import SourceError, SourceLostError, redact
from lakehouse.settings import Settings

# ISO forms whatever the server's defaults; a policy that would hide rows raises instead of hiding them.
_OPTIONS = (
    "-c timezone=UTC -c datestyle=ISO -c intervalstyle=iso_8601 -c extra_float_digits=3 -c bytea_output=hex "
    "-c row_security=off -c lock_timeout=10s -c idle_in_transaction_session_timeout=0 -c client_encoding=UTF8"
)
# A cut network is noticed within about half a minute, not after the two hours of the system's defaults.
_LINK = {
    "connect_timeout": "10",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "30000",
    "application_name": "comporta",
}


def prepare(settings: Settings) -> str:
    """The source's DSN as a keyword connection string with our options; secrets included, so never to be shown.

    What the DSN says of the link itself (timeouts, name) stands; its `options` come before ours.

    Raises:
        SourceError: it is no connection string.
    """
    try:
        given = parse_dsn(settings.dsn())
        options = f"{given.pop('options', '')} {_OPTIONS} -c statement_timeout={settings.source_timeout}s".strip()
        return str(make_dsn(**(_LINK | given), options=options))
    except psycopg2.ProgrammingError as error:
        raise SourceError(
            "SOURCE_DSN", f"is no connection string: {redact(str(error).strip())}", "postgresql://user@host:5432/database"
        ) from None


def open_source(settings: Settings) -> Connection:
    """A connection in a read-only, repeatable-read transaction: everything it reads is of one moment.

    Raises:
        SourceLostError: unreachable or starting up: it may be back in a moment.
        SourceError: refused, no such database.
    """
    prepared = prepare(settings)
    try:
        opened = psycopg2.connect(prepared)
    except psycopg2.OperationalError as error:
        raise lost(error) from None
    opened.set_session(isolation_level="REPEATABLE READ", readonly=True)
    return opened


# What no patience mends.
_FINAL = ("password", "does not exist", "pg_hba", "not permitted", "translate host name", "SSL", "certificate", "permission denied")


def lost(error: psycopg2.Error) -> SourceError:
    """What to raise for a connection that failed or broke off."""
    kind = SourceError if any(word in str(error) for word in _FINAL) else SourceLostError
    return kind("SOURCE_DSN", _reason(error), remedy=_remedy(str(error)))


def _reason(error: psycopg2.Error) -> str:
    lines = [line.strip() for line in redact(str(error)).strip().splitlines() if line.strip()]
    return (lines[-1] if "FATAL" in str(error) else lines[0]) if lines else "connection failed"


def _remedy(text: str) -> str:
    if "password" in text:
        return "Check the user and password of SOURCE_DSN (or ~/.pgpass)"
    if "does not exist" in text:
        return "Check the database and user names of SOURCE_DSN"
    return "Check host and port of SOURCE_DSN, and that this machine may reach them"
