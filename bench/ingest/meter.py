"""What a run costs in processor time and memory: the whole tree of its processes, watched from outside."""

import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Self

import psutil

_SHARE = 0.05  # of one core, at most, goes into watching
_PAUSE = 0.02  # seconds between two looks, at least


def tree(roots: Sequence[int]) -> list[psutil.Process]:
    """The processes `roots` and all that descend from them."""
    found = []
    for root in roots:
        with suppress(psutil.Error):
            process = psutil.Process(root)
            found += [process, *process.children(recursive=True)]
    return found


def cpu(roots: Sequence[int]) -> float:
    """Processor seconds of the trees under `roots`, those of ended and awaited children included."""
    total = 0.0
    for process in tree(roots):
        with suppress(psutil.Error):
            times = process.cpu_times()
            total += times.user + times.system + times.children_user + times.children_system
    return total


def memory(roots: Sequence[int]) -> int:
    """Bytes that the trees under `roots` hold in memory; pages shared by several count once, in parts."""
    return sum(_held(process) for process in tree(roots))


def _held(process: psutil.Process) -> int:
    try:
        if _is_java(process):  # adding up its pages would stop it for milliseconds
            parent = process.parent()  # a Java in a Java is on its way to becoming another program: these are its parent's pages
            return 0 if parent and _is_java(parent) else int(process.memory_info().rss)
        lines = Path(f"/proc/{process.pid}/smaps_rollup").read_text(encoding="utf-8").splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))
    except (psutil.Error, OSError, StopIteration):
        with suppress(psutil.Error):
            return int(process.memory_info().rss)
        return 0


def _is_java(process: psutil.Process) -> bool:
    return Path(process.exe()).name == "java"  # not its name: a fork is called as the thread that made it


class Meter:
    """Measures from `with` to its end; between, a thread looks at the memory again and again.

    Attributes:
        cpu, source_cpu: seconds of the job's processes and of the source's.
        base, peak: bytes held before the first look and at most.
    """

    def __init__(self, roots: Sequence[int], source: Sequence[int]) -> None:
        self.roots, self.source = roots, source
        self.cpu = self.source_cpu = 0.0
        self.base = self.peak = 0
        self._ended = threading.Event()
        self._watcher = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self.base = self.peak = memory(self.roots)
        self._before = cpu(self.roots), cpu(self.source)
        self._watcher.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._watcher.join()
        self.peak = max(self.peak, memory(self.roots))
        before, source_before = self._before
        self.cpu, self.source_cpu = cpu(self.roots) - before, cpu(self.source) - source_before

    def _watch(self) -> None:
        while not self._ended.is_set():
            started = time.thread_time()
            self.peak = max(self.peak, memory(self.roots))
            spent = time.thread_time() - started
            self._ended.wait(max(_PAUSE, spent / _SHARE))
