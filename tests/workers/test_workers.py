"""A cluster as terraform/modules/workers makes it, in namespaces: workers that share only the network and the lake on S3. One is killed in each step."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from infra.machine import LAKEHOUSE, Machine, started
from infra.namespaces import Container, command

from lakehouse.servers.process import wait

SECRET = "of the cluster alone"  # noqa: S105
HOSTS = ("one", "two")


@dataclass
class Cluster:
    """A master beside the server, and workers on hosts of their own."""

    machine: Machine
    running: dict[str, "subprocess.Popen[bytes]"] = field(default_factory=dict)

    def start(self, host: str, *words: str) -> None:
        """Start the master or a worker, as its task definition does."""
        container = self.container("master" if host == "machine" else "worker", host)
        self.running[host] = container.start(sys.executable, "-m", "docker.cluster", *words, log=self.machine.log(f"host-{host}"))

    def container(self, user: str, host: str) -> Container:
        """A container that has nothing of the machine's disk unless it is on it."""
        made = self.machine.container(user)
        address = {"SPARK_LOCAL_IP": self.machine.network.hosts[host], "SPARK_WORKER_CORES": "1", "SPARK_WORKER_MEMORY": "1g"}
        hidden = () if host == "machine" else (self.machine.var_dir, self.machine.var_dir.with_name("elsewhere"))
        return replace(made, host=host, environment={**made.environment, **address}, hidden=hidden)

    def start_worker(self, host: str) -> None:
        """As the auto-scaling group does when one is gone."""
        self.start(host, "worker", self.machine.known["SPARK_MASTER"])

    def await_executors(self, count: int) -> None:
        """Return once the server has `count` executors."""
        for _ in wait(90, pause=1):
            found = self.executors()
            if len(found) == count:
                return
        raise AssertionError(f"{count} executors were wanted: {found}\n{self._logs()}")

    def executors(self) -> dict[str, int]:
        """Tasks that each executor has begun, by its host's address."""
        ask = (
            "import json, urllib.request as u; get = lambda p: json.load(u.urlopen('http://127.0.0.1:4040/api/v1/applications' + p));"
            "print(json.dumps([[e['hostPort'].split(':')[0], e['totalTasks']] for e in get('/' + get('')[0]['id'] + '/executors')"
            " if e['id'] != 'driver']))"
        )
        space = self.machine.network.namespace("machine")
        return dict(
            json.loads(
                command(
                    "ip",
                    "netns",
                    "exec",
                    space,
                    sys.executable,
                    "-c",
                    ask.replace("127.0.0.1", self.machine.network.hosts["machine"]),
                )
            )
        )

    def kill(self, host: str) -> None:
        """End all of a worker at once."""
        self.running[host].kill()
        self.running[host].wait(10)
        space = self.machine.network.namespace(host)
        assert any(not command("ip", "netns", "pids", space).strip() for _ in wait(15)), f"{host} lives on"

    def _logs(self) -> str:
        return "\n".join(self.machine.log(f"host-{host}").read_text()[-1500:] for host in self.running)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """Master, two workers, and the server that drives them."""
    master = "spark://10.77.0.2:7077"
    with started(*HOSTS, SPARK_MASTER=master, SPARK_SECRET=SECRET, SPARK_LOCAL_IP="10.77.0.2") as machine:
        made = Cluster(machine)
        try:
            made.start("machine", "master")
            for host in HOSTS:
                made.start_worker(host)
            with machine.server():
                made.await_executors(len(HOSTS))
                yield made
        finally:
            for process in made.running.values():
                process.kill()


@contextmanager
def _under_way(cluster: Cluster, user: str, *words: str) -> Iterator["subprocess.Popen[bytes]"]:
    log = cluster.machine.log(f"step-{'-'.join(words)}")
    running = cluster.machine.container(user).start(*LAKEHOUSE, *words, log=log)
    yield running
    assert running.wait(400) == 0, log.read_text()[-4000:]


STEPS = (
    ("ingest", "ingest"),
    ("gate", "gate --layer bronze --hold-back"),
    ("release", "release --layer bronze"),
    ("build", "dbt --layer silver"),
    ("gate", "gate --layer silver --hold-back"),
    ("release", "release --layer silver"),
)


def test_workers_share_nothing_but_the_network_and_the_lake(cluster: Cluster) -> None:
    worker = cluster.container("worker", "one")
    assert worker.python(f"import os; print(os.listdir({str(cluster.machine.var_dir)!r}))") == "[]"


def test_no_command_line_shows_the_secret(cluster: Cluster) -> None:
    pids = [
        pid
        for host in ("machine", *HOSTS)
        for pid in command("ip", "netns", "pids", cluster.machine.network.namespace(host)).split()
    ]
    lines = [path.read_text(errors="replace") for pid in pids if (path := Path(f"/proc/{pid}/cmdline")).exists()]
    shown = [line for line in lines if "CoarseGrainedExecutorBackend" in line or "deploy.SparkSubmit" in line]
    assert len(shown) >= len(HOSTS) + 1, "the server and its executors are seen"
    assert [line for line in lines if SECRET in line] == []


def test_whoever_has_not_the_secret_is_no_worker(cluster: Cluster) -> None:
    stranger = cluster.container("worker", "two")
    said = replace(
        stranger, environment={**stranger.environment, "SPARK_SECRET": "the secret of another cluster", "SPARK_WORKER_PORT": "0"}
    )
    log = cluster.machine.log("stranger")
    running = said.start(
        sys.executable, "-m", "docker.cluster", "worker", cluster.machine.known["SPARK_MASTER"], "--port", "7200", log=log
    )
    try:
        assert any(
            "Failed to connect to master" in log.read_text() or "Authentication failed" in log.read_text() for _ in wait(60)
        ), log.read_text()
        assert "Successfully registered" not in log.read_text()
    finally:
        running.kill()
        running.wait(10)


@pytest.mark.parametrize(("user", "words"), STEPS, ids=[words.split(" --hold")[0] for _, words in STEPS])
def test_a_worker_that_is_killed_is_survived(cluster: Cluster, user: str, words: str) -> None:
    victim = HOSTS[len(words) % 2]
    before = cluster.executors()
    with _under_way(cluster, user, *words.split()) as running:
        address = cluster.machine.network.hosts[victim]
        for _ in wait(5, pause=0.3):  # a release has few tasks or none: then it is killed for all that
            if cluster.executors().get(address, 0) > before[address]:
                break
        assert running.poll() is None, "it was over before a worker could be killed"
        cluster.kill(victim)
    cluster.start_worker(victim)
    cluster.await_executors(len(HOSTS))


def test_what_readers_see_is_what_the_source_has(cluster: Cluster) -> None:
    told = cluster.machine.lakehouse("release", "sql", "--execute", "select count(*) as orders from silver.int_orders__current")
    dsn = cluster.machine.known["SOURCE_DSN"]
    count = (
        f"import psycopg2; c = psycopg2.connect({dsn!r}).cursor(); c.execute('select count(*) from orders'); print(c.fetchone()[0])"
    )
    assert cluster.machine.container("ingest").python(count) in told
