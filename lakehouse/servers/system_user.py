"""A user without rights of its own, for a server that refuses to run as root."""

import os
import pwd
import shutil
import stat
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lakehouse import environment
from lakehouse.errors import ServerError

# Where the tools of administration are: on root's PATH after `su -`, not after `su`, nor in most containers' `env -i`.
_SBIN = ("/usr/local/sbin", "/usr/sbin", "/sbin")


@dataclass(frozen=True)
class User:
    """A user and its group, by number: not every number has a name."""

    uid: int
    gid: int

    def child(self) -> dict[str, Any]:
        """Arguments of `subprocess.run` that make the child this user's, none of root's groups left."""
        return {"user": self.uid, "group": self.gid, "extra_groups": []}


def ensure(name: str) -> User:
    """The system's user `name`, made if there is none. Root only.

    Raises:
        ServerError: there is none and it can't be made.
    """
    for pause in (0.2, 0.5, 1, 0):  # somebody else may be making one, and then holds the lock on the list of users
        if found := _known(name):
            return found
        seen = _make(name)
        if found := _known(name):
            return found
        time.sleep(pause)
    raise ServerError(
        "PostgreSQL",
        f"does not run as root, and no user for it could be made: {seen}",
        f"the system user {name}",
        f"Make one (useradd --system {name}, or adduser -S {name}), or run as another user than root",
    )


def _known(name: str) -> User | None:
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        return None
    return User(entry.pw_uid, entry.pw_gid)


def _make(name: str) -> str:
    """Ask useradd; what it said."""
    path = os.pathsep.join([*_SBIN, os.environ.get("PATH", os.defpath)])
    tool = shutil.which("useradd", path=path)
    if tool is None:
        return f"useradd is neither on PATH nor in {', '.join(_SBIN)}"
    done = subprocess.run(
        [tool, "--system", "--user-group", "--no-create-home", "--shell", "/bin/false", name],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        env=environment.plain() | {"PATH": path, "LC_ALL": "C"},
    )
    return " ".join((done.stderr or done.stdout).split()) or f"useradd ended with {done.returncode}"


def let_read(*folders: Path) -> None:
    """Let every user read what is in `folders` and run what its owner may run there, and reach them."""
    for folder in folders:
        let_reach(folder)
        for path in (folder, *folder.rglob("*")):
            if not path.is_symlink():
                mode = stat.S_IMODE(path.stat().st_mode)
                _widen(path, mode, (mode & 0o500) >> 6)


def let_reach(path: Path) -> None:
    """Let every user pass through the folders above `path`; what else is in them stays as closed as it was."""
    for folder in {*path.absolute().parents, *path.resolve().parents}:
        _widen(folder, stat.S_IMODE(folder.stat().st_mode), stat.S_IXOTH)


def _widen(path: Path, mode: int, wanted: int) -> None:
    if mode & wanted == wanted:  # as in a container's image, where nothing could be changed
        return
    try:
        path.chmod(mode | wanted)
    except OSError as error:
        raise ServerError(
            str(path),
            f"is closed to the user that PostgreSQL runs as ({error.strerror})",
            f"mode {mode | wanted:o}",
            "Give it that mode, or run as another user than root",
        ) from None
