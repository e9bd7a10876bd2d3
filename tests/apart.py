"""What keeps test runs apart, and two processes of one run: folders of their own, and nothing left of them at the end."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil

_NAME = "COMPORTA_TESTS"  # inherited by all that the tests start


def begin() -> Path:
    """The folder of this run, made by whoever comes first."""
    if _NAME not in os.environ:
        os.environ[_NAME] = tempfile.mkdtemp(prefix="comporta-", dir="/tmp")
        Path(os.environ[_NAME]).chmod(0o711)  # PostgreSQL runs as another user where we are root
    return Path(os.environ[_NAME])


def folder(name: str) -> Path:
    """A new folder for servers, short enough for PostgreSQL's sockets."""
    return Path(tempfile.mkdtemp(prefix=f"{name}-", dir=os.environ[_NAME]))


def end() -> list[str]:
    """Stop what still runs of this run, such as the servers of a process that was cut off, and remove the folder.

    Returns:
        The command lines of what ran.
    """
    left = list(_running(os.environ[_NAME]))
    told = [" ".join(process.cmdline())[:160] for process in left]
    for process in left:
        process.terminate()
    for process in psutil.wait_procs(left, timeout=15)[1]:
        process.kill()
    shutil.rmtree(os.environ.pop(_NAME), ignore_errors=True)
    return told


def _running(place: str) -> Iterator[psutil.Process]:
    ours = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    for process in psutil.process_iter():
        try:
            found = process.environ().get(_NAME) == place or any(place in word for word in process.cmdline())
        except psutil.Error:
            continue  # it ended meanwhile, or is somebody else's
        if found and process.pid not in ours and process.status() != psutil.STATUS_ZOMBIE:
            yield process
