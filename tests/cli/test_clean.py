"""`comporta clean` removes what Comporta has made, and nothing else."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from comporta import commands
from lakehouse.errors import SettingsError
from lakehouse.servers import postgres, seaweedfs, server


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A VAR_DIR in which Comporta has run, with a lake that lies elsewhere, a file of somebody, and no servers."""
    found = tmp_path / "state"
    for name in ("metastore/lake", "log/spark.log", "site/index.html", "notes/mine.txt"):
        (found / name).parent.mkdir(parents=True, exist_ok=True)
        (found / name).write_text("x")
    (tmp_path / "big").mkdir()
    (tmp_path / "big" / "rows").write_text("x")
    (found / "lake").symlink_to(tmp_path / "big")
    monkeypatch.setenv("VAR_DIR", str(found))
    for module, name in ((server, "stop"), (seaweedfs, "stop"), (postgres.Postgres, "stop")):
        monkeypatch.setattr(module, name, lambda *_: False)
    return found


def clean(*words: str, typed: str = "") -> str:
    done = CliRunner().invoke(commands.clean, words, input=typed, catch_exceptions=False)
    assert done.exit_code == 0
    return done.output


def test_what_is_ours_goes_and_the_rest_stays(folder: Path, tmp_path: Path) -> None:
    clean("--yes")
    assert sorted(path.name for path in folder.iterdir()) == ["notes"]
    assert (tmp_path / "big" / "rows").read_text() == "x"  # a link's target is somebody's choice
    clean("--yes")  # nothing is left to remove


@pytest.mark.parametrize("typed", ["n\n", "\n"])
def test_it_asks_first(folder: Path, typed: str) -> None:
    before = sorted(folder.rglob("*"))
    clean(typed=typed)
    assert sorted(folder.rglob("*")) == before
    clean(typed="y\n")
    assert not (folder / "site").exists()


def test_a_folder_of_somebody_elses_is_refused(folder: Path) -> None:
    (folder / "metastore" / "lake").unlink()
    with pytest.raises(SettingsError, match="nothing of Comporta's is in it"):
        CliRunner().invoke(commands.clean, ["--yes"], catch_exceptions=False)
    assert (folder / "site" / "index.html").exists()
