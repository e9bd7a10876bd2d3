"""The Spark server: one JVM that serves Thrift (dbt, beeline, BI tools) and Spark Connect over one catalog."""

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import psutil

from lakehouse import catalog, jars, java, process, storage, weed
from lakehouse.errors import ServerError
from lakehouse.settings import ROOT, SECRETS, Settings

_MAIN = "org.apache.spark.sql.hive.thriftserver.HiveThriftServer2"
_START_SECONDS = 180


def pid_file(settings: Settings) -> process.PidFile:
    """Where the pid of the server is kept."""
    return process.PidFile(settings.var_dir / "run" / "spark.pid")


def log_file(settings: Settings) -> Path:
    """The log of the server."""
    return settings.log_dir / "spark.log"


def running(settings: Settings) -> psutil.Process | None:
    """The server's process, if it runs."""
    return pid_file(settings).process()


def start(settings: Settings) -> bool:
    """Start the server and return once a real query has been answered; False if it ran already.

    Raises:
        ServerError: a port is in use, no Java, or it did not come up.
        StorageError: the lake can't be written.
    """
    weed.start(settings)
    if running(settings):
        _refuse_other_lake(settings)
        return False
    _refuse_other_lake(settings)
    for port, name in ((settings.thrift_port, "THRIFT_PORT"), (settings.connect_port, "CONNECT_PORT")):
        process.refuse_busy(port, name)
    storage.check(settings)
    command = _command(settings)
    log_file(settings).unlink(missing_ok=True)
    process.start("spark", command, pid_file(settings), log_file(settings), env=_environment(settings))
    try:
        _await_query(settings)
        catalog.create_schemas(settings)
        _lake_note(settings).write_text(_lake(settings))
    except BaseException:
        stop(settings)
        raise
    return True


def _lake_note(settings: Settings) -> Path:
    return settings.var_dir / "metastore" / "lake"


def _refuse_other_lake(settings: Settings) -> None:
    """The catalog in VAR_DIR knows its tables by where they are: those of a folder are not those of a bucket."""
    note = _lake_note(settings)
    if not note.with_name("db").exists():
        return
    known = note.read_text().splitlines() if note.exists() else ["a folder"]  # as all were before there was a note
    asked = _lake(settings).splitlines()
    moved = known[0] != asked[0] and (storage.is_s3(known[0]) or storage.is_s3(asked[0]))
    if moved or known[1:] != asked[1:]:
        raise ServerError(
            str(settings.var_dir), f"has the catalog of the lake {', '.join(known)}", ", ".join(asked),
            "Set VAR_DIR to a folder of its own for each lake (STORE=s3 has one), or LAKE_URL, SILVER_URL and GOLD_URL as they were",
        )  # fmt: skip


def _lake(settings: Settings) -> str:
    """Where its tables are, a line each: the lake, and layers that have a place of their own."""
    return "\n".join([settings.lake_url, *(f"{layer} in {url}" for layer, url in settings.own.items())])


def stop(settings: Settings) -> bool:
    """Stop the server; False if none ran."""
    return pid_file(settings).stop()


def _await_query(settings: Settings) -> None:
    for _ in process.wait(_START_SECONDS):
        if running(settings) is None:
            break
        if process.listening(settings.thrift_port) and process.listening(settings.connect_port):
            return _answer(settings)
    raise ServerError(
        "Spark server",
        f"did not come up: {process.tail(log_file(settings), 'ERROR') or process.tail(log_file(settings))}",
        remedy=f"See {log_file(settings)}; for a second lake on this machine set VAR_DIR, THRIFT_PORT, CONNECT_PORT",
    )


def _answer(settings: Settings) -> None:
    """Have a query answered in time: on a cluster whose executors can't start it would wait for ever, as Spark does."""
    asking = ThreadPoolExecutor(1)
    try:
        asking.submit(catalog.thrift_rows, settings, "select 1").result(timeout=_START_SECONDS)
    except TimeoutError:
        raise ServerError(
            "Spark server",
            f"did not answer within {_START_SECONDS} s: {process.tail(log_file(settings), 'WARN', 1)}",
            remedy=f"See {log_file(settings)}, and on a cluster the logs of its workers",
        ) from None
    finally:
        asking.shutdown(wait=False)  # who asks in vain is let go when the server is stopped


