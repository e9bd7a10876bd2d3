"""The environment of child processes, by an allow-list: what somebody gave to us, a secret among it, reaches none by chance.

A server lives for days, and whoever may ask it can have it tell its environment; and make hands on the whole of its command line,
in MAKEFLAGS.
"""

import os
from collections.abc import Iterable

from lakehouse import network
from lakehouse.settings import SECRETS, Settings

_PLAIN = frozenset(
    {
        "PATH",
        "HOME",
        "USER",
        "LOGNAME",
        "SHELL",
        "TERM",
        "TZ",
        "LANG",
        "LANGUAGE",
        "TMPDIR",
        "TEMP",
        "TMP",
        "LD_LIBRARY_PATH",
        "SSL_CERT_FILE",
        "SSL_CERT_DIR",
        *network.SAME_FILE,
        "PYTHONUTF8",
        "PYTHONDONTWRITEBYTECODE",
        "PYTHONWARNINGS",
    }
)
_PLAIN_FAMILIES = ("LC_", "XDG_", "COMPORTA_")  # the last are marks of our own: whose lock is held, whose tests run
_JAVA_FAMILIES = ("JAVA_", "JDK_")
# What tells Spark and Hadoop how to run here, and where a cluster is.
_SPARK_FAMILIES = ("SPARK_", "PYSPARK_", "HADOOP_", "YARN_", "HDFS_", "KUBE", "KRB5", "MALLOC_", "OMP_")
_STORE_FAMILIES = ("AWS_", "ECS_")  # boto3's, delta-rs's and Hadoop's own chain of credentials


def plain() -> dict[str, str]:
    """For a program that needs nothing of ours: where things are, language, zone, what the network asks for."""
    return _kept(_PLAIN | network.PROXIES, _PLAIN_FAMILIES)


def java() -> dict[str, str]:
    """For a program of Java's that needs nothing of ours."""
    return _kept(_PLAIN | network.PROXIES, (*_PLAIN_FAMILIES, *_JAVA_FAMILIES))


def libpq() -> dict[str, str]:
    """For a client of the source, which is told its password: all that libpq looks at."""
    return plain() | {name: value for name, value in os.environ.items() if name.startswith("PG")}


def server(settings: Settings) -> dict[str, str]:
    """For the Spark server, which its Python workers inherit: no credentials but those of a lake on S3."""
    return _kept(_PLAIN | network.PROXIES, (*_PLAIN_FAMILIES, *_JAVA_FAMILIES, *_SPARK_FAMILIES, *_store(settings)))


def dbt(settings: Settings, asked: Iterable[str]) -> dict[str, str]:
    """For dbt: our settings but the secret ones, dbt's own variables, and those that the project asks for by name.

    Args:
        asked: names in `env_var('…')`; one of a secret setting of ours is left out.
    """
    ours = {name.upper() for name in type(settings).model_fields} | {"DEV_SAMPLE", "DEV_SCHEMA", "THRIFT_HOST", "THRIFT_USER"}
    families = (*_PLAIN_FAMILIES, "DBT_", *_store(settings))
    return _kept(_PLAIN | network.PROXIES | ours | {*asked} - SECRETS, families)


def _store(settings: Settings) -> tuple[str, ...]:
    return _STORE_FAMILIES if settings.lake_url.startswith("s3://") else ()


def _kept(names: Iterable[str], families: tuple[str, ...]) -> dict[str, str]:
    known = {*names} - SECRETS
    return {
        name: value for name, value in os.environ.items() if name in known or (name.startswith(families) and name not in SECRETS)
    }
