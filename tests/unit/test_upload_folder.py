"""`upload` to a lake in a folder: whole or not at all, never over another content, and one line for what can't be taken."""

import errno
import hashlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import in_process
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ingestion import upload
from lakehouse.errors import SourceError, StorageError
from lakehouse.settings import ROOT
from lakehouse.store import content, raw_folder, storage
from lakehouse.store.raw_folder import RawFolder

Run = Callable[..., "subprocess.CompletedProcess[str]"]
PLACE = "raw/local/csv/movies/2022/05/02/movies.csv"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two files to be taken; the lake is in `lake` beside them."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "movies.csv").write_text("id|title\n1|A\n")
    (tmp_path / "series.csv").write_text("id|title\n2|B\n")
    return tmp_path


@pytest.fixture
def run(folder: Path) -> Run:
    """Runs `comporta upload --source local --date 2022-05-02 …`."""

    def call(*words: str, **variables: str) -> "subprocess.CompletedProcess[str]":
        told = os.environ | {"LAKE_URL": str(folder / "lake"), "VAR_DIR": str(folder / "var")} | variables
        return in_process.comporta(told, "upload", "--source", "local", "--date", "2022-05-02", *words)

    return call


def kept(folder: Path) -> dict[str, bytes]:
    """What is in the lake, by its path there."""
    lake = folder / "lake"
    return {str(path.relative_to(lake)): path.read_bytes() for path in lake.rglob("*") if path.is_file()}


def refused(done: "subprocess.CompletedProcess[str]", code: int, *said: str) -> None:
    """It ended so, in one line."""
    assert done.returncode == code, done
    assert len(done.stderr.strip().splitlines()) == 1 and done.stderr.startswith("✗ "), done.stderr
    for each in said:
        assert each in done.stderr, done.stderr


def test_files_are_kept_as_they_are(run: Run, folder: Path) -> None:
    done = run("movies.csv", "--files", "s*.csv")
    assert done.returncode == 0, done.stderr
    assert kept(folder) == {
        PLACE: (folder / "movies.csv").read_bytes(),
        PLACE.replace("movies", "series"): (folder / "series.csv").read_bytes(),
    }
    assert done.stdout.splitlines()[0].startswith(f"✓ movies.csv → {folder}/lake/{PLACE}  13 B, ")
    assert (folder / "lake" / PLACE).stat().st_nlink == 1


def test_the_same_content_again_is_no_work_and_said(run: Run, folder: Path) -> None:
    run("movies.csv")
    before = (folder / "lake" / PLACE).stat()
    done = run("movies.csv")
    assert done.returncode == 0 and "movies.csv is there already, the same: " in done.stdout
    after = (folder / "lake" / PLACE).stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


def test_another_content_is_refused_by_name_with_both_hashes(run: Run, folder: Path) -> None:
    run("movies.csv")
    before = kept(folder)
    old = hashlib.sha256((folder / "movies.csv").read_bytes()).hexdigest()
    (folder / "movies.csv").write_text("id|title\n1|C\n")  # as many bytes
    new = hashlib.sha256((folder / "movies.csv").read_bytes()).hexdigest()
    refused(run("movies.csv"), 5, f"{PLACE}: holds another content", old[:16], new[:16], "Say another DATE")
    refused(run("movies.csv", "--dry-run"), 5, "holds another content")
    assert kept(folder) == before


def test_one_that_fails_keeps_none_of_the_others(run: Run, folder: Path) -> None:
    (folder / "empty.csv").touch()
    done = run("none.csv", "movies.csv", "empty.csv", "series.csv", "notes.md")
    refused(done, 2, "upload: 3 of 5 files were not uploaded")  # the first that failed says with what
    assert [line[0] for line in done.stdout.splitlines()] == ["✗", "✗", "✗", "✓", "✓"]
    assert len(kept(folder)) == 2


