"""What `make image-test` shares: the image, built once, and beside it an S3 store and a PostgreSQL on a network that is loopback."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from image import engine as engines
from image import report
from image.engine import Engine
from image.stack import Stack

from lakehouse.servers.postgres import Postgres
from lakehouse.settings import ROOT

IMAGE, BASE = "localhost/comporta:tested", "localhost/comporta-base:tested"
_SCALE = "0.002"
_FILL = """
import sys
from pathlib import Path
from lakehouse.servers.postgres import Postgres
from samples.shop.load import load
database = Postgres(Path(sys.argv[1]) / "postgres", 5432, Path(sys.argv[1]) / "postgres.log")
database.start()
load(database.create_database("shop"), float(sys.argv[2]))
"""


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    """The engine, gone at the end with all that it made."""
    engines.install()
    made = Engine(Path(tempfile.mkdtemp(prefix="comporta-image-", dir="/tmp")))
    yield made
    made.end()


@pytest.fixture(scope="session")
def base(engine: Engine) -> float:
    """BASE is there, from debootstrap instead of a registry; how many seconds it took."""
    began = time.monotonic()
    engine.make_base(BASE)
    return time.monotonic() - began


@pytest.fixture(scope="session")
def image(engine: Engine, base: float) -> str:
    """The image as `docker build .` makes it, from nothing but its base."""
    began = time.monotonic()
    engine.build(ROOT, BASE, IMAGE)
    report.note("build, from an empty folder", base + time.monotonic() - began)
    report.note_image(engine, IMAGE)
    return IMAGE


@pytest.fixture(scope="session")
def stack(engine: Engine, image: str) -> Iterator[Stack]:
    """compose.yaml, its store and its database running; they and all containers to come have one loopback, and no other network."""
    hosts = engine.folder / "hosts"
    hosts.write_text("127.0.0.1 localhost comporta store postgres\n")
    keys = {"S3_ACCESS_KEY": "imagetest", "S3_SECRET_KEY": "a-secret-of-the-image-s-test"}
    start_store(engine, Stack(keys | {"POSTGRES_PASSWORD": "none-yet"}, hosts), hosts, "store")
    within(engine, "store", "-c", _FILL, str(engine.folder), _SCALE)
    database = Postgres(engine.folder / "postgres", 5432, engine.folder / "postgres.log")
    yield Stack(keys | {"POSTGRES_PASSWORD": (database.folder / "password").read_text()}, hosts)
    database.stop()
    shutil.rmtree(database.folder, ignore_errors=True)


def start_store(engine: Engine, stack: Stack, hosts: Path, name: str) -> None:
    """compose.yaml's store as the container `name`, whose loopback is all the network that there is."""
    store = stack.services["store"]
    weed = Path(sys.executable).with_name("weed")
    engine.start(
        [
            "--name",
            name,
            "--network",
            "none",
            "--volume",
            f"{hosts}:/etc/hosts:ro",
            "--volume",
            f"{weed}:{store['entrypoint'][0]}:ro",
            "--volume",
            f"{name}:/data",
            *(part for key, value in store["environment"].items() for part in ("--env", f"{key}={value}")),
            BASE,
            *store["entrypoint"],
            *store["command"],
        ]
    )


def within(engine: Engine, container: str, *arguments: str, environment: Mapping[str, str] | None = None) -> str:
    """Run Python on a container's network, outside of its root; what it printed."""
    state = engine.inspect(container)["State"]
    assert isinstance(state, dict)
    done = subprocess.run(
        ["nsenter", f"--net=/proc/{state['Pid']}/ns/net", sys.executable, "-W", "ignore", *arguments],
        cwd=ROOT,
        env=os.environ | (environment or {}),
        capture_output=True,
        encoding="utf-8",
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Publish what was seen, if it was all that there is to see, and all was well."""
    if exitstatus == 0 and session.config.args == ["tests/image"] and not session.config.getoption("deselect"):
        report.publish()
