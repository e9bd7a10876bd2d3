"""What tests share: one PostgreSQL and one Spark server, started when the first test asks, gone after the last."""

import itertools
import os
import random
import re
import secrets
import shutil
import signal
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import apart
import psutil
import pytest
from hypothesis import settings as examples
from ports import free_ports
from pydantic import SecretStr
from xdist.scheduler import LoadScopeScheduling

from lakehouse import machine, network, redaction
from lakehouse.engines import session
from lakehouse.servers import postgres, server
from lakehouse.settings import Settings

_numbers = itertools.count(1)
examples.register_profile("house", deadline=None)  # speed is measured in bench/: a busy machine fails no test
examples.load_profile("house")
for _name in [field.upper() for field in Settings.model_fields]:
    os.environ.pop(_name, None)  # a developer's own settings must not reach the tests
Settings.model_config["env_file"] = None
# Code runs for a minute or two here: to compile it once, quickly, takes a third less of the processors than to make it ever faster.
os.environ["JDK_JAVA_OPTIONS"] = "-XX:TieredStopAtLevel=1"
network.adopt()
signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C: a run that is cut off still stops its servers


# Folders whose tests share a lake, the longest first: each goes to one process whole. Elsewhere a file does.
_TOGETHER = ["s3", "pipeline", "browser"]
# What a module must name for its tests to depend on when things happen.
_TIMING = re.compile(r"\btime\.|datetime\.now|\bthreading\b|\bfree_ports\b|\bsocket\b|\bPopen\b|\bfaulty\b|\bfresh_database\b")


def pytest_xdist_auto_num_workers() -> int:
    """Two processes where there is room: each has a Spark and a PostgreSQL of its own, and some tests start a second one."""
    return 2 if (os.cpu_count() or 1) > 1 and psutil.virtual_memory().total > 12e9 else 0


def pytest_configure(config: pytest.Config) -> None:
    """All that a run makes is in a folder of its own."""
    apart.begin()


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    """Who gets which tests."""
    return _Together(config, log)


class _Together(LoadScopeScheduling):  # type: ignore[misc]
    def _split_scope(self, nodeid: str) -> str:
        return _group(Path(nodeid.partition("::")[0]))


def _group(module: Path) -> str:
    return module.parent.name if module.parent.name in _TOGETHER else module.stem


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what touches clocks, ports or servers (`make flaky`); the longest first, else as they stand, or shuffled by ORDER."""
    sources = {path: path.read_text(encoding="utf-8") for path in {item.path for item in items}}
    for item in items:
        if _TIMING.search(sources[item.path]):
            item.add_marker("timing")
    names = {item: _group(item.path) for item in items}
    if seed := os.environ.get("ORDER"):
        chance = random.Random(seed)
        order = {each: chance.random() for each in sorted({*names.values(), *map(str, sources), *(item.nodeid for item in items)})}
        # Some tests go on from the one before: those of folders that share a lake, and of modules that say so.
        told = {item for item in items if names[item] in _TOGETHER or item.get_closest_marker("in_order")}
        own = {item: 0.0 if item in told else order[item.nodeid] for item in items}
        items.sort(key=lambda item: (order[names[item]], order[str(item.path)], own[item]))
    items.sort(key=lambda item: _TOGETHER.index(names[item]) if names[item] in _TOGETHER else len(_TOGETHER))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> Generator[None]:
    """Nothing of a run outlives it: what is left is a failure of whoever started it, and is stopped."""
    yield
    if hasattr(session.config, "workerinput"):
        return
    left = apart.end()
    if left and session.exitstatus == 0:
        session.exitstatus = 1
        reporter = session.config.pluginmanager.get_plugin("terminalreporter")
        reporter.write_line("Left running by the tests:\n" + "\n".join(left), red=True)


@pytest.fixture(autouse=True)
def _known_secrets() -> Iterator[None]:
    """A secret of one test is a word in another: what a process comes to know ends with the test that said it."""
    known = dict(redaction._known)
    yield
    redaction._known.clear()
    redaction._known.update(known)


@pytest.fixture(scope="session")
def settings() -> Iterator[Settings]:
    """Settings of servers of the tests' own; the servers are started by the fixtures that need them."""
    folder = apart.folder("var")
    thrift, connect, ui, database, site = free_ports(5)
    made = Settings(
        var_dir=folder,
        thrift_port=thrift,
        connect_port=connect,
        spark_ui_port=ui,
        postgres_port=database,
        site_port=site,
        spark_memory="2g",
        scale=0.002,
        spark_token=SecretStr(secrets.token_urlsafe(32)),
    )
    yield made
    server.stop(made)
    postgres.of(made).stop()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def environment(settings: Settings) -> dict[str, str]:
    """Environment for a child process on the tests' servers."""
    return {**os.environ, **apart.variables(settings)}


@pytest.fixture(scope="session")
def database(settings: Settings) -> postgres.Postgres:
    """The running PostgreSQL."""
    found = postgres.of(settings)
    found.start()
    return found


@pytest.fixture
def new_database(database: postgres.Postgres) -> Callable[[], str]:
    """Makes empty databases; each call gives the DSN of another."""
    return lambda: database.create_database(f"db{next(_numbers)}")


@pytest.fixture
def fresh_database(new_database: Callable[[], str]) -> str:
    """DSN of an empty database."""
    return new_database()


@pytest.fixture(scope="session")
def spark_server(settings: Settings) -> Settings:
    """Settings of the running Spark server."""
    machine.start(settings)
    return settings


@pytest.fixture(scope="session")
def spark(spark_server: Settings) -> Iterator[Any]:
    """A Spark Connect session."""
    opened = session.connect(spark_server)
    yield opened
    opened.stop()


@pytest.fixture
def lake_settings(spark_server: Settings, fresh_database: str) -> Settings:
    """Settings of a lake and a source of the test's own, on the shared servers; bronze names begin with the source's."""
    number = next(_numbers)
    return spark_server.model_copy(
        update={
            "lake_url": str(spark_server.var_dir / f"lake{number}"),
            "source_dsn": SecretStr(fresh_database),
            "source_name": f"s{number}",
        }
    )