def test_a_dry_run_writes_nothing(run: Run, folder: Path) -> None:
    before = {*folder.rglob("*")}
    done = run("movies.csv", "series.csv", "--dry-run")
    assert f"movies.csv would go to {folder}/lake/{PLACE}" in done.stdout and done.stdout.endswith("nothing was written.\n")
    assert {*folder.rglob("*")} == before
    (folder / "more").mkdir()
    (folder / "more" / "movies.csv").write_text("other")
    refused(run("movies.csv", "more/movies.csv", "--dry-run"), 5, "1 of 2 files would not be uploaded")


def test_what_is_said_of_a_file_holds(run: Run, folder: Path) -> None:
    pattern = "Raw/{source:title}/{format:upper}/{entity:title}/{year}/{month}/{day}/{file}"
    assert run("movies.csv", RAW_PATTERN=pattern).returncode == 0
    assert run("movies.csv", "--entity", "films", "--format", "jsonl").returncode == 0
    assert {*kept(folder)} == {"Raw/Local/CSV/Movies/2022/05/02/movies.csv", "raw/local/jsonl/films/2022/05/02/movies.csv"}


def test_today_is_a_day_of_utc(folder: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    class Clock(upload.datetime):
        @classmethod
        def now(cls, zone: Any = None) -> Any:
            return cls(2026, 1, 1, 1, tzinfo=upload.UTC).astimezone(zone)

    monkeypatch.setattr(upload, "datetime", Clock)
    told = os.environ | {"LAKE_URL": str(folder / "lake"), "VAR_DIR": str(folder / "var")}
    with monkeypatch.context() as zone:
        zone.setenv("TZ", "America/Sao_Paulo")
        time.tzset()
        done = in_process.comporta(told, "upload", "movies.csv", "--source", "local")
    time.tzset()
    assert done.returncode == 0
    assert [*kept(folder)] == ["raw/local/csv/movies/2026/01/01/movies.csv"]


def _fifo(folder: Path) -> str:
    os.mkfifo(folder / "p.csv")
    return "p.csv"


def _empty(folder: Path) -> str:
    (folder / "e.csv").touch()
    return "e.csv"


def _nothing_in_it(folder: Path) -> str:
    (folder / "d").mkdir()
    return "d"


@pytest.mark.parametrize(
    ("make", "code", "said"),
    [
        (lambda _: "none.csv", 2, "none.csv: is not there in "),
        (lambda _: "movies.csv/x.csv", 2, "x.csv: is not there"),
        (lambda _: "x" * 3000 + ".csv", 2, "is no name of a file"),
        (_empty, 3, "e.csv: is empty"),
        (_nothing_in_it, 2, "d: is a folder (wanted: files). Name those in it: FILES='d/*.csv'"),
        (_fifo, 3, "p.csv: is a pipe"),
        (lambda _: "/dev/zero", 3, "/dev/zero: is a device"),
    ],
    ids=["missing", "below a file", "too long", "empty", "folder", "pipe", "device"],
)
def test_what_can_not_be_taken_is_named(run: Run, folder: Path, make: Callable[[Path], str], code: int, said: str) -> None:
    refused(run(make(folder)), code, said)
    assert not (folder / "lake").exists()


def test_a_device_is_not_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    """To open one may be to do something, as with a tape."""
    monkeypatch.setattr(content.os, "open", lambda *_: pytest.fail("it was"))
    with pytest.raises(SourceError, match="is a device"):
        content.size(Path("/dev/zero"))


def test_what_can_not_be_read_is_named(run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.open

    def closed(path: Any, flags: int, *more: Any, **options: Any) -> int:
        if str(path) == "movies.csv":  # root may read all that there is
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return real(path, flags, *more, **options)

    monkeypatch.setattr(content.os, "open", closed)
    refused(run("movies.csv"), 3, "movies.csv: can't be read: Permission denied")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "FILES: names no file"),
        (("--files", " "), "FILES: names no file"),
        (("--files", "*.parquet"), "FILES: finds no file by '*.parquet'"),
        (("--files", "a 'b"), "No closing quotation"),
        (("--files", "a b.csv"), "which is one file"),
        (("movies.csv", "--date", "2022-02-30"), "DATE: is '2022-02-30'"),
        (("movies.csv", "--date", "٢٠٢٢-٠٥-٠٢"), "DATE: is "),
        (("movies.csv", "--source", "../x"), "SOURCE: is '../x'"),
        (("movies.csv", "--format", "xlsx"), "'xlsx' is not one of 'csv', 'json', 'jsonl', 'parquet'"),
    ],
)
def test_what_is_asked_wrongly_is_refused(run: Run, folder: Path, words: tuple[str, ...], said: str) -> None:
    (folder / "a b.csv").write_text("x")
    refused(run(*words), 2, said)
    assert not (folder / "lake").exists()


