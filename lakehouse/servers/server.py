"""The Spark server: one JVM that serves Thrift (dbt, beeline, BI tools) and Spark Connect over one catalog."""

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import psutil
from thrift.transport.TTransport import TTransportException

from lakehouse import access, console, environment
from lakehouse.errors import ServerError
from lakehouse.servers import authentication, cluster, health, jars, java, process, scala, seaweedfs, thrift_session
from lakehouse.servers.health import log_file as log_file
from lakehouse.servers.health import pid_file as pid_file
from lakehouse.settings import ROOT, Settings
from lakehouse.store import storage

_MAIN = "org.apache.spark.sql.hive.thriftserver.HiveThriftServer2"
_START_SECONDS = 600  # on a machine that is busy with much else 100 have been seen; who dies on the way is noticed at once


def running(settings: Settings) -> psutil.Process | None:
    """The server's process, if it runs and is not in another container."""
    return pid_file(settings).process()


def runs(settings: Settings) -> bool:
    """Whether the server runs, here or in another container that shares VAR_DIR."""
    return pid_file(settings).runs()


def start(settings: Settings, prepare: Callable[[Settings], None], mend: bool = False) -> bool:
    """Start the server and return once a real query has been answered; False if it ran already and answers.

    One that has died is started anew; so is, with `mend`, one that runs and does not answer. Both are said.

    Args:
        prepare: what a server that was started is to be told before anybody may ask it.

    Raises:
        ServerError: a port is in use, no Java, it did not come up, or it does not answer and `mend` was not asked for.
        StorageError: the lake can't be written.
    """
    access.close(settings.var_dir)
    seaweedfs.start(settings)
    _refuse_other_lake(settings)
    if _is_anothers(settings):
        return _await_anothers(settings)
    if runs(settings):
        if not _ready(settings).exists():
            _await_query(settings)  # somebody else is starting it
        if not (wrong := health.trouble(settings, connect=mend)):
            return False
        if wrong == authentication.refused(settings).seen:
            raise authentication.refused(settings)
        if not mend and process.listening(settings.thrift_port):  # who is slow may yet be done with what others asked
            raise health.lost(settings, wrong)
        console.warn(f"The Spark server {wrong}. It is ended and started anew.")
        pid_file(settings).stop(patience=5)
    elif pid_file(settings).died():
        console.warn(f"The Spark server {health.trouble(settings)}. It is started anew; its log is {_log_before(settings)}.")
    for port, name in ((settings.thrift_port, "THRIFT_PORT"), (settings.connect_port, "CONNECT_PORT")):
        process.refuse_busy(port, name)
    storage.check(settings)
    cluster.warn_of_open(settings)
    if log_file(settings).exists():
        log_file(settings).replace(_log_before(settings))
    _ready(settings).unlink(missing_ok=True)
    # Before there is a catalog: whoever looks at it while this server is starting must be told whose it is. Jobs of a shared VAR_DIR
    # read that; what is below is the server's alone (its umask).
    access.folder(_metastore(settings), 0o750 if access.is_shared(settings.var_dir) else 0o700)
    _lake_note(settings).write_text(_lake(settings))
    with cluster.secret_file(settings) as secret:
        _launch(settings, secret, prepare)
    return True


def _launch(settings: Settings, secret: list[str], prepare: Callable[[Settings], None]) -> None:
    process.start(
        "spark",
        _command(settings, secret),
        pid_file=pid_file(settings),
        log=log_file(settings),
        env=_environment(settings),
        umask=_umask(settings),
    )
    try:
        _await_query(settings)
        prepare(settings)
        _ready(settings).touch()
    except BaseException:
        stop(settings)
        raise


def _is_anothers(settings: Settings) -> bool:
    """Whether only another user can start the server: its catalog's folder is closed to us, as it is to a job's container."""
    folder = _metastore(settings)
    return folder.exists() and not os.access(folder, os.W_OK)


