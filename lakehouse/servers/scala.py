"""Classes of our own for the Spark server, compiled once by the Scala compiler that Spark's wheel brings, in some seconds each.

`python -m lakehouse.servers.scala` does so ahead, as for an image.
"""

import hashlib
import os
import subprocess
import tempfile
from pathlib import Path

from lakehouse import environment
from lakehouse.errors import ServerError
from lakehouse.servers import jars, java
from lakehouse.settings import ROOT

_HERE = Path(__file__).parent
_NEEDED = ("delta-storage-", "hadoop-aws-")  # jars that the store of the log is compiled against, besides Spark's own


def authentication(aside: Path) -> Path:
    """The jar of what asks for the server's token over Thrift (decision 0025).

    Args:
        aside: the folder for it where none can be put beside the jars that were fetched.

    Raises:
        ServerError: it could not be compiled.
    """
    return _ensure(_HERE / "TokenAuthentication.scala", [], aside)


def log_store(extra: list[Path], aside: Path) -> Path:
    """The jar of the store of Delta's log on S3, whose commits are conditional.

    Neither Delta 4.4 has one that needs no further service, nor can Hadoop's S3A be told by configuration (decision 0018).

    Args:
        extra: the jars of a lake on S3.
        aside: the folder for it where none can be put beside those.

    Raises:
        ServerError: it could not be compiled.
    """
    return _ensure(_HERE / "ConditionalLogStore.scala", [jar for jar in extra if jar.name.startswith(_NEEDED)], aside)


def _ensure(source: Path, against: list[Path], aside: Path) -> Path:
    told = source.read_bytes() + "".join(sorted(jar.name for jar in against)).encode()
    name = f"comporta-{source.stem}-{hashlib.sha256(told).hexdigest()[:16]}.jar"
    shared = ROOT / "var" / "jars"
    folder = shared if (shared / name).exists() or os.access(shared, os.W_OK) else aside
    if not (folder / name).exists():
        folder.mkdir(parents=True, exist_ok=True)
        _compile(source, folder / name, against)
    return folder / name


def _compile(source: Path, jar: Path, against: list[Path]) -> None:
    spark = str(jars.SPARK_HOME / "jars" / "*")
    with tempfile.TemporaryDirectory(dir=jar.parent) as scratch:
        fresh = Path(scratch) / jar.name
        command = [
            str(java.find()),
            "-Xmx512m",
            "-XX:TieredStopAtLevel=1",
            "-cp",
            spark,
            "scala.tools.nsc.Main",
            "-Werror",
            "-nobootcp",
            "-cp",
            os.pathsep.join([spark, *map(str, against)]),
            "-d",
            str(fresh),
            str(source),
        ]
        done = subprocess.run(
            command,
            env=environment.java() | java.LOCALE,
            umask=0o022,
            capture_output=True,
            text=True,
            encoding="utf-8",
            errors="replace",
        )
        if done.returncode:
            seen = " | ".join((done.stdout + done.stderr).strip().splitlines()[-3:]) or f"the compiler ended with {done.returncode}"
            remedy = f"Is {jar.parent} writable, and its disk not full? Else report it"
            raise ServerError(source.name, f"could not be compiled: {seen}", remedy=remedy)
        fresh.replace(jar)


def main() -> None:
    """Compile all of them, beside the jars."""
    aside = ROOT / "var" / "cache"
    authentication(aside)
    log_store(jars.ensure(jars.pinned(s3=True)), aside)


if __name__ == "__main__":
    main()
