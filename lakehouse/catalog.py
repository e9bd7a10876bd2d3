"""The catalog's schemas and SQL over Thrift, for what needs no data frame (a Thrift session opens in milliseconds)."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from pyhive import hive
from pyhive.exc import OperationalError
from thrift.transport.TTransport import TTransportException

from lakehouse import storage
from lakehouse.errors import ServerError
from lakehouse.settings import Settings

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


def quote(*names: str) -> str:
    """`names` as one dotted identifier of Spark SQL."""
    return ".".join("`" + name.replace("`", "``") + "`" for name in names)


def literal(text: str) -> str:
    """`text` as a string literal of Spark SQL."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


@contextmanager
def cursor(settings: Settings, configuration: Mapping[str, str] | None = None) -> Iterator[Any]:
    """A cursor of a Thrift session of its own, which begins with `configuration` (settings of Spark SQL).

    Raises:
        OSError: nobody listens on the Thrift port.
    """
    try:
        begin = {f"set:hiveconf:{name}": value for name, value in (configuration or {}).items()}
        connection = hive.connect("127.0.0.1", port=settings.thrift_port, configuration=begin)
    except TTransportException as error:
        raise ConnectionRefusedError(str(error)) from None
    with connection, connection.cursor() as opened:
        yield opened


def execute(opened: Any, statement: str) -> None:
    """Run a statement on a cursor.

    Raises:
        ServerError: Spark refused it; its message without the Java stack.
    """
    try:
        opened.execute(statement)
    except OperationalError as error:
        raise ServerError("Spark", _message(error), remedy=f"The statement was: {statement[:300]}") from None


def thrift_rows(settings: Settings, *statements: str, configuration: Mapping[str, str] | None = None) -> list[tuple[Any, ...]]:
    """Run `statements` in one session; the rows of the last one, none for DDL."""
    with cursor(settings, configuration) as opened:
        for statement in statements:
            execute(opened, statement)
        return opened.fetchall() if opened.description else []


def _message(error: OperationalError) -> str:
    text = getattr(error.args[0].status, "errorMessage", None) if error.args else None
    first: str = (text or str(error)).split("\n")[0]
    return _TWICE.sub("", first.removeprefix("Error running query: "))


def create_schemas(settings: Settings) -> None:
    """Create the layers' schemas and register the ledger's tables; nothing happens where they exist."""
    from lakehouse import ledger  # with pyarrow, which most of those who only ask don't need

    ledger.create_missing(settings)
    own = own_places(settings)
    statements = [
        f"create schema if not exists {quote(name)}" + (f" location {literal(storage.for_spark(own[name]))}" if name in own else "")
        for name in SCHEMAS
    ]
    statements += [register_statement("ops", name, ledger.location(settings, name)) for name in ledger.SCHEMAS]
    thrift_rows(settings, *statements)


def own_places(settings: Settings) -> dict[str, str]:
    """Schema to URL, where a layer's tables have a place of their own."""
    return {CANDIDATE[layer]: url for layer, url in settings.own.items()}


def register_statement(schema: str, table: str, url: str) -> str:
    """DDL that makes the Delta table at `url` known as `schema.table`."""
    return f"create table if not exists {quote(schema, table)} using delta location {literal(storage.for_spark(url))}"