def _await_anothers(settings: Settings) -> bool:
    for _ in process.wait(_START_SECONDS):
        if runs(settings) and _ready(settings).exists():
            break
    else:
        raise ServerError(
            "Spark server",
            f"does not run, and {_metastore(settings)} is another user's, who alone can start it",
            remedy="Start the container that runs it (docker compose up spark; on AWS the service spark)",
        )
    if wrong := health.trouble(settings):
        raise health.lost(settings, wrong)
    return False


def _metastore(settings: Settings) -> Path:
    return settings.var_dir / "metastore"


def _umask(settings: Settings) -> int:
    """Of the server's process: what it spills and stages is for no other user of a shared VAR_DIR, only a lake in a folder is."""
    return 0o077 if access.is_shared(settings.var_dir) and storage.is_s3(settings.lake_url) else -1


def _ready(settings: Settings) -> Path:
    return settings.var_dir / "run" / "spark.ready"


def _log_before(settings: Settings) -> Path:
    """The log of the server before this one: how it ended may stand in it."""
    return log_file(settings).with_name("spark.before.log")


def _lake_note(settings: Settings) -> Path:
    return _metastore(settings) / "lake"


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
            str(settings.var_dir),
            f"has the catalog of the lake {', '.join(known)}",
            ", ".join(asked),
            "Set VAR_DIR to a folder of its own for each lake (STORE=s3 has one), or LAKE_URL, SILVER_URL and GOLD_URL as they were",
        )


def _lake(settings: Settings) -> str:
    """Where its tables are, a line each: the lake, and layers that have a place of their own."""
    return "\n".join([settings.lake_url, *(f"{layer} in {url}" for layer, url in settings.own.items())])


def stop(settings: Settings) -> bool:
    """Stop the server; False if none ran."""
    return pid_file(settings).stop()


def _await_query(settings: Settings) -> None:
    for _ in process.wait(_START_SECONDS):
        if not runs(settings):
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
    try:
        thrift_session.answer(settings, _START_SECONDS)
    except (OSError, TTransportException):
        raise ServerError(
            "Spark server",
            f"did not answer within {_START_SECONDS} s: {process.tail(log_file(settings), 'WARN', 1)}",
            remedy=f"See {log_file(settings)}, and on a cluster the logs of its workers",
        ) from None


