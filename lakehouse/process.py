"""Servers of this machine as processes: pid files that can't be mistaken for another process, ports by name."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from lakehouse.errors import ServerError


@dataclass(frozen=True)
class PidFile:
    """A pid and the moment its process was born: a recycled pid is then seen to be stale."""

    path: Path

    def process(self) -> psutil.Process | None:
        """The running process that the file names; a stale file is removed."""
        try:
            noted = json.loads(self.path.read_text())
            process = psutil.Process(noted["pid"])
            if abs(process.create_time() - noted["born"]) < 1 and process.status() != psutil.STATUS_ZOMBIE:
                return process
        except FileNotFoundError:
            return None
        except (psutil.Error, ValueError, KeyError):
            pass
        self.path.unlink(missing_ok=True)
        return None

    def note(self, pid: int) -> None:
        """Write the file, whole or not at all."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self.path.with_suffix(".tmp")
        fresh.write_text(json.dumps({"pid": pid, "born": psutil.Process(pid).create_time()}))
        fresh.replace(self.path)

    def stop(self, patience: float = 20) -> bool:
        """End the process and its children: asked first, killed after `patience` seconds. False if none ran."""
        process = self.process()
        if process is None:
            return False
        family = [*process.children(recursive=True), process]
        for member in reversed(family):
            _signal(member, signal.SIGTERM)
        _, alive = psutil.wait_procs(family, timeout=patience)
        for member in alive:
            _signal(member, signal.SIGKILL)
        psutil.wait_procs(alive, timeout=5)
        self.path.unlink(missing_ok=True)
        return True


def _signal(process: psutil.Process, number: int) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):
        process.send_signal(number)


def start(name: str, command: Sequence[str], pid_file: PidFile, log: Path, env: Mapping[str, str] | None = None) -> None:
    """Start `command` detached from this terminal, its output in `log`."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as out:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True, env=env or os.environ.copy()
        )
    pid_file.note(process.pid)


def refuse_busy(port: int, setting: str) -> None:
    """Refuse a port that somebody listens on.

    Raises:
        ServerError: names the port, who holds it where that can be seen, and the setting that moves ours.
    """
    if not listening(port):
        return
    raise ServerError(
        f"port {port}", f"is in use{_holder(port)}", "a free port", f"Stop that process or set {setting} to another port"
    )


def listening(port: int) -> bool:
    """Whether somebody on this machine answers on `port`."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def free_ports(count: int) -> list[int]:
    """Ports of loopback that nobody listens on."""
    probes = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports


def _holder(port: int) -> str:
    try:
        for connection in psutil.net_connections("inet"):
            if connection.status == psutil.CONN_LISTEN and connection.laddr and connection.laddr.port == port and connection.pid:
                return f" by {psutil.Process(connection.pid).name()} (pid {connection.pid})"
    except psutil.Error:
        pass
    return ""


def tail(log: Path, pattern: str = "", lines: int = 3) -> str:
    """The last lines of `log` that contain `pattern`, on one line."""
    try:
        found = [line.strip() for line in log.read_text(errors="replace").splitlines() if pattern in line]
    except OSError:
        return ""
    return " | ".join(found[-lines:])


def wait(seconds: float, pause: float = 0.25) -> "Waiter":
    """Iterate until `seconds` have passed: `for _ in wait(60): …`."""
    return Waiter(time.monotonic() + seconds, pause)


@dataclass
class Waiter:
    """Ticks until a deadline."""

    deadline: float
    pause: float

    def __iter__(self) -> "Waiter":
        return self

    def __next__(self) -> None:
        if time.monotonic() > self.deadline:
            raise StopIteration
        time.sleep(self.pause)
