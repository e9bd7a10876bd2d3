"""Who may reach what we make: its owner alone, or, in a VAR_DIR that users of one group share, that group.

The containers of the server and of the jobs share one. Whoever makes the folder says so by its mode: its group may write, and what is
made in it is the group's (setgid). The image has it so.
"""

import os
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

UMASK = 0o077
_SHARED = stat.S_ISGID | stat.S_IWGRP
_SHARED_UMASK = 0o007  # others still see nothing


def begin() -> None:
    """Have what this process and its children make from now on be its owner's alone."""
    os.umask(UMASK)


def is_shared(var_dir: Path) -> bool:
    """Whether the users of a group work in it."""
    try:
        return var_dir.stat().st_mode & _SHARED == _SHARED
    except OSError:
        return False


def adopt(var_dir: Path) -> None:
    """From now on what this process makes in a shared VAR_DIR can be written by its group: a lock that one job made, another takes."""
    if is_shared(var_dir):
        os.umask(_SHARED_UMASK)


def close(var_dir: Path) -> None:
    """Make it, or close one of ours to all others; they may still pass through if something of theirs lies in it.

    One that a group shares is left as whoever made it said.
    """
    var_dir.mkdir(parents=True, exist_ok=True)
    if is_shared(var_dir):
        return
    owner, seen = _owner(var_dir), stat.S_IMODE(var_dir.stat().st_mode)
    passed = stat.S_IXOTH if any(_owner(path) != owner for path in var_dir.glob("*/*")) else 0
    mode = seen & ~(UMASK & ~passed)
    if owner == os.geteuid() and mode != seen:
        var_dir.chmod(mode)


def _owner(path: Path) -> int:
    return path.stat().st_uid


def folder(path: Path, mode: int = 0o700) -> Path:
    """`path`, made with `mode` whatever the umask is, if it is not there."""
    try:
        path.mkdir(parents=True)
    except FileExistsError:
        return path
    path.chmod(mode | path.stat().st_mode & stat.S_ISGID)
    return path


def scratch(var_dir: Path) -> Path:
    """The folder for what is spilled or staged for a while. In a shared VAR_DIR each user has one, which the others can't read."""
    if not is_shared(var_dir):
        made = var_dir / "tmp"
        made.mkdir(parents=True, exist_ok=True)
        return made
    return folder(folder(var_dir / "tmp", 0o1770) / str(os.getuid()))


def secret_mode(var_dir: Path) -> int:
    """Mode of a file in VAR_DIR that the server writes and whoever may ask it reads, such as a token."""
    return 0o640 if is_shared(var_dir) else 0o600


def keep(path: Path, text: str) -> str:
    """Write a secret's file, whole, unless it is there; what is in it now. Its owner alone may read it, in a shared VAR_DIR its group."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, fresh = tempfile.mkstemp(dir=path.parent)  # mode 0600
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            os.fchmod(file.fileno(), secret_mode(path.parent))
        with suppress(FileExistsError):  # of two who make one at once, one is the first
            os.link(fresh, path)
    finally:
        Path(fresh).unlink()
    return path.read_text(encoding="utf-8")
