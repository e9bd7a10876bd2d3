"""What Spark is told of the machines that it runs on: this one, or a cluster that the server drives from here."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from lakehouse import access, console
from lakehouse.settings import Settings

_FEWEST = 8  # partitions of a shuffle: what was measured best on two cores, where a task costs more than its rows
_A_CORE = 2  # partitions for each core, so that one which is late has another to wait with
# Where the master and the executors reach the driver: known, so that a security group can let them through (terraform/modules/workers).
# A port that is in use moves up by one, sixteen times at most; executors of one machine take a port each, from the third on.
_PORTS = {"spark.driver.port": "7090", "spark.driver.blockManager.port": "7091", "spark.blockManager.port": "7100"}
# The second version of the handshake and a cipher that knows what was tampered with: the defaults are for old clusters.
AUTHENTICATED = {
    "spark.authenticate": "true",
    "spark.network.crypto.enabled": "true",
    "spark.network.crypto.authEngineVersion": "2",
    "spark.network.crypto.cipher": "AES/GCM/NoPadding",
    "spark.network.crypto.saslFallback": "false",
}


def configuration(settings: Settings, extra: list[Path]) -> dict[str, str]:
    """What depends on where tasks run, in plain `key: value`. What a user has in spark-defaults.conf stands.

    Args:
        extra: jars that executors fetch from the driver.
    """
    conf = {"spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1"} if on_loopback(settings) else dict(_PORTS)
    if cores := _cores(settings):
        conf |= {"spark.sql.shuffle.partitions": str(max(_FEWEST, _A_CORE * cores))}
    if is_here(settings):
        # The secret is one of its own, which nobody is told: else any user of this machine could talk to its driver.
        conf |= {"spark.python.daemon.module": "lakehouse.servers.worker_daemon", "spark.authenticate": "true"}
    else:
        conf |= {"spark.jars": ",".join(map(str, extra))} | (AUTHENTICATED if settings.spark_secret else {})
    return {name: value for name, value in conf.items() if name not in defaults()}


def environment(settings: Settings) -> dict[str, str]:
    """Variables of the server's process."""
    return {"SPARK_LOCAL_IP": "127.0.0.1"} if on_loopback(settings) else {}


@contextmanager
def secret_file(settings: Settings) -> Iterator[list[str]]:
    """Options by which a driver that starts reads the secret: in a file that is its user's alone, and only while it starts.

    Options stand in the list of processes, and what is in the environment any statement of SQL can read.
    """
    if not settings.spark_secret or is_here(settings):
        yield []
        return
    path = access.scratch(settings.var_dir) / "starting.conf"
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        secret = settings.spark_secret.get_secret_value()
        file.write("spark.authenticate.secret " + "".join(f"\\u{ord(letter):04x}" for letter in secret) + "\n")
    try:
        yield ["--properties-file", str(path), "--load-spark-defaults"]
    finally:
        path.unlink(missing_ok=True)


def is_here(settings: Settings) -> bool:
    """Whether tasks run in the server's own process."""
    return settings.spark_master.startswith("local")


def on_loopback(settings: Settings) -> bool:
    """Whether Spark stays on this machine; the executors of a cluster elsewhere must be able to reach the driver."""
    return is_here(settings) or urlsplit(settings.spark_master).hostname in {"localhost", "127.0.0.1", "::1"}


def warn_of_open(settings: Settings) -> None:
    """Say that whoever is on the network can join, or read along, where nothing keeps them from it."""
    if not on_loopback(settings) and not settings.spark_secret and "spark.authenticate" not in defaults():
        console.warn(
            f"{settings.spark_master} takes the driver, and the driver takes executors, without a secret, and what passes can be "
            "read. Set SPARK_SECRET here and _SPARK_AUTH_SECRET for the master and the workers (docs/operations.md, On a cluster)."
        )


def defaults() -> dict[str, str]:
    """What stands in the user's spark-defaults.conf, if SPARK_CONF_DIR names a folder that has one."""
    folder = os.environ.get("SPARK_CONF_DIR")
    try:
        lines = (Path(folder) / "spark-defaults.conf").read_text(encoding="utf-8").splitlines() if folder else []
    except OSError:
        return {}
    words = [re.split(r"[\s=:]+", line.strip(), maxsplit=1) for line in lines if not line.lstrip().startswith(("#", "!"))]
    return {word[0]: word[1] for word in words if len(word) == 2}


def _cores(settings: Settings) -> int:
    """Cores that run tasks; 0 where only the cluster knows, whose own number of partitions then stands."""
    asked = re.match(r"local\[(\d+)", settings.spark_master)
    if not is_here(settings):
        most = defaults().get("spark.cores.max", "")
        return int(most) if most.isdecimal() else 0
    return int(asked[1]) if asked else 1 if settings.spark_master == "local" else os.cpu_count() or 1
