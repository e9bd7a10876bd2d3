"""A run's pieces of work as one Spark job."""

from typing import Any

import pyarrow as pa

from ingestion.bronze.work import RESULT
from ingestion.sources.postgres.extract import runner
from ingestion.sources.postgres.ranges import lanes
from ingestion.sources.postgres.table_plan import PostgresPlan
from ingestion.sources.postgres.work import Context
from lakehouse.engines import session as spark_session
from lakehouse.settings import Settings


def extract(settings: Settings, plans: list[PostgresPlan], context: Context) -> list[dict[str, Any]]:
    """Run every table's work as one Spark job; one row per piece of work."""
    work = [item for plan in plans for item in plan.work]
    if not work:
        return []
    shared = lanes([item.pages for item in work], settings.source_connections if context.snapshot else 1)
    job = runner(context, [[work[position] for position in lane] for lane in shared])
    spark = spark_session.connect(settings)
    _ship_code()
    frame = spark.range(0, len(shared), 1, len(shared)).mapInArrow(job, _spark_schema(RESULT))
    try:
        found: list[dict[str, Any]] = frame.toArrow().to_pylist()
        return found
    finally:
        spark.stop()


def _ship_code() -> None:
    """Send our code along with the tasks: executors need our packages' wheels but not our packages, nor ever run old code."""
    from pyspark import cloudpickle

    import ingestion
    import lakehouse

    for package in (ingestion, lakehouse):
        cloudpickle.register_pickle_by_value(package)


def _spark_schema(schema: pa.Schema) -> str:
    kinds = {"string": "string", "int64": "bigint", "double": "double", "bool": "boolean"}
    return ", ".join(f"`{field.name}` {kinds[str(field.type)]}" for field in schema)
