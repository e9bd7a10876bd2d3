"""The master of a Spark cluster, or one of its workers, as the process of a container. Their secret is in the environment.

python -m docker.cluster master
python -m docker.cluster worker spark://10.40.0.9:7077
"""

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from lakehouse import access
from lakehouse.errors import ComportaError, SettingsError
from lakehouse.machine import load
from lakehouse.servers import cluster, jars, java
from lakehouse.settings import ROOT, SECRETS

_MASTER, _WORKER = "7077", "7078"  # ports; of the driver and of executors: lakehouse/servers/cluster.py


def command(what: str, *arguments: str, folder: Path) -> list[str]:
    """The command line of a `master` or `worker`; nothing secret is in it.

    Args:
        folder: for what it keeps and for what its executors spill.
    """
    properties = cluster.AUTHENTICATED | {
        "spark.deploy.recoveryMode": "FILESYSTEM",  # a master that was started anew knows its workers and the server
        "spark.deploy.recoveryDirectory": str(folder / "master"),
        "spark.worker.cleanup.enabled": "true",  # of applications that are over
        "spark.ui.killEnabled": "false",
    }
    programs = {
        "master": ["org.apache.spark.deploy.master.Master", "--port", _MASTER],
        "worker": ["org.apache.spark.deploy.worker.Worker", "--port", _WORKER, "-d", str(folder / "work")],
    }
    return [
        str(java.find()),
        "-cp",
        str(jars.SPARK_HOME / "jars" / "*"),
        "-Xmx512m",
        "-XX:+ExitOnOutOfMemoryError",
        *java.opens(),
        *(f"-D{name}={value}" for name, value in properties.items()),
        *programs[what],
        *arguments,
    ]


def environment(known: Mapping[str, str], folder: Path) -> dict[str, str]:
    """What it and its executors get: what is known here and no secret of ours, that of the cluster under Spark's name, folders on the disk."""
    secret = known.get("SPARK_SECRET", "")
    if not secret:
        raise SettingsError("SPARK_SECRET", "is not set", "what the Spark server has", "Give all of a cluster the same long secret")
    return {name: value for name, value in known.items() if name not in SECRETS} | {
        **java.LOCALE,
        "_SPARK_AUTH_SECRET": secret,
        "SPARK_HOME": str(jars.SPARK_HOME),
        "SPARK_SCALA_VERSION": "2.13",
        "SPARK_LOCAL_DIRS": str(folder),
        "TMPDIR": str(folder),
        "JAVA_HOME": str(ROOT / "docker" / "java"),
        "COMPORTA_JAVA": str(java.find()),
        "PYTHONPATH": str(ROOT),
    }


def main(arguments: Sequence[str]) -> None:
    """Become it."""
    try:
        folder = access.scratch(load().var_dir)
        words = command(*arguments, folder=folder)
        os.execve(words[0], words, environment(os.environ, folder))
    except ComportaError as error:
        raise SystemExit(f"✗ {error}") from None


if __name__ == "__main__":
    main(sys.argv[1:])
