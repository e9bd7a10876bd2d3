"""A dbt run that is killed, or whose statement is broken off on the server: the next run ends as if nothing had been; one run at a time."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests
from small_dbt import MERGE, NEW, Project

from lakehouse.engines import catalog
from lakehouse.settings import Settings
from lakehouse.store import lock

# A row that takes its time, if that is asked for, and the models stay as they are written.
# How much is no table's: what a table or a view says is an input, and one that changed has a model fully refreshed.
_SLOWLY = "reflect('java.lang.Thread', 'sleep', bigint(reflect('java.lang.System', 'getProperty', 'pace.{name}'))) is not null"
_LONG = bool(os.environ.get("LONG"))  # each statement in each way
_PATIENCE = 240  # seconds: a busy machine takes a minute to start dbt


@pytest.fixture
def make(tmp_path: Path, spark_server: Settings) -> Iterator[Callable[..., Project]]:
    """Makes projects of two models in a row: `merged`, and `whole` of that."""
    made = []

    def made_project(locking: bool = False) -> Project:
        project = Project(tmp_path, spark_server, locking)
        made.append(project)
        slowly = _SLOWLY.format(name=project.name)
        project.write("models/merged.sql", MERGE + NEW.replace("where", f"where {slowly} and"))
        project.write(
            "models/whole.sql", "{{ config(materialized='table') }} select id, told from {{ ref('merged') }} where " + slowly
        )
        _pace(project, 0)
        return project

    yield made_project
    for project in made:
        project.drop()


def _pace(project: Project, milliseconds: int) -> None:
    """How long a row takes from here on."""
    told = f"select reflect('java.lang.System', 'setProperty', 'pace.{project.name}', '{milliseconds}')"
    catalog.thrift_rows(project.settings, told)


def _command(project: Project, *said: str) -> list[str]:
    place = str(project.folder)
    dbt = str(Path(sys.executable).with_name("dbt"))
    return [dbt, "--no-version-check", *said, "--project-dir", place, "--profiles-dir", place, "--log-path", f"{place}/logs"]


@contextmanager
def _running(project: Project, environment: dict[str, str], statement: str) -> "Iterator[subprocess.Popen[str]]":
    """A dbt process whose `statement` is executing on the server; it is dead afterwards."""
    log = project.folder / "logs" / "dbt.log"
    log.unlink(missing_ok=True)
    _pace(project, 600_000)  # longer than a second dbt takes to start beside it; the server breaks off what nobody waits for
    child = subprocess.Popen(
        _command(project, "run"),
        env=environment,
        text=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    try:
        _until(lambda: log.exists() and statement in log.read_text() and _jobs(project.settings), f"{statement} is executing")
        assert child.poll() is None
        yield child
    finally:
        child.kill()
        child.communicate()
        # Before that a statement could still reach its slow row, and would be done with it.
        _until(
            lambda: not any(_jobs(project.settings) or time.sleep(0.1) for _ in range(5)),
            "the server breaks off what nobody waits for",
        )
        _pace(project, 0)


def _jobs(settings: Settings) -> list[int]:
    """Jobs that the server is working on."""
    page = f"http://127.0.0.1:{settings.spark_ui_port}/api/v1/applications"
    name = requests.get(page, timeout=_PATIENCE).json()[0]["id"]
    return [job["jobId"] for job in requests.get(f"{page}/{name}/jobs", params={"status": "running"}, timeout=_PATIENCE).json()]


def _broken_off(settings: Settings, child: "subprocess.Popen[str]") -> bool:
    """Whether `child` has ended of its jobs' being killed: those of now, which the one that takes its time may come after."""
    for job in _jobs(settings) if child.poll() is None else ():
        requests.post(f"http://127.0.0.1:{settings.spark_ui_port}/jobs/job/kill/", params={"id": job}, timeout=10)
    return child.poll() is not None


def _until(so: Callable[[], object], what: str) -> None:
    end = time.monotonic() + _PATIENCE
    while not so():
        assert time.monotonic() < end, f"it never was so: {what}"
        time.sleep(0.1)


def test_the_next_run_finishes_what_was_broken_off(make: Callable[..., Project], environment: dict[str, str]) -> None:
    project = make()
    project.dbt("run")
    merge, create = f"merge into {project.name}_main.merged", f"create or replace table {project.name}_main.whole"
    ways = [(merge, "killed"), (create, "cancelled"), *([(create, "killed"), (merge, "cancelled")] if _LONG else [])]
    for number, (statement, broken_off) in enumerate(ways, start=2):
        project.batch(number, 1, number + 2)  # a row that is there, and a new one
        if statement == create:
            project.dbt("run", "--select", "merged")
        before = project.rows("merged", "id, told"), project.rows("whole")
        with _running(project, environment, statement) as child:
            if broken_off == "killed":
                os.kill(child.pid, signal.SIGKILL)
                child.wait()
            else:
                _until(lambda: _broken_off(project.settings, child), "dbt gives up")
                said = child.communicate(timeout=_PATIENCE)[0]
                assert child.returncode == 1 and "cancelled" in said, said
        assert (project.rows("merged", "id, told"), project.rows("whole")) == before  # it had written nothing yet
        project.dbt("run")
        expected = [(1, f"b{number}"), (2, "b1"), (3, "b1"), *((each + 2, f"b{each}") for each in range(2, number + 1))]
        assert project.rows("merged", "id, told") == project.rows("whole") == expected
    _until(lambda: not _jobs(project.settings), "the server works on nothing")  # not on what nobody waits for any more either
    project.dbt("run", "--target", "other")
    for model in ("merged", "whole"):
        assert project.rows(model) == project.rows(model, target="other") and len(project.rows(model)) == 3 + len(ways)
    assert project.tables("main") == {"stg", "merged", "whole"}
    assert {path.name for path in Path(f"{project.settings.lake_url}/warehouse/{project.name}_main.db").iterdir()} == {
        "merged",
        "whole",
    }


def test_a_second_run_is_refused_and_changes_nothing(make: Callable[..., Project], environment: dict[str, str]) -> None:
    project = make(locking=True)

    def run() -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            _command(project, "run"), env=environment, text=True, capture_output=True, stdin=subprocess.DEVNULL, timeout=_PATIENCE
        )

    assert lock.HELD not in environment
    mark = project.settings.var_dir / "state" / "built_silver.json"  # what `make run` notes, which a run by hand takes back
    mark.parent.mkdir(exist_ok=True)
    mark.write_text("{}")
    first = run()
    assert first.returncode == 0, first.stdout
    assert not mark.exists()
    project.batch(2, 4)
    before = project.version("merged"), project.version("whole")
    with _running(project, environment, f"merge into {project.name}_main.merged") as child:
        refused = run()
        assert refused.returncode != 0
        assert f"the lake: is being written by dbt run (pid {child.pid}) since 20" in refused.stdout
        assert "Wait for it to end, then run again" in refused.stdout
        assert (project.version("merged"), project.version("whole")) == before
        assert child.poll() is None
    assert run().returncode == 0  # the lock died with its holder
    assert project.ids("merged") == project.ids("whole") == [1, 2, 3, 4]
