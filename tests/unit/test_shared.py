"""A VAR_DIR that a group shares is so by its mode; what is made in it is the group's, but what is staged is its maker's alone."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from lakehouse import access, machine
from lakehouse.errors import ServerError
from lakehouse.servers import server
from lakehouse.settings import Settings


@pytest.fixture(autouse=True)
def umask() -> Iterator[None]:
    """As it was, whatever a test sets."""
    before = os.umask(0o022)
    yield
    os.umask(before)


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("mode", [0o755, 0o2755, 0o775, 0o700])
def test_other_folders_are_left_as_they_are(tmp_path: Path, mode: int) -> None:
    tmp_path.chmod(mode)
    access.adopt(tmp_path)
    (tmp_path / "made").touch()
    assert (_mode(tmp_path / "made"), access.scratch(tmp_path)) == (0o644, tmp_path / "tmp")


def test_what_is_made_in_a_shared_one_is_the_groups(tmp_path: Path) -> None:
    tmp_path.chmod(0o3770)
    access.adopt(tmp_path)
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "writing.lock").touch()
    assert (_mode(tmp_path / "run"), _mode(tmp_path / "run" / "writing.lock")) == (0o2770, 0o660)


def test_what_is_staged_there_is_its_makers(tmp_path: Path) -> None:
    tmp_path.chmod(0o3770)
    folder = access.scratch(tmp_path)
    assert folder == access.scratch(tmp_path) == tmp_path / "tmp" / str(os.getuid())
    assert (_mode(folder), _mode(folder.parent)) == (0o2700, 0o3770)


def test_what_opens_the_server_is_read_by_those_who_may_ask_it(tmp_path: Path) -> None:
    assert access.secret_mode(tmp_path) == 0o600
    tmp_path.chmod(0o3770)
    assert access.secret_mode(tmp_path) == 0o640


def test_the_servers_files_are_its_own_there(tmp_path: Path) -> None:
    on_s3 = Settings(var_dir=tmp_path, lake_url="s3://bucket/lake")
    assert server._umask(on_s3) == -1
    tmp_path.chmod(0o3770)
    assert (server._umask(on_s3), server._umask(Settings(var_dir=tmp_path))) == (0o077, -1)


def test_a_job_that_can_start_no_server_says_who_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "metastore").mkdir()
    monkeypatch.setattr(os, "access", lambda *_: False)  # as it is for a job's user
    monkeypatch.setattr(server, "_START_SECONDS", 0.5)
    monkeypatch.setattr(server.process, "start", pytest.fail)
    with pytest.raises(ServerError, match=r"metastore is another user's, who alone can start it.*docker compose up spark"):
        machine.start(Settings(var_dir=tmp_path))
