"""Spark Connect sessions: a client needs no Java and starts in seconds."""

import os
from typing import TYPE_CHECKING, Any

from lakehouse import imports, network
from lakehouse.errors import ServerError
from lakehouse.servers import authentication, health, process, server
from lakehouse.settings import Settings

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def connect(settings: Settings) -> "SparkSession":
    """A session on the running server. Rows that are collected have times as `lakehouse.values` says.

    Raises:
        ServerError: the server is not up, or on another port. Later, of a query: it died, or does not answer.
    """
    if not server.runs(settings):
        raise ServerError("Spark server", health.trouble(settings) or health.STOPPED, remedy="Run make up")
    if not process.listening(settings.connect_port):  # Spark's client would try for ten minutes
        seen = f"runs, and nothing answers on CONNECT_PORT {settings.connect_port}"
        raise ServerError("Spark server", seen, "the port it was started with", "Set CONNECT_PORT to that one, or start it anew")
    imports.spark_client()
    from pyspark.sql.connect.session import SparkSession  # seconds to import: not paid by commands that need no session

    os.environ.setdefault("SPARK_CONNECT_MODE_ENABLED", "1")
    network.adopt()  # a notebook comes here without `settings.load`
    _bear_all_times()
    made = SparkSession.builder.channelBuilder(authentication.channel_builder(settings)).create()
    health.watch_client(settings, made.client)
    return made


def _bear_all_times() -> None:
    """Have `collect`, which Great Expectations calls too, bear a time that Python can't hold: one would break off a whole query."""
    from pyspark.sql.connect import dataframe
    from pyspark.sql.conversion import ArrowTableToRowsConversion
    from pyspark.sql.pandas.types import from_arrow_schema

    from lakehouse.values import bearable

    class ArrowRows(ArrowTableToRowsConversion):  # type: ignore[misc]
        @staticmethod
        def convert(table: Any, schema: Any, **options: Any) -> Any:
            made = bearable(table)
            if made is not table:
                schema = from_arrow_schema(made.schema, prefer_timestamp_ntz=True)
            return ArrowTableToRowsConversion.convert(made, schema, **options)

    dataframe.ArrowTableToRowsConversion = ArrowRows
