"""A server of another container, whose process can't be seen, is known by the lock that it holds, and is asked to end by a file."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from lakehouse import environment
from lakehouse.errors import ServerError
from lakehouse.servers import alive, health, process
from lakehouse.servers.process import PidFile
from lakehouse.settings import Settings


@pytest.fixture
def server(tmp_path: Path) -> Iterator[psutil.Process]:
    """A process that stands for a server."""
    made = PidFile(tmp_path / "run" / "spark.pid")
    process.start("sleeper", [sys.executable, "-c", "import time; time.sleep(600)"], made, tmp_path / "log", environment.plain())
    here = made.process()
    assert here is not None
    yield here
    _kill(here)


@pytest.fixture
def elsewhere(server: psutil.Process, tmp_path: Path) -> PidFile:
    """Its pid file, as one in another container would see it: with a number that is somebody else's here."""
    made = PidFile(tmp_path / "run" / "spark.pid")
    made.path.write_text(json.dumps(json.loads(made.path.read_text()) | {"pid": os.getpid(), "space": "pid:[1]"}))
    return made


def _kill(server: psutil.Process) -> None:
    with suppress(psutil.NoSuchProcess):
        server.kill()
        server.wait(5)


def test_it_runs_though_its_process_is_not_seen(elsewhere: PidFile) -> None:
    assert elsewhere.runs() and elsewhere.process() is None and not elsewhere.died()
    assert elsewhere.path.exists(), "the file is another's, and not stale"
    assert "runs in another container" in health.trouble(Settings(var_dir=elsewhere.path.parent.parent))


def test_one_that_was_killed_has_died_at_once(elsewhere: PidFile, server: psutil.Process) -> None:
    _kill(server)
    assert not elsewhere.runs() and elsewhere.died()


def test_of_one_that_ended_here_the_lock_says_nothing(server: psutil.Process, tmp_path: Path) -> None:
    """Its threads may hold it for a moment after it is a zombie, and it has died, not moved to another container."""
    made = PidFile(tmp_path / "run" / "spark.pid")
    made.path.write_text(json.dumps(json.loads(made.path.read_text()) | {"pid": 2**22 + 1}))
    assert alive.held(made.lock) and not made.runs() and made.died()


def test_its_children_do_not_stand_for_it(tmp_path: Path) -> None:
    made = PidFile(tmp_path / "spark.pid")
    child = "import subprocess, sys; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(5)'])"
    process.start("parent", [sys.executable, "-c", child], made, tmp_path / "log", environment.plain())
    assert any(not alive.held(made.lock) for _ in process.wait(3)), "its child lives for five seconds"


def test_it_is_asked_to_end_by_whoever_cannot_see_it(elsewhere: PidFile, server: psutil.Process) -> None:
    def watch() -> None:  # what docker/serve.sh does
        for _ in process.wait(20):
            if elsewhere.end.exists():
                _kill(server)
                break

    watcher = threading.Thread(target=watch)
    watcher.start()
    assert elsewhere.stop(patience=0) and not elsewhere.runs()
    watcher.join()


def test_that_nobody_ends_it_is_told(elsewhere: PidFile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "_END_SECONDS", 0.5)
    with pytest.raises(ServerError, match="another container, which did not end"):
        elsewhere.stop(patience=0)


def test_a_second_server_does_not_start_beside_it(elsewhere: PidFile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alive, "_SECONDS", 0.5)
    with pytest.raises(ServerError, match="is locked by a server that runs"):
        process.start("second", [sys.executable, "-c", "pass"], elsewhere, elsewhere.path.parent / "log", environment.plain())


def test_an_old_request_to_end_is_not_for_the_next_server(tmp_path: Path) -> None:
    made = PidFile(tmp_path / "spark.pid")
    made.end.touch()
    process.start("sleeper", [sys.executable, "-c", "import time; time.sleep(600)"], made, tmp_path / "log", environment.plain())
    assert made.runs() and not made.end.exists()
    assert made.stop()


def test_who_asks_in_passing_does_not_keep_it_from_starting(tmp_path: Path) -> None:
    made = PidFile(tmp_path / "spark.pid")
    lock = alive.hold(made.lock)
    os.close(lock)
    asking = (
        f"import fcntl, time; f = open({str(made.lock)!r}); fcntl.flock(f, fcntl.LOCK_SH); print('', flush=True); time.sleep(1)"
    )
    with subprocess.Popen([sys.executable, "-c", asking], stdout=subprocess.PIPE) as asker:
        assert asker.stdout and asker.stdout.readline()
        os.close(alive.hold(made.lock))
