"""What is made is its owner's alone, and what others can read of it is said."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from lakehouse import access, settings


@pytest.fixture(autouse=True)
def _umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_access_is_what_a_process_makes_from_then_on(tmp_path: Path) -> None:
    access.begin()
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "c").write_text("")
    assert [mode(tmp_path / name) for name in ("a", "a/b", "a/c")] == [0o700, 0o700, 0o600]


def test_access_file_is_kept_as_the_first_wrote_it(tmp_path: Path) -> None:
    path = tmp_path / "run" / "token"
    assert [access.keep(path, text) for text in ("first", "second")] == ["first", "first"]
    assert mode(path) == 0o600 and [each.name for each in path.parent.iterdir()] == ["token"]


@pytest.mark.parametrize(("before", "after"), [(0o755, 0o700), (0o777, 0o700), (0o750, 0o700), (0o711, 0o700), (0o500, 0o500)])
def test_access_closes_a_folder_of_before(tmp_path: Path, before: int, after: int) -> None:
    folder = tmp_path / "var"
    folder.mkdir()
    folder.chmod(before)
    access.close(folder)
    assert mode(folder) == after


def test_access_lets_pass_whose_data_lies_in_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = tmp_path / "var" / "postgres" / "data"
    data.mkdir(parents=True)
    owner = access._owner  # only root could give the folder away; the sample PostgreSQL's is another user's where we are root
    monkeypatch.setattr(access, "_owner", lambda path: 12345 if path == data else owner(path))
    access.close(tmp_path / "var")
    assert mode(tmp_path / "var") == 0o701


@pytest.mark.parametrize(
    ("text", "bits", "names"),
    [
        ("SOURCE_DSN=x\nSMTP_URL=y", 0o644, "SMTP_URL, SOURCE_DSN"),
        ("SOURCE_DSN=x", 0o640, "SOURCE_DSN"),
        ("SOURCE_DSN=x", 0o600, ""),
        ("SCALE=1", 0o644, ""),
    ],
)
def test_settings_that_others_can_read_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, bits: int, names: str
) -> None:
    path = tmp_path / ".env"
    path.write_text(text)
    path.chmod(bits)
    monkeypatch.setitem(settings.Settings.model_config, "env_file", path)
    said = settings.open_to_others()
    assert bool(said) == bool(names) and names in said and "x" not in said.replace(str(path), "")


def test_access_leaves_what_a_group_shares_to_the_group(tmp_path: Path) -> None:
    folder = tmp_path / "var"
    folder.mkdir()
    folder.chmod(0o2770)
    access.close(folder)
    access.begin()
    settings.access.adopt(folder)
    assert access.keep(folder / "run" / "token", "x") == "x"
    assert [mode(path) for path in (folder, folder / "run", folder / "run" / "token")] == [0o2770, 0o2770, 0o640]
