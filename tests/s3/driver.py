"""A JVM with Delta's jars and Hadoop's S3A, as each Spark server is one: what it writes to a log, two of them write at once."""

import os
import subprocess
from typing import Any

from py4j.java_gateway import GatewayParameters, JavaGateway, launch_gateway
from py4j.protocol import Py4JJavaError

from lakehouse.servers import jars, java, scala, server
from lakehouse.settings import Settings
from lakehouse.store import storage


class Driver:
    """One JVM.

    Args:
        store: the class of its log store; ours by default.
    """

    def __init__(self, settings: Settings, store: str = storage.LOG_STORE) -> None:
        extra = jars.ensure(jars.pinned(s3=True))
        self.extra = [*extra, scala.log_store(extra, settings.var_dir / "cache")]
        port, self.process = launch_gateway(
            classpath=os.pathsep.join([str(jars.SPARK_HOME / "jars" / "*"), *map(str, self.extra)]),
            java_path=str(java.find()),
            jarpath=str(next((jars.SPARK_HOME / "jars").glob("py4j-*.jar"))),
            return_proc=True,
            redirect_stderr=subprocess.DEVNULL,
            javaopts=["-Xmx700m", "-XX:TieredStopAtLevel=1", *java.opens()],
        )
        self.settings, self.store = settings, store
        self.jvm: Any = JavaGateway(gateway_parameters=GatewayParameters(port=port)).jvm
        self._log, self._session = None, None

    def __enter__(self) -> "Driver":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait(10)

    def write(self, url: str, line: str) -> str:
        """Write a version of a log that is at most there once: "won", or the name of Java's exception."""
        lines = self.jvm.java.util.ArrayList()
        lines.add(line)
        if self._log is None:
            self._conf = self.jvm.org.apache.hadoop.conf.Configuration()
            for name, value in storage.for_hadoop(self.settings).items():
                self._conf.set(name.removeprefix("spark.hadoop."), value)
            loaded = self.jvm.java.lang.Class.forName(self.store)
            self._log = loaded.getConstructors()[0].newInstance(self._array(self._conf))
        try:
            self._log.write(self.jvm.org.apache.hadoop.fs.Path(url), lines.iterator(), False, self._conf)
        except Py4JJavaError as error:
            return str(error.java_exception.getClass().getSimpleName())
        return "won"

    def _array(self, one: Any) -> Any:
        objects = self.jvm.java.util.ArrayList()
        objects.add(one)
        return objects.toArray()

    def sql(self, statement: str) -> list[Any]:
        """Rows of a statement of a Spark of its own."""
        if self._session is None:
            builder = self.jvm.org.apache.spark.sql.SparkSession.builder()
            conf = server.configuration(self.settings, self.extra)
            conf |= {
                "spark.master": "local[1]",
                "spark.plugins": "",
                "spark.ui.enabled": "false",
                "spark.sql.catalogImplementation": "in-memory",
            }
            for name, value in (conf | {"spark.delta.logStore.s3a.impl": self.store}).items():
                builder = builder.config(name, value)
            self._session = builder.getOrCreate()
        return list(self._session.sql(statement).collectAsList())
