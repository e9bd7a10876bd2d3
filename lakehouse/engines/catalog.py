"""The catalog's schemas and SQL over Thrift, for what needs no data frame (a Thrift session opens in milliseconds)."""

import re
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pyhive import hive
from pyhive.exc import OperationalError
from TCLIService import ttypes
from thrift.transport.TSocket import TSocket
from thrift.transport.TTransport import TTransportException

from lakehouse.errors import ServerError
from lakehouse.servers import health, process, thrift_session
from lakehouse.settings import Settings
from lakehouse.store import storage

_EXCEPTION = "org.apache.hive.service.cli.HiveSQLException: "
_PENDING = (ttypes.TOperationState.INITIALIZED_STATE, ttypes.TOperationState.PENDING_STATE, ttypes.TOperationState.RUNNING_STATE)
_TWICE = re.compile(r"^(\[[A-Z_0-9.]+\]) [\w.$]+: (?=\1)")  # Spark names what is wrong before and after the exception
LAYERS = ("bronze", "silver", "gold")
# Where the rows of a layer are written before its gate, and where readers find them after it.
CANDIDATE = {"bronze": "bronze", "silver": "silver_candidate", "gold": "gold_candidate"}
PUBLISHED = {"bronze": "bronze_gated", "silver": "silver", "gold": "gold"}
SCHEMAS = (*CANDIDATE.values(), *PUBLISHED.values(), "quarantine", "ops")
# A session that handles few rows: less planning, no code to generate and compile, one task instead of many.
SMALL = {
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    "spark.sql.adaptive.enabled": "false",
    "spark.sql.shuffle.partitions": "1",
    "spark.databricks.delta.snapshotPartitions": "1",
}


def _time(text: str) -> datetime | str:
    """A time as the server spells it; text where Python can't hold it."""
    try:
        return datetime.fromisoformat(text)
    except ValueError:  # before year 1 or after 9999
        return text


hive.TYPES_CONVERTER["TIMESTAMP_TYPE"] = _time  # its own breaks off the whole result; dbt's sessions are made by it too


def quote(*names: str) -> str:
    """`names` as one dotted identifier of Spark SQL."""
    return ".".join("`" + name.replace("`", "``") + "`" for name in names)


def unquoted(name: str) -> str:
    """The name that an identifier of Spark SQL, perhaps in backticks, stands for."""
    return name[1:-1].replace("``", "`") if re.fullmatch(r"`(?:[^`]|``)+`", name) else name


def literal(text: str) -> str:
    """`text` as a string literal of Spark SQL."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


@contextmanager
def cursor(settings: Settings, configuration: Mapping[str, str] | None = None, stream: bool = False) -> Iterator[Any]:
    """A cursor of a Thrift session of its own, which begins with `configuration` (settings of Spark SQL).

    Args:
        stream: have rows made as they are fetched, however many there are. What breaks a query is then told by who fetches them, and
            a query whose rows nobody fetches does not run.

    Raises:
        ServerError: nobody listens on the Thrift port, or the server died or does not answer, now or later.
    """
    begin = {thrift_session.STREAM: str(stream).lower()} | {
        f"set:hiveconf:{name}": value for name, value in (configuration or {}).items()
    }
    if not process.listening(settings.thrift_port):
        raise health.lost(settings)
    wire = TSocket("127.0.0.1", settings.thrift_port)
    with health.watched(settings, lambda: _cut(wire)) as seen:
        try:
            connection = thrift_session.connect(settings, wire, begin)
            opened = connection.cursor()
            try:
                yield opened
            finally:
                # What the server says of the end of a statement or a session is no news, and would hide how the statement went.
                for each in (opened, connection):
                    with suppress(OperationalError):
                        each.close()
        except (TTransportException, EOFError):
            raise health.lost(settings, *seen) from None


def _cut(wire: TSocket) -> None:
    """Have whoever waits on it wait no longer; closing it alone would not."""
    if wire.handle:
        with suppress(OSError):
            wire.handle.shutdown(socket.SHUT_RDWR)


def execute(opened: Any, statement: str) -> None:
    """Run a statement on a cursor.

    Raises:
        ServerError: Spark refused it; its message without the Java stack.
    """
    with told(statement):
        # On one of the server's threads for statements, which keep their connection to the metastore: that which serves the session
        # would make one, for this session alone. The server answers a poll when the statement has ended, or after five seconds.
        opened.execute(statement, async_=True)
        while (answer := opened.poll()).operationState in _PENDING:
            pass
        if answer.operationState != ttypes.TOperationState.FINISHED_STATE:
            raise OperationalError(answer)


@contextmanager
def told(statement: str) -> Iterator[None]:
    """Have what Spark says of a statement, as it is run or as its rows are fetched, be a ServerError without the Java stack."""
    try:
        yield
    except OperationalError as error:
        raise ServerError("Spark", _message(error), remedy=f"The statement was: {statement[:300]}") from None


def thrift_rows(settings: Settings, *statements: str, configuration: Mapping[str, str] | None = None) -> list[tuple[Any, ...]]:
    """Run `statements` in one session; the rows of the last one, none for DDL."""
    with cursor(settings, configuration) as opened:
        for statement in statements:
            execute(opened, statement)
        return opened.fetchall() if opened.description else []


def _message(error: OperationalError) -> str:
    answer = error.args[0] if error.args else None
    text = getattr(answer, "errorMessage", None) or getattr(getattr(answer, "status", None), "errorMessage", None)
    return message(text or str(error))


def message(said: str) -> str:
    """What Spark's server says of a statement, in one line: its kind and what is wrong, without Java, the plan and advice."""
    first, _, rest = said.removeprefix(_EXCEPTION).removeprefix("Error running query: ").partition("\n")
    if first.rstrip().endswith(":"):  # of the parser: what is wrong stands in the next line
        first += rest.partition("\n")[0]
    return _TWICE.sub("", first)


@dataclass(frozen=True)
class CatalogEntry:
    """What the catalog says of a table or view."""

    is_view: bool
    provider: str  # delta, parquet, …
    place: str  # URL or path; empty of a view


_PLACE = re.compile(r"^Location: (.*)$", re.MULTILINE)
_PROVIDER = re.compile(r"^Provider: (.*)$", re.MULTILINE)


def listed(settings: Settings, schema: str) -> dict[str, CatalogEntry]:
    """The tables and views of a schema, by name, in one statement; none if there is no such schema."""
    try:
        rows = thrift_rows(settings, f"show table extended in {quote(schema)} like '*'")
    except ServerError as error:
        if "SCHEMA_NOT_FOUND" in str(error):
            return {}
        raise
    return {name: described(said) for _, name, temporary, said in rows if not temporary}


def described(said: str) -> CatalogEntry:
    """What `show table extended` says of one."""
    # A comment may have lines of its own that look like the catalog's: it stands between the provider and the place.
    kind = re.search(r"^Type: (.*)$", said, re.MULTILINE)
    provider, places = _PROVIDER.search(said), _PLACE.findall(said)
    return CatalogEntry(bool(kind and kind[1] == "VIEW"), provider[1] if provider else "", places[-1] if places else "")


def own_places(settings: Settings) -> dict[str, str]:
    """Schema to URL, where a layer's tables have a place of their own."""
    return {CANDIDATE[layer]: url for layer, url in settings.own.items()}


def register_statement(schema: str, table: str, url: str) -> str:
    """DDL that makes the Delta table at `url` known as `schema.table`."""
    return f"create table if not exists {quote(schema, table)} using delta location {literal(storage.for_spark(url))}"
