"""What machine this is, and which versions of everything ran."""

import json
import platform
import subprocess
from importlib import metadata
from pathlib import Path

import psutil

from bench.ingest import source
from bench.ingest.stage import JDBC, PEERS, cores
from lakehouse.servers import java

OURS = ("pyspark", "delta-spark", "deltalake", "duckdb", "duckdb-extension-postgres-scanner", "pyarrow")
THEIRS = ("psycopg2-binary", "adbc-driver-postgresql", "connectorx", "dlt", "duckdb", "deltalake", "pyarrow")
_ASK = "import json, sys; from importlib.metadata import version as v; print(json.dumps({name: v(name) for name in sys.argv[1:]}))"


def describe() -> dict[str, str]:
    """Processor, cores, memory, system."""
    return {
        "processor": _processor(),
        "cores": str(cores()),
        "memory": f"{psutil.virtual_memory().total / 2**30:.0f} GiB",
        "system": f"{platform.system()} {platform.release()}",
    }


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def versions(dsn: str) -> dict[str, str]:
    """Versions on our side, on the peers' side, and of what both stand on."""
    [(server,)] = source.execute(dsn, "show server_version")
    shown = subprocess.run([java.find(), "-version"], capture_output=True, text=True, check=True).stderr
    return {
        "PostgreSQL": str(server),
        "Java": shown.splitlines()[0].split('"')[1],
        "JDBC driver": next(iter(JDBC)).rsplit(":", 1)[1],
        "Python": platform.python_version(),
        "Comporta's environment": _list({name: metadata.version(name) for name in OURS}),
        "the peers' environment": _list(of_peers(*THEIRS)),
    }


def of_peers(*names: str) -> dict[str, str]:
    """Versions of packages in the peers' environment."""
    asked = subprocess.run([PEERS, "-c", _ASK, *names], capture_output=True, text=True, check=True)
    return dict(json.loads(asked.stdout))


def _list(found: dict[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in found.items())
