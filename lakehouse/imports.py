"""Libraries that take seconds to import, each by one thread at a time.

Their modules import each other in circles. Where a thread begins one of them while another is in the midst of it, Python takes the
two for deadlocked, and what either gets is half a module (`cannot import name … from partially initialized module`).
"""

import threading

_SPARK, _EXPECTATIONS = threading.Lock(), threading.Lock()


def spark_client() -> None:
    """Import Spark's client, so that this thread may import any part of it."""
    with _SPARK:
        import pyspark.sql.connect.proto
        import pyspark.sql.connect.session  # noqa: F401


def great_expectations() -> None:
    """Import Great Expectations with all its types, and before it Spark's client, which it looks for."""
    spark_client()
    with _EXPECTATIONS:
        import great_expectations.expectations  # noqa: F401
