"""The process that Spark forks its Python workers from (`spark.python.daemon.module`).

What the tasks of an ingestion import is imported here, once: a worker of its own would spend 0.2 s of CPU on it in every run.
"""

import duckdb  # noqa: F401
import pyarrow  # noqa: F401
from pyspark.daemon import manager

if __name__ == "__main__":
    manager()
