"""`python -m jobs.local --raw … `: runs trusted.py on this machine, by the Java and the jars that are here; `s3://` as LAKE_URL has it.

Not by spark-submit: its launcher asks for a module that the wheel's Java lacks (docs/decisions/0001-one-spark-server.md).
"""

import os
import subprocess
import sys
from pathlib import Path

from lakehouse import environment, machine
from lakehouse.errors import ComportaError
from lakehouse.servers import jars, java
from lakehouse.settings import Settings
from lakehouse.store import storage

SCRIPT = Path(__file__).with_name("trusted.py")
_PLAIN = Path(__file__).parent.parent / "lakehouse" / "servers" / "log4j2.properties"


def command(settings: Settings, arguments: list[str]) -> list[str]:
    """The java command line."""
    extra: dict[str, str] = {
        "spark.master": settings.spark_master,
        "spark.driver.memory": settings.spark_memory,
        "spark.ui.enabled": "false",
    }
    class_path = [jars.SPARK_HOME / "jars" / "*"]
    if storage.is_s3(settings.lake_url):
        class_path += jars.ensure(jars.pinned(s3=True))
        extra |= storage.for_hadoop(settings) | {"spark.hadoop.fs.s3.impl": "org.apache.hadoop.fs.s3a.S3AFileSystem"}
    conf = [part for key, value in extra.items() for part in ("--conf", f"{key}={value}")]
    opened = [f"-Xmx{settings.spark_memory}", *java.opens(), f"-Dlog4j2.configurationFile={_PLAIN}"]
    main = ["org.apache.spark.deploy.SparkSubmit", *conf, str(SCRIPT), *arguments]
    return [str(java.find()), "-cp", os.pathsep.join(map(str, class_path)), *opened, *main]


if __name__ == "__main__":
    try:
        settings = machine.load()
        started = command(settings, sys.argv[1:])
    except ComportaError as error:
        print(f"✗ {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    known = environment.server(settings) | {"PYSPARK_PYTHON": sys.executable}
    sys.exit(subprocess.run(started, env=known).returncode)
