"""Whom PostgreSQL runs as where we are root: found or made without root's own PATH, and let in no further than it must."""

import pwd
import stat
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from lakehouse.errors import ServerError
from lakehouse.servers import system_user
from lakehouse.servers.system_user import User

Tool = Callable[[str], Path]


@pytest.fixture
def tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tool:
    """Puts a `useradd` of the test's own where administration's tools are; nobody is known but whom it has noted as made."""
    folder, made = tmp_path / "sbin", tmp_path / "made"
    folder.mkdir()
    monkeypatch.setattr(system_user, "_SBIN", (str(folder),))
    monkeypatch.setattr(system_user.time, "sleep", lambda seconds: None)
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))

    def known(name: str) -> SimpleNamespace:
        if made.exists() and name in made.read_text().split():
            return SimpleNamespace(pw_uid=7, pw_gid=8)
        raise KeyError(name)

    monkeypatch.setattr(pwd, "getpwnam", known)

    def put(script: str) -> Path:
        (folder / "useradd").write_text(f"#!/bin/sh\nmade='{made}'\n{script}\n")
        (folder / "useradd").chmod(0o755)
        return made

    return put


def test_useradd_is_found_although_path_does_not_say_where(tool: Tool) -> None:
    tool('echo "$@" > "$made"')
    assert system_user.ensure("ana") == User(7, 8)


def test_somebody_else_who_makes_the_user_first_is_no_error(tool: Tool) -> None:
    tool('echo ana > "$made"; echo "useradd: user ana already exists" >&2; exit 9')
    assert system_user.ensure("ana") == User(7, 8)


def test_a_lock_on_the_list_of_users_is_waited_for(tool: Tool) -> None:
    tool('if [ -e "$made" ]; then echo ana >> "$made"; else : > "$made"; echo "cannot lock /etc/passwd" >&2; exit 1; fi')
    assert system_user.ensure("ana") == User(7, 8)


def test_why_no_user_could_be_made_is_said(tool: Tool) -> None:
    with pytest.raises(ServerError, match="useradd is neither on PATH nor in .*useradd --system ana"):
        system_user.ensure("ana")
    tool('echo "useradd: /etc is read-only" >&2; exit 1')
    with pytest.raises(ServerError, match="/etc is read-only"):
        system_user.ensure("ana")


def test_others_may_read_what_they_must_and_no_more(tmp_path: Path) -> None:
    closed = tmp_path / "home"
    program = closed / "it's a wheel" / "bin" / "server"
    program.parent.mkdir(parents=True)
    for path, mode in ((program, 0o700), (program.with_name("notes"), 0o600)):
        path.touch()
        path.chmod(mode)
    for folder in (program.parent, program.parents[1], closed):
        folder.chmod(0o700)
    system_user.let_read(program.parent)
    found = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (closed, program.parent, program, program.with_name("notes"))}
    assert found == {"home": 0o701, "bin": 0o705, "server": 0o705, "notes": 0o604}


def test_a_child_keeps_none_of_roots_groups() -> None:
    assert User(7, 8).child() == {"user": 7, "group": 8, "extra_groups": []}
