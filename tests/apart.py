"""What keeps test runs apart, and two processes of one run: folders of their own, and nothing left of them at the end."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
from pydantic import SecretStr

from lakehouse.settings import Settings

_NAME = "COMPORTA_TESTS"  # inherited by all that the tests start


def begin() -> None:
    """The folder of this run, made by whoever comes first."""
    if _NAME not in os.environ:
        os.environ[_NAME] = tempfile.mkdtemp(prefix="comporta-")
        Path(os.environ[_NAME]).chmod(0o711)  # PostgreSQL runs as another user where we are root


def folder(name: str) -> Path:
    """A new folder for servers."""
    return Path(tempfile.mkdtemp(prefix=f"{name}-", dir=os.environ[_NAME]))


def variables(settings: Settings) -> dict[str, str]:
    """`settings` as a child process is told them, secrets too."""
    said = {name.upper(): value for name, value in settings.model_dump().items() if value not in (None, "")}
    return {name: value.get_secret_value() if isinstance(value, SecretStr) else str(value) for name, value in said.items()}


def end() -> list[str]:
    """Stop what still runs of this run, such as the servers of a process that was cut off, and remove the folder.

    Returns:
        The command lines of what ran.
    """
    running = {process: " ".join(process.info["cmdline"])[:160] for process in _running(os.environ[_NAME])}
    _, left = psutil.wait_procs(list(running), timeout=10)  # who was stopped may need a moment to end
    for process in left:
        with suppress(psutil.NoSuchProcess):
            process.terminate()
    for process in psutil.wait_procs(left, timeout=15)[1]:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    shutil.rmtree(os.environ.pop(_NAME), ignore_errors=True)
    return [running[process] for process in left]


def _running(place: str) -> Iterator[psutil.Process]:
    ours = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    for process in psutil.process_iter(["cmdline"]):
        try:
            found = process.environ().get(_NAME) == place or any(place in word for word in process.info["cmdline"] or [])
            if found and process.pid not in ours and not _ends_with_us(process) and process.status() != psutil.STATUS_ZOMBIE:
                yield process
        except psutil.Error:
            continue  # it ended meanwhile, or is somebody else's


def _ends_with_us(process: psutil.Process) -> bool:
    """Whether it is what Python starts beside a process that used multiprocessing, as dbt within this one does."""
    return process.ppid() == os.getpid() and any("multiprocessing.resource_tracker" in word for word in process.cmdline())
