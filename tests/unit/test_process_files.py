"""A pid file names its process whatever becomes of the clock; free ports are out of the way of whoever connects."""

import json
import os
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from lakehouse.servers import process
from lakehouse.servers.process import PidFile
from lakehouse.settings import Settings


@pytest.fixture
def mine(tmp_path: Path) -> PidFile:
    made = PidFile(tmp_path / "run" / "mine.pid")
    made.note(os.getpid())
    return made


@pytest.mark.parametrize("step", [-86_400.0, 0.0, 3600.0])
def test_a_clock_that_was_set_hides_no_server(mine: PidFile, monkeypatch: pytest.MonkeyPatch, step: float) -> None:
    known = psutil.Process.create_time
    monkeypatch.setattr(psutil.Process, "create_time", lambda self: known(self) + step)  # as psutil reckons it from the clock
    found = mine.process()
    assert found is not None and found.pid == os.getpid()


@pytest.mark.parametrize("other", [{"born": 0.5}, {"boot": "before"}, {"pid": 2**22 + 1}])
def test_another_process_is_not_taken_for_it(mine: PidFile, other: dict[str, object]) -> None:
    mine.path.write_text(json.dumps(json.loads(mine.path.read_text()) | other))
    assert mine.process() is None and not mine.path.exists()


def test_a_server_of_an_earlier_release_is_still_found(mine: PidFile) -> None:
    mine.path.write_text(json.dumps({"pid": os.getpid(), "born": psutil.Process().create_time()}))
    assert mine.process() is not None


def test_free_ports_are_not_given_to_whoever_connects() -> None:
    found = process.free_ports(9)
    assert len(set(found)) == 9
    assert max(found) < process._ephemeral()


def test_what_ended_by_itself_has_died_until_it_is_started_or_stopped(mine: PidFile) -> None:
    assert not mine.died()
    noted = json.loads(mine.path.read_text())
    mine.path.write_text(json.dumps(noted | {"pid": 2**22 + 1}))
    assert mine.process() is None and mine.died() and mine.died()
    mine.note(os.getpid())
    assert not mine.died()
    mine.path.write_text(json.dumps(noted | {"pid": 2**22 + 1}))
    assert mine.died() and not mine.stop() and not mine.died()
    mine.path.write_text(json.dumps(noted | {"boot": "before"}))  # the machine was started anew meanwhile
    assert not mine.died()


def test_free_ports_are_not_those_that_others_will_want(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = process.free_ports(2)
    tries = iter([first, first, second])
    monkeypatch.setattr(process, "_chance", SimpleNamespace(randrange=lambda *_: next(tries)))
    assert process.free_ports(1, besides=[first]) == [second]


def test_every_port_of_a_server_is_known_as_one() -> None:
    settings = Settings(source_dsn=None)
    assert {settings.thrift_port, settings.connect_port, settings.s3_port, settings.spark_ui_port} < {*settings.ports}