def test_files_are_found_as_a_shell_finds_them(run: Run, folder: Path) -> None:
    (folder / "in" / "x.csv").mkdir(parents=True)
    for name in ("in/a b.csv", "in/c[1].csv", "in/.hidden.csv", "in/x.csv/d.csv"):
        (folder / name).write_text(name)
    assert run("--files", "'in/a b.csv' in/c[1].csv").returncode == 0
    assert run("--files", f"{folder}/in/**").returncode == 0
    assert sorted(each.decode() for each in kept(folder).values()) == ["in/a b.csv", "in/c[1].csv", "in/x.csv/d.csv"]


def test_a_file_that_changes_while_it_is_read_is_refused(run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = RawFolder.look
    for change in (lambda path: path.write_text("id|title\n1|X\n"), lambda path: path.write_text("id"), _append):

        def look(self: RawFolder, url: str, *more: Any, change: Any = change) -> Any:
            change(folder / "movies.csv")  # after its checksum was taken
            return real(self, url, *more)

        monkeypatch.setattr(RawFolder, "look", look)
        refused(run("movies.csv"), 3, "movies.csv: was changed while it was read")
        assert kept(folder) == {} and [*(folder / "lake").iterdir()] == []
        (folder / "movies.csv").write_text("id|title\n1|A\n")


def _append(path: Path) -> None:
    with path.open("a") as file:
        file.write("2|B\n")


def test_of_two_who_write_the_same_place_one_wins(run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What comes between our look and our write is not overwritten."""
    real = RawFolder.create
    for other, code, said in ((b"other", 5, "holds another content"), ((folder / "movies.csv").read_bytes(), 0, "")):

        def create(self: RawFolder, url: str, *more: Any, other: bytes = other) -> bool:
            Path(url).parent.mkdir(parents=True, exist_ok=True)
            Path(url).write_bytes(other)
            return real(self, url, *more)

        monkeypatch.setattr(RawFolder, "create", create)
        done = run("movies.csv")
        assert done.returncode == code and said in done.stderr and "✓" not in done.stdout, done
        assert kept(folder) == {PLACE: other}
        (folder / "lake" / PLACE).unlink()


def test_a_folder_without_links_is_written_all_the_same(run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_links(*_: Any) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")  # as on FAT

    monkeypatch.setattr(raw_folder.os, "link", no_links)
    assert run("movies.csv").returncode == 0
    assert kept(folder) == {PLACE: (folder / "movies.csv").read_bytes()}
    (folder / "movies.csv").write_text("other")
    refused(run("movies.csv"), 5, "holds another content")
    with content.opened(folder / "movies.csv") as found:
        assert not RawFolder().create(str(folder / "lake" / PLACE), found, lambda _: None)


def test_a_disk_that_does_not_keep_what_is_written_is_found_out(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = raw_folder._write
    monkeypatch.setattr(raw_folder, "_write", lambda handle, found: real(handle, found[:-1] + b"?"))
    with content.opened(folder / "movies.csv") as found, pytest.raises(StorageError, match="did not keep what was written"):
        RawFolder().create(str(folder / "lake" / PLACE), found, lambda _: None)
    assert not (folder / "lake").exists()


_LIMITED = """
import resource, signal, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (9 * 2**20, 9 * 2**20))
from comporta.cli import main
main(sys.argv[1:])
"""


def _process(folder: Path, code: str, *words: str) -> "subprocess.Popen[str]":
    told = os.environ | {"LAKE_URL": str(folder / "lake"), "VAR_DIR": str(folder / "var"), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-W", "ignore", "-c", code, "upload", "--source", "local", "--date", "2022-05-02", *words]
    return subprocess.Popen(command, cwd=folder, env=told, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_a_disk_that_takes_no_more_leaves_nothing(folder: Path) -> None:
    """The kernel ends the write in the middle of the file."""
    (folder / "big.csv").write_bytes(b"x" * (20 * 2**20))
    with _process(folder, _LIMITED, "big.csv") as process:
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (5, "")
    assert len(err.splitlines()) == 1 and "big.csv: File too large (wanted: room for 20 MB). Free some room" in err, err
    assert [*(folder / "lake").iterdir()] == []


def test_a_disk_without_room_is_told_before_anything_is_written(run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = storage.check_room
    monkeypatch.setattr(storage, "check_room", lambda path, needed=0: real(path, 2**60 if needed == 13 else 0))
    refused(run("movies.csv"), 5, "MB free (wanted: at least ", "nothing was written")
    assert kept(folder) == {}


_SLOW = """
import sys, time
from lakehouse.store import raw_folder
real = raw_folder._write
def slow(handle, found):
    real(handle, found)
    print("wrote", flush=True)
    time.sleep(60)
raw_folder._write = slow
from comporta.cli import main
main(sys.argv[1:])
"""


def test_a_writer_that_is_killed_leaves_no_half_and_no_rest(run: Run, folder: Path) -> None:
    process = _process(folder, _SLOW, "movies.csv")
    assert process.stdout and process.stdout.readline() == "wrote\n"
    [left] = kept(folder)
    assert left.rpartition("/")[2].startswith(".movies.csv.")  # hidden from who lists files
    assert run("series.csv", "--entity", "movies").returncode == 0  # another file's writer leaves it alone
    assert left in kept(folder)
    with pytest.MonkeyPatch.context() as patch:  # and so does one of the same file, while it is written
        patch.setattr(raw_folder, "_put", lambda *_: False)
        with content.opened(folder / "movies.csv") as found:
            RawFolder().create(str(folder / "lake" / PLACE), found, lambda _: None)
    assert left in kept(folder)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=30)
    assert run("movies.csv").returncode == 0
    assert {*kept(folder)} == {PLACE, PLACE.replace("movies.csv", "series.csv")}


def test_a_lake_that_may_not_be_written_is_named(run: Run, folder: Path) -> None:
    (folder / "lake" / "raw").mkdir(parents=True)
    (folder / "lake" / "raw" / "local").write_text("a file where a folder was to be")
    refused(run("movies.csv"), 5, f"{PLACE}: can't be ", "Not a directory")


@settings(max_examples=30)
@given(st.lists(st.binary(min_size=1, max_size=5), min_size=1, max_size=6), st.integers(1, 4))
@example([b"a"], 1)
def test_any_content_is_cut_and_put_together_as_it_was(pieces: list[bytes], part: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(content, "PART", part)
        patch.setattr(content, "_MOST_PARTS", 2**30)
        import tempfile

        with tempfile.NamedTemporaryFile() as file:
            whole = b"".join(pieces)
            file.write(whole)
            file.flush()
            with content.opened(Path(file.name)) as found:
                assert b"".join(map(found.read, found.parts)) == whole
                assert found.digest == content.Digest(len(whole), hashlib.sha256(whole).hexdigest())
                assert [each.number for each in found.parts] == [*range(1, len(found.parts) + 1)]


def test_a_large_file_has_no_more_parts_than_s3_takes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(content, "_MOST_PARTS", 3)
    with (tmp_path / "x").open("wb") as file:
        file.truncate(4 * content.PART + 1)
    with content.opened(tmp_path / "x") as found:
        assert len(found.parts) <= 3 and found.parts[0].size % 2**20 == 0
        with pytest.raises(SourceError, match="was changed"):
            os.truncate(tmp_path / "x", 1)
            found.read(found.parts[1])
