"""Order lines to Delta: our ingestion beside Spark's own JDBC reader, interleaved, on the running servers of the demo.

`python -m bench.ingest_lines`: PostgreSQL's JDBC driver is no part of Comporta; start the Spark server with EXTRA_JARS
naming its jar first (`make up EXTRA_JARS=…`). Prints medians; both commit to Delta.
"""

import statistics
import sys
import time
from collections.abc import Callable
from urllib.parse import urlsplit

import psycopg2

from ingestion import ingest
from lakehouse import postgres, session
from lakehouse.settings import Settings, load

ROUNDS = 3
PARTITIONS = 4  # what a user with two cores would set


def ours(settings: Settings, round_: int) -> int:
    """Rows that our job copied into a table of its own."""
    fresh = settings.model_copy(update={"source_name": f"bench{time.time_ns()}", "lake_url": f"{settings.lake_url}/bench{round_}"})
    return ingest.run(fresh, "public.order_lines").rows


def jdbc(settings: Settings, round_: int) -> int:
    """Rows that Spark's JDBC reader copied, in ranges of the key."""
    spark, parts = session.connect(settings), urlsplit(settings.dsn())
    with psycopg2.connect(settings.dsn()) as shop, shop.cursor() as cursor:
        cursor.execute("select min(order_id), max(order_id), count(*) from order_lines")
        low, high, rows = cursor.fetchone() or (0, 0, 0)
    reader = spark.read.format("jdbc").options(
        url=f"jdbc:postgresql://{parts.hostname}:{parts.port}{parts.path}", dbtable="order_lines", user=parts.username,
        password=parts.password, driver="org.postgresql.Driver", fetchsize=10000, partitionColumn="order_id",
        lowerBound=low, upperBound=high, numPartitions=PARTITIONS,
    )  # fmt: skip
    reader.load().write.format("delta").mode("overwrite").save(f"{settings.lake_url}/bench_jdbc{round_}")
    spark.stop()
    return int(rows)


def main() -> None:
    """Print rows per second of each round and the medians."""
    dsn = postgres.of(load()).dsn("shop")
    settings = load().model_copy(update={"source_dsn": _secret(dsn)})
    rates: dict[str, list[float]] = {"comporta": [], "spark jdbc": []}
    jobs: dict[str, Callable[[Settings, int], int]] = {"comporta": ours, "spark jdbc": jdbc}
    for round_ in range(ROUNDS + 1):  # the first warms both
        for name, job in jobs.items():
            started = time.monotonic()
            rows = job(settings, round_)
            seconds = time.monotonic() - started
            print(f"round {round_}  {name:<11} {rows:>9} rows  {seconds:6.2f} s  {rows / seconds:>10.0f} rows/s", flush=True)
            rates[name] += [rows / seconds] if round_ else []
    medians = {name: statistics.median(found) for name, found in rates.items()}
    print(f"medians {medians}, ratio {medians['comporta'] / medians['spark jdbc']:.1f}")


def _secret(text: str):  # type: ignore[no-untyped-def]
    from pydantic import SecretStr

    return SecretStr(text)


if __name__ == "__main__":
    sys.exit(main())
