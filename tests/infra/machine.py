"""The instance on AWS and what is around it, in namespaces: as user_data.sh and the task definitions leave it."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import apart
from infra.namespaces import Container, Network
from infra.terraform import CODE

from lakehouse.servers import jars, process
from lakehouse.servers.process import wait
from lakehouse.settings import ROOT

USERS = dict(re.findall(r"(\w+) = (\d{5})\b", (CODE / "modules/spark/main.tf").read_text()))
GROUP = USERS["spark"]  # its number is the group's too
LAKEHOUSE = (sys.executable, "-W", "ignore", "-m", "comporta")
CANARY = "what-only-{}-may-know"


@dataclass
class Machine:
    """The instance on AWS: its network, its disk for VAR_DIR, what is elsewhere, and how a container of a job is made on it."""

    network: Network
    var_dir: Path
    known: dict[str, str]

    def container(self, job: str) -> Container:
        """What the task definition of `job` says."""
        handed = {"SOURCE_DSN": ("ingest",), "SPARK_SECRET": ("spark", "master", "worker")}
        said = {name: value for name, value in self.known.items() if job in handed.get(name, (job,))}
        said |= {"VAR_DIR": str(self.var_dir), "SOURCE_NAME": "shop", "SPARK_MEMORY": "2g", "CANARY": CANARY.format(job)}
        said |= {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "HOME": "/nonexistent", "USER": job}
        said |= {"JDK_JAVA_OPTIONS": "-XX:TieredStopAtLevel=1", "PYTHONDONTWRITEBYTECODE": "1"}
        return Container(self.network, "machine", f"{USERS[job]}:{GROUP}", said, self.var_dir.with_name("passwd"))

    @contextmanager
    def server(self) -> Iterator["subprocess.Popen[bytes]"]:
        """The server's container, which answers."""
        jars.ensure(jars.pinned(s3=True))  # they are in the image
        spark = self.var_dir / "log" / "spark.log"
        running = self.container("spark").start(str(ROOT / "docker" / "serve.sh"), log=self.log("server"))
        try:
            for _ in wait(240):
                if (self.var_dir / "run" / "spark.ready").exists():
                    break
                assert running.poll() is None, f"{self.log('server').read_text()[-1000:]}\n{process.tail(spark, '', 40)}"
            yield running
        finally:
            running.kill()
            running.wait(30)

    def log(self, name: str) -> Path:
        """What a container said."""
        return self.var_dir.with_name(f"{name}.log")

    def lakehouse(self, job: str, *words: str, code: int = 0) -> str:
        """What a command of ours says in the container of `job`."""
        return self.container(job).run(*LAKEHOUSE, *words, code=code)


@contextmanager
def started(*others: str, **more: str) -> Iterator[Machine]:
    """A machine as user_data.sh leaves it, before any container is there.

    Args:
        others: more hosts of its network.
        more: settings of all containers.
    """
    folder = apart.folder("machine")
    folder.chmod(0o711)
    var_dir, other = folder / "var", folder / "elsewhere"
    for made in (var_dir, other):
        made.mkdir()
    folder.joinpath("passwd").write_text("".join(f"{name}:x:{uid}:{GROUP}::/tmp:/bin/false\n" for name, uid in USERS.items()))
    os.chown(var_dir, int(USERS["spark"]), int(GROUP))
    var_dir.chmod(_mode_of_var_dir())
    with Network(f"ca{os.getpid()}") as network:
        address = network.join("services", metadata=True)
        for host in ("machine", *others):
            network.join(host)
        script = [sys.executable, str(Path(__file__).with_name("services.py")), str(other), address, "0.002"]
        environment = os.environ | {"PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"}
        with subprocess.Popen(
            ["ip", "netns", "exec", network.namespace("services"), *script],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        ) as services:
            assert services.stdout and services.stdin
            line = services.stdout.readline()
            assert line, "what is elsewhere did not come up; its error is above"
            yield Machine(network, var_dir, json.loads(line) | more)
            services.stdin.close()
            services.wait(60)
    Path("/tmp/comporta.up").unlink(missing_ok=True)  # noqa: S108 - here all containers have one
    shutil.rmtree(folder, ignore_errors=True)


def user_data() -> str:
    """What a machine runs as it is made."""
    return (CODE / "modules/spark/user_data.sh").read_text()


def _mode_of_var_dir() -> int:
    [mode] = re.findall(r"^chmod (\d+) \$\{folder\}", user_data(), re.M)
    return int(mode, 8)
