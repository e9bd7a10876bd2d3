"""Spark Connect sessions: a client needs no Java and starts in seconds."""

import os
from typing import TYPE_CHECKING

from lakehouse import process, server
from lakehouse.errors import ServerError
from lakehouse.settings import Settings

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def connect(settings: Settings) -> "SparkSession":
    """A session on the running server.

    Raises:
        ServerError: the server is not up, or on another port.
    """
    if server.running(settings) is None:
        raise ServerError("Spark server", "is not running", remedy="Run make up")
    if not process.listening(settings.connect_port):  # Spark's client would try for ten minutes
        seen = f"runs, and nothing answers on CONNECT_PORT {settings.connect_port}"
        raise ServerError("Spark server", seen, "the port it was started with", "Set CONNECT_PORT to that one, or start it anew")
    from pyspark.sql import SparkSession  # seconds to import: not paid by commands that need no session

    os.environ.setdefault("SPARK_CONNECT_MODE_ENABLED", "1")
    return SparkSession.builder.remote(f"sc://127.0.0.1:{settings.connect_port}").create()
