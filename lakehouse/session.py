"""Spark Connect sessions: a client needs no Java and starts in seconds."""

import os
from typing import TYPE_CHECKING

from lakehouse import server
from lakehouse.errors import ServerError
from lakehouse.settings import Settings

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def connect(settings: Settings) -> "SparkSession":
    """A session on the running server.

    Raises:
        ServerError: the server is not up.
    """
    if server.running(settings) is None:
        raise ServerError("Spark server", "is not running", remedy="Run make up")
    from pyspark.sql import SparkSession  # seconds to import: not paid by commands that need no session

    os.environ.setdefault("SPARK_CONNECT_MODE_ENABLED", "1")
    return SparkSession.builder.remote(f"sc://127.0.0.1:{settings.connect_port}").create()
