"""Jars that are not there: what is said where nothing can be written, and where there is no network."""

import os
from pathlib import Path

import pytest

from lakehouse.errors import ServerError
from lakehouse.servers import jars

_TWO = {"a.b:one:1.0": "0" * 64, "a.b:two:2.0": "0" * 64}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(jars, "ROOT", tmp_path)
    made = tmp_path / "var" / "jars"
    made.mkdir(parents=True)
    return made


@pytest.fixture
def read_only(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """As the image's root is, for root too."""

    def refuse(path: Path, *_: object, **__: object) -> None:
        raise OSError(30, "Read-only file system", str(path))

    for name in ("unlink", "mkdir", "touch"):
        monkeypatch.setattr(Path, name, refuse)
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK)
    monkeypatch.setattr(jars, "_fetch", lambda *_: pytest.fail("fetched into a folder that can't be written"))
    return folder


def test_a_folder_that_cannot_be_written_and_lacks_a_jar_says_which_and_what_to_do(read_only: Path) -> None:
    (read_only / "one-1.0.jar").write_bytes(b"")
    with pytest.raises(
        ServerError, match=r"var/jars: lacks 1 of 2 jars \(two-2\.0\.jar\) and can't be written.*build its image anew"
    ):
        jars.ensure(_TWO)


def test_an_image_without_the_folder_says_the_same(read_only: Path) -> None:
    read_only.rmdir()
    with pytest.raises(ServerError, match=r"lacks 2 of 2 jars .* and can't be written.*build its image anew"):
        jars.ensure(_TWO)


def test_a_jar_that_was_changed_and_cannot_be_removed_is_refused_with_what_to_do(read_only: Path) -> None:
    for name in ("one-1.0.jar", "two-2.0.jar"):
        (read_only / name).write_bytes(b"not the one that was pinned")
    with pytest.raises(
        ServerError, match=r"one-1\.0\.jar: has SHA-256 \w+ \(wanted: 0+ as pinned\).*can't be written: build the image anew"
    ):
        jars.ensure(_TWO)


def test_what_is_there_is_not_fetched_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fetched: list[str] = []
    monkeypatch.setattr(jars, "_fetch", lambda _, lacking: fetched.extend(lacking))
    monkeypatch.setattr(jars, "_verify", lambda *_: None)
    (folder / "one-1.0.jar").write_bytes(b"")
    jars.ensure(_TWO)
    assert fetched == ["a.b:two:2.0"]


def test_without_a_network_the_reason_is_said_and_what_to_do(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nobody = "-Dhttps.proxyHost=127.0.0.1 -Dhttps.proxyPort=1 -Dhttp.nonProxyHosts=none"
    monkeypatch.setenv("JDK_JAVA_OPTIONS", f"{os.environ.get('JDK_JAVA_OPTIONS', '')} {nobody} -Duser.home={folder}")
    with pytest.raises(ServerError, match=r"^jars: 2 could not be fetched: .*[Cc]onnection refused.*copy them into .*var/jars"):
        jars.ensure(_TWO)
