"""One writer of a folder lake: whatever VAR_DIR it has, whatever process it is."""

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from lakehouse import machine
from lakehouse.errors import LockError, ReadOnlyError, ServerError, StorageError
from lakehouse.servers import health
from lakehouse.settings import ROOT, Settings
from lakehouse.store import lock

_HOLD = """
import json, sys
from pathlib import Path
from lakehouse import machine
from lakehouse.settings import Settings
Settings.model_config["env_file"] = None
with machine.writing(Settings(**json.loads(sys.argv[1])), "a run elsewhere"):
    print("held", flush=True)
    sys.stdin.read()
"""


class Holder:
    """Another process that writes, until it is told to end."""

    def __init__(self, **settings: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", _HOLD, json.dumps(settings)],
            cwd=ROOT,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def __enter__(self) -> "Holder":
        assert self.process.stdout is not None and self.process.stdout.readline() == "held\n"
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()


def refused(ours: Settings, **theirs: str) -> None:
    """Ours is, while theirs holds it."""
    with Holder(**{"var_dir": f"{ours.var_dir} of theirs"} | theirs), pytest.raises(LockError), machine.writing(ours, "ingest"):
        pass


def test_two_var_dirs_on_one_lake_write_one_at_a_time(tmp_path: Path) -> None:
    lake = str(tmp_path / "lake")
    ours = Settings(var_dir=tmp_path / "ours", lake_url=lake)
    with Holder(var_dir=str(tmp_path / "theirs"), lake_url=lake) as holder:
        known = rf"being written by a run elsewhere \(pid {holder.process.pid}\) since .* UTC"
        with pytest.raises(LockError, match=known), machine.writing(ours, "ingest"):
            pass
    with machine.writing(ours, "ingest"):  # killed: its lock is gone with it
        pass


def test_a_link_to_the_lake_is_the_lake(tmp_path: Path) -> None:
    (tmp_path / "lake").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "lake")
    refused(Settings(var_dir=tmp_path / "ours", lake_url=str(tmp_path / "link")), lake_url=str(tmp_path / "lake"))


def test_two_lakes_with_one_place_for_gold_write_one_at_a_time(tmp_path: Path) -> None:
    gold = str(tmp_path / "gold")
    ours = Settings(var_dir=tmp_path / "ours", lake_url=str(tmp_path / "lake"), gold_url=gold)
    refused(ours, lake_url=str(tmp_path / "their lake"), gold_url=gold)


def test_one_var_dir_is_written_by_one(tmp_path: Path) -> None:
    """The catalog is in it."""
    var = tmp_path / "var"
    refused(Settings(var_dir=var, lake_url=str(tmp_path / "two")), var_dir=str(var), lake_url=str(tmp_path / "one"))


def test_who_is_refused_holds_nothing(tmp_path: Path) -> None:
    ours = Settings(var_dir=tmp_path / "ours", lake_url=str(tmp_path / "a"), gold_url=str(tmp_path / "b"))
    with Holder(var_dir=str(tmp_path / "theirs"), lake_url=str(tmp_path / "b")):
        with pytest.raises(LockError), machine.writing(ours, "ingest"):
            pass
        with Holder(var_dir=str(tmp_path / "ours"), lake_url=str(tmp_path / "a")):
            pass


def test_the_same_process_may_take_it_again_with_another_var_dir_too(tmp_path: Path) -> None:
    lake = str(tmp_path / "lake")
    one, two = (Settings(var_dir=tmp_path / name, lake_url=lake) for name in ("one", "two"))
    noted = tmp_path / "lake" / lock.FOLDER / "writing.json"
    with machine.writing(one, "the pipeline"):
        with machine.writing(one, "ingest"), machine.writing(two, "gate"):
            assert json.loads(noted.read_bytes())["what"] == "the pipeline"
        with pytest.raises(AssertionError), Holder(var_dir=str(tmp_path / "three"), lake_url=lake):
            pass  # still held
    with Holder(var_dir=str(tmp_path / "three"), lake_url=lake):
        pass


def test_a_child_process_that_is_left_behind_holds_no_lock(tmp_path: Path) -> None:
    ours = Settings(var_dir=tmp_path / "ours", lake_url=str(tmp_path / "lake"))
    with machine.writing(ours, "ingest"):
        child = subprocess.Popen(["sleep", "60"], close_fds=False)
    try:
        with Holder(var_dir=str(tmp_path / "theirs"), lake_url=ours.lake_url):
            pass
    finally:
        child.kill()
        child.wait()


def test_a_holder_on_another_machine_is_named_with_it(tmp_path: Path) -> None:
    ours = Settings(var_dir=tmp_path / "ours", lake_url=str(tmp_path / "lake"))
    with Holder(var_dir=str(tmp_path / "theirs"), lake_url=ours.lake_url):
        noted = tmp_path / "lake" / lock.FOLDER / "writing.json"
        noted.write_text(json.dumps(json.loads(noted.read_bytes()) | {"host": "db7"}))
        with pytest.raises(LockError, match=r"\(pid \d+ on db7\)"), machine.writing(ours, "ingest"):
            pass


@pytest.mark.parametrize(
    ("number", "kind"),
    [(errno.EROFS, ReadOnlyError), (errno.EACCES, ReadOnlyError), (errno.ENOLCK, StorageError), (errno.ENOSPC, StorageError)],
)
def test_a_lake_that_can_not_be_locked_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, kind: type[StorageError]
) -> None:
    def refuse(self: object, timeout: float) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(lock.FileLock, "acquire", refuse)
    ours = Settings(var_dir=tmp_path / "ours", lake_url=str(tmp_path / "lake"))
    known = f"can't be locked: {os.strerror(number)}.*kernel's locks work.*Set LAKE_URL"
    with pytest.raises(StorageError, match=known) as told, machine.writing(ours, "ingest"):
        raise AssertionError
    assert type(told.value) is kind


def test_a_spark_server_that_does_not_end_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = Settings(var_dir=tmp_path)
    process = subprocess.Popen(["sleep", "60"])
    health.pid_file(ours).note(process.pid)
    monkeypatch.setattr(psutil.Process, "send_signal", lambda self, number: None)  # as one that waits for a disk
    monkeypatch.setattr(psutil, "wait_procs", lambda all, timeout: ([], all))
    try:
        with pytest.raises(ServerError, match=rf"pid {process.pid}.*may still commit"):
            health.cut_off(ours)
    finally:
        process.kill()
        process.wait()