def _command(settings: Settings) -> list[str]:
    """The java command line: what spark-submit would start, without its launcher, which a wheel's Java can't follow."""
    extra = jars.ensure(jars.pinned(s3=storage.is_s3(settings.lake_url)))
    class_path = os.pathsep.join(
        [str(jars.SPARK_HOME / "jars" / "*"), *map(str, extra), *filter(None, settings.extra_jars.split(":"))]
    )
    conf = [part for key, value in configuration(settings, extra).items() for part in ("--conf", f"{key}={value}")]
    return [
        str(java.find()),
        "-cp", class_path,
        f"-Xmx{settings.spark_memory}",
        "-XX:+UseParallelGC",
        # Every query brings classes of its own. Compiling each as if it ran for ever takes up to half of a small machine; a hot
        # loop still gets the best compiler, by its own threshold (one run of each: 237 s of CPU over three dbt runs, or 202).
        "-XX:Tier4InvocationThreshold=50000",
        "-XX:Tier4MinInvocationThreshold=6000",
        "-XX:Tier4CompileThreshold=150000",
        "-XX:ReservedCodeCacheSize=512m",
        *_opens(),
        f"-Dderby.system.home={settings.var_dir / 'metastore'}",
        f"-Djava.io.tmpdir={_scratch(settings)}",
        "-Duser.timezone=UTC",
        "-Djdk.reflect.useDirectMethodHandle=false",
        "-Dio.netty.tryReflectionSetAccessible=true",
        f"-Dlog4j2.configurationFile={Path(__file__).with_name('log4j2.properties')}",
        "org.apache.spark.deploy.SparkSubmit",
        *conf,
        "--class", _MAIN,
        "--name", "comporta",
        "spark-internal",
        "--hiveconf", f"hive.server2.thrift.port={settings.thrift_port}",
        "--hiveconf", "hive.server2.thrift.bind.host=127.0.0.1",
        # A thread's connection to the metastore is dear, and made under a lock that stops all others. Acting as the client's user,
        # which means nothing here, each statement made one (179 in a dbt run, 22 without); keep the threads that have one.
        "--hiveconf", "hive.server2.enable.doAs=false",
        "--hiveconf", "hive.server2.async.exec.threads=16",
        "--hiveconf", "hive.server2.async.exec.keepalive.time=86400",
    ]  # fmt: skip


def configuration(settings: Settings, extra: list[Path]) -> dict[str, str]:
    """Spark's configuration, in plain `key: value`; nothing secret is in it."""
    conf = {
        "spark.master": settings.spark_master,
        "spark.driver.memory": settings.spark_memory,
        "spark.plugins": "org.apache.spark.sql.connect.SparkConnectPlugin",
        "spark.connect.grpc.binding.address": "127.0.0.1",
        "spark.connect.grpc.binding.port": str(settings.connect_port),
        "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
        "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
        "spark.sql.warehouse.dir": storage.for_spark(storage.join(settings.lake_url, "warehouse")),
        "spark.hadoop.javax.jdo.option.ConnectionURL": f"jdbc:derby:;databaseName={settings.var_dir / 'metastore' / 'db'};create=true",
        "spark.hadoop.datanucleus.schema.autoCreateAll": "true",
        "spark.hadoop.hive.metastore.schema.verification": "false",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.sources.default": "delta",
        # `max(due_date)` over Thrift breaks off where Delta answers it from statistics (delta-io/delta, issue 4201).
        "spark.databricks.delta.optimizeMetadataQuery.enabled": "false",
        "spark.ui.port": str(settings.spark_ui_port),
        "spark.pyspark.python": sys.executable,
        "spark.databricks.delta.snapshotPartitions": "2",
        "spark.sql.sources.parallelPartitionDiscovery.parallelism": "4",
        "spark.sql.shuffle.partitions": "8",
        # Else a client notes file and line of every column it makes, and looks for IPython each time.
        "spark.python.sql.dataFrameDebugging.enabled": "false",
        # Spark 4.2 hangs for ever where a Python function (of a check, say) is put to columns that come from Parquet.
        "spark.sql.execution.arrow.pythonUDF.columnarInput.enabled": "false",
        # Sessions bring no jars or files of their own; sharing nothing, each would start Python workers of its own.
        "spark.sql.artifact.isolation.enabled": "false",
    }
    conf |= storage.for_hadoop(settings)
    if _on_loopback(settings):
        conf |= {"spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1"}
    if settings.spark_master.startswith("local"):
        conf |= {"spark.python.daemon.module": "lakehouse.worker_daemon"}
    else:
        conf |= {"spark.jars": ",".join(map(str, extra))}  # executors fetch them from the driver
    return conf


def _on_loopback(settings: Settings) -> bool:
    """Whether Spark stays on this machine; the executors of a cluster elsewhere must be able to reach the driver."""
    master = settings.spark_master
    return master.startswith("local") or urlsplit(master).hostname in {"localhost", "127.0.0.1", "::1"}


def _environment(settings: Settings) -> dict[str, str]:
    """The server's environment, which its Python workers inherit: no source password, and our packages importable."""
    kept = {name: value for name, value in os.environ.items() if name not in SECRETS}
    if _on_loopback(settings):
        kept["SPARK_LOCAL_IP"] = "127.0.0.1"
    return kept | {
        "SPARK_HOME": str(jars.SPARK_HOME),
        "SPARK_SCALA_VERSION": "2.13",
        "PYTHONPATH": str(ROOT),
        "PYSPARK_PYTHON": sys.executable,
    }


def _scratch(settings: Settings) -> Path:
    folder = settings.var_dir / "tmp"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _opens() -> list[str]:
    """Packages of Java that Spark reaches into (its own list, JavaModuleOptions)."""
    names = "java.lang java.lang.invoke java.lang.reflect java.io java.net java.nio java.util java.util.concurrent"
    names += " java.util.concurrent.atomic sun.nio.ch sun.nio.cs sun.security.action sun.util.calendar"
    return [f"--add-opens=java.base/{name}=ALL-UNNAMED" for name in names.split()] + [
        "--add-opens=java.base/jdk.internal.ref=ALL-UNNAMED",
        "--add-opens=java.security.jgss/sun.security.krb5=ALL-UNNAMED",
    ]
