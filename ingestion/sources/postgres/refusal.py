"""What an error of the source means: whether it may pass by itself, and what a person can do. By SQLSTATE, never by words."""

import ctypes
import re
import select
import time
from contextlib import closing, suppress

import psycopg2
from psycopg2 import extensions

from ingestion.sources.postgres import tls
from lakehouse.errors import SourceError, SourceLostError
from lakehouse.redaction import redact

# Classes and codes that may be gone in a moment: the link broke, the server is starting, stopping, full or cleaning up.
_PASSING = ("08", "40", "53300", "57P", "25P03", "25P04")
_LASTING = ("57P04", "08P01")  # a database that was dropped, a protocol that is not spoken there
_REMEDIES = {
    "28": "Check the user and password of SOURCE_DSN (or ~/.pgpass), and pg_hba.conf at the server",
    "3D": "Check the database name of SOURCE_DSN",
    "42501": "Grant it to the user of SOURCE_DSN (ingestion/sources/postgres/role.sql makes one that can read)",
    "55P03": "Another session holds a lock on it: see pg_locks at the source, and run again when it is gone",
    "57014": "Raise SOURCE_TIMEOUT if it may take longer",
    "08P01": "A pooler, or something that is no PostgreSQL, answers there: see what it refuses",
    "53300": "The server has no connection left: raise max_connections, or lower SOURCE_CONNECTIONS",
    "22P05": "The database holds bytes that are no character of its encoding: mend the row, or leave the column out through a view",
    "22021": "The database holds bytes that are no character of its encoding: mend the row, or leave the column out through a view",
}
_AWAY = "Check host and port of SOURCE_DSN, and that this machine may reach them"
LOCKED = "55P03"  # lock_not_available
FULL = "53300"  # too_many_connections, of the server or of a role
_STATE_ONLY = 3  # PQERRORS_SQLSTATE


def passing(state: str | None) -> bool:
    """Whether trying again may help; without a SQLSTATE no server has spoken, and one may yet."""
    return state is None or (state.startswith(_PASSING) and not state.startswith(_LASTING))


def remedy(state: str | None, otherwise: str = "") -> str:
    """What a person can do about it."""
    found = [text for code, text in _REMEDIES.items() if state and state.startswith(code)]
    return found[-1] if found else otherwise


def reason(error: BaseException) -> str:
    """The server's message on one line, without a password."""
    told = getattr(getattr(error, "diag", None), "message_primary", None)
    lines = [line.strip() for line in redact(str(told or error)).strip().splitlines() if line.strip()]
    return (lines[-1] if "FATAL" in str(error) else lines[0]) if lines else "the connection broke off"


def lost(error: psycopg2.Error) -> SourceError:
    """What to raise for a connection that broke off, or a statement that no table is to blame for."""
    state = error.pgcode
    kind = SourceLostError if passing(state) else SourceError
    return kind("SOURCE_DSN", reason(error), remedy=remedy(state, _AWAY if state is None else "See the server's log"))


def refused_at_start(error: psycopg2.OperationalError, dsn: str) -> SourceError:
    """What to raise for a connection that did not come about."""
    state = state_at_start(dsn)
    wanted, local = (state is None and _local(str(error))) or ("", "")
    kind = SourceLostError if passing(state) and not local else SourceError
    return kind("SOURCE_DSN", reason(error), wanted, local or remedy(state, _AWAY))


def _local(message: str) -> tuple[str, str] | None:
    """What was wanted, and what to do, where libpq itself gave up, before or beside the server; in its own words."""
    if "could not translate host name" in message:
        return "", "Check the host of SOURCE_DSN: no name server knows it"
    if "no password supplied" in message:
        return "", _REMEDIES["28"]
    return tls.refusal(message)


def state_at_start(dsn: str) -> str | None:
    """SQLSTATE with which the server refuses a connection; None if it does not answer, or lets us in now.

    libpq keeps it out of the message of a failed start unless it is told to show nothing else, and psycopg2 can't tell it.
    """
    library = ctypes.CDLL(psycopg2._psycopg.__file__)
    deadline = time.monotonic() + 10
    with suppress(psycopg2.Error, OSError, AttributeError), closing(psycopg2.connect(dsn, async_=True)) as asked:
        library.PQsetErrorVerbosity(ctypes.c_void_p(asked.pgconn_ptr), _STATE_ONLY)
        try:
            while (state := asked.poll()) != extensions.POLL_OK and time.monotonic() < deadline:
                reads, writes = ([asked], []) if state == extensions.POLL_READ else ([], [asked])
                select.select(reads, writes, [], 1)
        except psycopg2.Error as error:
            found = re.search(r"\b([0-9A-Z]{5})\s*$", str(error))
            return found[1] if found else None
    return None