def _command(settings: Settings, secret: Sequence[str] = ()) -> list[str]:
    """The java command line: what spark-submit would start, without its launcher, which a wheel's Java can't follow."""
    on_s3, aside = storage.is_s3(settings.lake_url), settings.var_dir / "cache"
    extra = jars.ensure(jars.pinned(s3=on_s3))
    extra += [scala.log_store(extra, aside)] if on_s3 else []
    # A class of Spark's is replaced by one of ours, so ours come first.
    ours = [scala.authentication(aside), jars.SPARK_HOME / "jars" / "*", *extra]
    class_path = os.pathsep.join([*map(str, ours), *filter(None, settings.extra_jars.split(":"))])
    conf = [part for key, value in configuration(settings, extra).items() for part in ("--conf", f"{key}={value}")]
    return [
        str(java.find()),
        "-cp",
        class_path,
        f"-Xmx{settings.spark_memory}",
        "-XX:+UseParallelGC",
        # What goes on after that is a server without Spark, or without the threads that its answers need.
        "-XX:+ExitOnOutOfMemoryError",
        # Every query brings classes of its own. Compiling each as if it ran for ever takes up to half of a small machine; a hot
        # loop still gets the best compiler, by its own threshold (one run of each: 237 s of CPU over three dbt runs, or 202).
        "-XX:Tier4InvocationThreshold=50000",
        "-XX:Tier4MinInvocationThreshold=6000",
        "-XX:Tier4CompileThreshold=150000",
        "-XX:ReservedCodeCacheSize=512m",
        *java.opens(),
        *authentication.for_java(settings),
        f"-Dderby.system.home={_metastore(settings)}",
        f"-Djava.io.tmpdir={access.scratch(settings.var_dir)}",
        "-Duser.timezone=UTC",
        "-Duser.language=en",
        "-Duser.country=US",
        "-Dfile.encoding=UTF-8",
        "-Djdk.reflect.useDirectMethodHandle=false",
        "-Dio.netty.tryReflectionSetAccessible=true",
        f"-Dlog4j2.configurationFile={Path(__file__).with_name('log4j2.properties')}",
        "org.apache.spark.deploy.SparkSubmit",
        *secret,
        *conf,
        "--class",
        _MAIN,
        "--name",
        "comporta",
        "spark-internal",
        "--hiveconf",
        f"hive.server2.thrift.port={settings.thrift_port}",
        "--hiveconf",
        "hive.server2.thrift.bind.host=127.0.0.1",
        *authentication.for_thrift(),
        # A thread's connection to the metastore is dear, and made under a lock that stops all others. Acting as the client's user,
        # which means nothing here, each statement made one (179 in a dbt run, 22 without); keep the threads that have one.
        "--hiveconf",
        "hive.server2.enable.doAs=false",
        "--hiveconf",
        "hive.server2.async.exec.threads=16",
        "--hiveconf",
        "hive.server2.async.exec.keepalive.time=86400",
    ]


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
        # Rows go to a client as it fetches them, a partition at a time. What is collected at once, a partition among it, is refused
        # beyond a quarter of the heap: it is there twice or three times on its way.
        thrift_session.STREAM.rpartition(":")[2]: "true",
        "spark.driver.maxResultSize": f"{_megabytes(settings.spark_memory) // 4}m",
        "spark.sql.warehouse.dir": storage.for_spark(storage.join(settings.lake_url, "warehouse")),
        "spark.hadoop.javax.jdo.option.ConnectionURL": f"jdbc:derby:;databaseName={_metastore(settings) / 'db'};create=true",
        "spark.hadoop.datanucleus.schema.autoCreateAll": "true",
        "spark.hadoop.hive.metastore.schema.verification": "false",
        "spark.sql.session.timeZone": "UTC",
        # Else `${env:HOME}` within a statement, be it in a value or a comment, would be replaced by what the server's process has.
        "spark.sql.variable.substitute": "false",
        # Not INT96: it has no statistics, and its nanoseconds can't be told of a time some thousand years away by all who read it.
        "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
        "spark.sql.sources.default": "delta",
        # `max(due_date)` over Thrift breaks off where Delta answers it from statistics (delta-io/delta, issue 4201).
        "spark.databricks.delta.optimizeMetadataQuery.enabled": "false",
        "spark.ui.port": str(settings.spark_ui_port),
        "spark.pyspark.python": sys.executable,
        "spark.databricks.delta.snapshotPartitions": "2",
        "spark.sql.sources.parallelPartitionDiscovery.parallelism": "4",
        # Else a client notes file and line of every column it makes, and looks for IPython each time.
        "spark.python.sql.dataFrameDebugging.enabled": "false",
        # Spark 4.2 hangs for ever where a Python function (of a check, say) is put to columns that come from Parquet.
        "spark.sql.execution.arrow.pythonUDF.columnarInput.enabled": "false",
        # Sessions bring no jars or files of their own; sharing nothing, each would start Python workers of its own.
        "spark.sql.artifact.isolation.enabled": "false",
    }
    conf |= storage.for_hadoop(settings)
    return conf | cluster.configuration(settings, extra)


def _megabytes(memory: str) -> int:
    return int(memory[:-1]) * (1024 if memory.endswith("g") else 1)


def _environment(settings: Settings) -> dict[str, str]:
    """The server's environment, which its Python workers inherit: our packages importable."""
    kept = environment.server(settings)
    # Python's tasks spill and stage beside what Spark does, not in /tmp, which in a container is memory, and little of it.
    kept.setdefault("TMPDIR", str(access.scratch(settings.var_dir)))
    return kept | {
        **cluster.environment(settings),
        **authentication.for_connect(settings),
        **java.LOCALE,
        "SPARK_HOME": str(jars.SPARK_HOME),
        "SPARK_SCALA_VERSION": "2.13",
        "PYTHONPATH": str(ROOT),
        "PYSPARK_PYTHON": sys.executable,
    }
