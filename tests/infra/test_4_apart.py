"""The server and the jobs as users without capabilities, in namespaces, with the machine's own rules: none sees another, each does its work."""

import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace

import pytest
from infra.machine import CANARY, USERS, Machine, started, user_data
from infra.namespaces import METADATA, command


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    """Without a container yet."""
    with started() as made:
        yield made


@pytest.fixture(scope="module")
def server(machine: Machine) -> Iterator["subprocess.Popen[bytes]"]:
    """The server's container on it."""
    with machine.server() as running:
        yield running


def _fetch() -> str:
    return f"import urllib.request; print(urllib.request.urlopen('http://{METADATA}/', timeout=5).read().decode())"


def test_metadata_is_the_machines_alone(machine: Machine) -> None:
    [rule] = re.findall(r"^ExecStart=/usr/sbin/(ip .*)$", user_data(), re.M)
    job = machine.container("ingest")
    assert job.python(_fetch()) == "credentials of the machine", "before the rule"
    command("ip", "netns", "exec", machine.network.namespace("machine"), *rule.split())
    for name in USERS:
        assert "Permission denied" in machine.container(name).run(sys.executable, "-c", _fetch(), code=1), name
    as_root = ["ip", "netns", "exec", machine.network.namespace("machine"), sys.executable, "-c", _fetch()]
    assert "credentials of the machine" in command(*as_root), "the agent of ECS, which is root, needs it"


_LOOK = """
import pathlib
for path in pathlib.Path("/proc").glob("[0-9]*/environ"):
    try:
        print(path, path.read_bytes())
    except OSError as error:
        print(path, error)
"""


def test_no_job_reads_another_ones_environment(machine: Machine, server: "subprocess.Popen[bytes]") -> None:
    secret = CANARY.format("spark")
    job = machine.container("gate")
    seen = job.python(_LOOK)
    assert CANARY.format("gate") in seen and secret not in seen
    assert len(seen.splitlines()) <= 3, "its own processes, and no other"
    same_processes = replace(job, sees_all=True)
    assert secret not in same_processes.python(_LOOK), "its user alone keeps the server's environment from it"
    as_it_was = replace(machine.container("spark"), sees_all=True)
    assert secret in as_it_was.python(_LOOK), "one user with common process ids sees it: this look would find it"


def test_no_job_can_take_what_is_the_servers(machine: Machine, server: "subprocess.Popen[bytes]") -> None:
    job = machine.container("build")
    inside = f"import os; os.chdir({str(machine.var_dir)!r}); "
    for deed in (
        "open('metastore/other', 'w')",
        "os.listdir('metastore/db')",
        "os.rename('metastore', 'mine')",
        f"os.listdir('tmp/{USERS['spark']}')",
        f"os.rename('tmp/{USERS['spark']}', 'tmp/mine')",
        "os.setuid(0)",
        "os.chown('run', 0, 0)",
    ):
        said = job.run(sys.executable, "-c", inside + deed, code=1)
        assert "Permission denied" in said or "Operation not permitted" in said, deed
    assert "No such" not in job.run(sys.executable, "-c", inside + "os.stat('metastore/lake')")
    said = job.python("print(open('/proc/self/status').read())")
    assert re.findall(r"Cap\w+:\t(\w+)", said) == ["0" * 16] * 5 and "NoNewPrivs:\t1" in said


def test_each_job_does_its_work(machine: Machine, server: "subprocess.Popen[bytes]") -> None:
    machine.lakehouse("ingest", "ingest")
    for layer in ("bronze", "silver"):
        if layer != "bronze":
            machine.lakehouse("build", "dbt", "--layer", layer)
        machine.lakehouse("gate", "gate", "--layer", layer, "--hold-back")
        machine.lakehouse("release", "release", "--layer", layer)
    machine.lakehouse("site", "site")
    assert "running" in machine.lakehouse("release", "status")
    asked = machine.lakehouse("release", "sql", "--execute", "select count(*) as orders from silver.int_orders__current")
    assert re.search(r"\b[1-9]\d{2,}\b", asked), asked
    page = machine.container("publish").python(f"print(open({str(machine.var_dir / 'site' / 'index.html')!r}).read()[:15])")
    assert page.lower().startswith("<!doctype html>")


def test_a_job_that_lost_the_lease_has_the_server_ended(machine: Machine, server: "subprocess.Popen[bytes]") -> None:
    """Last: it ends it. A job can't, being another user with other process ids; the server's own container does."""
    stop = (
        "from lakehouse.machine import load; from lakehouse.servers import server; print(server.pid_file(load()).stop(patience=0))"
    )
    assert machine.container("ingest").python(stop) == "True"
    assert server.wait(10) == 1
    log = machine.log("server").read_text()
    assert "a job asked for it" in log
    assert "has died" in machine.lakehouse("gate", "status")
