"""Servers of this machine as processes: pid files that can't be mistaken for another process, ports by name."""

import contextlib
import errno
import json
import os
import random
import signal
import socket
import subprocess
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from lakehouse import atomic, host
from lakehouse.errors import ServerError
from lakehouse.servers import alive

_END_SECONDS = 30.0  # for a server of another container to end once it was asked: who watches there looks each second
_chance = random.SystemRandom()  # two processes must not ask for the same ports, whatever has seeded the usual one


@dataclass(frozen=True)
class PidFile:
    """A pid, and since when of which start of the machine its process is: a recycled pid is then seen to be stale.

    Beside it lies a lock that its process holds, by which those in other containers know that it runs.
    """

    path: Path

    def process(self) -> psutil.Process | None:
        """The running process that the file names, if it can be seen from here; a stale file is laid aside."""
        if self._is_elsewhere():  # its number means another process here
            if not alive.held(self.lock):
                self._lay_aside()
            return None
        try:
            noted = json.loads(self.path.read_bytes())
            process = psutil.Process(noted["pid"])
            # A file of an earlier release has a time of the clock, which may have been set since.
            same = (
                host.born(process) == noted["born"]
                if noted.get("boot") == host.boot()
                else abs(process.create_time() - noted["born"]) < 1
            )
            if same and process.status() != psutil.STATUS_ZOMBIE:
                return process
        except FileNotFoundError:
            return None
        except (psutil.Error, ValueError, KeyError):
            pass
        self._lay_aside()
        return None

    def runs(self) -> bool:
        """Whether it runs, here or in another container that has this folder too."""
        return self.process() is not None or self._is_elsewhere()

    def _is_elsewhere(self) -> bool:
        """Whether the file is another container's. Of one that ended here, the lock may be held for a moment more."""
        try:
            return bool(json.loads(self.path.read_bytes()).get("space", host.space()) != host.space())
        except (OSError, ValueError, AttributeError):
            return False

    def _lay_aside(self) -> None:
        with contextlib.suppress(OSError):  # gone meanwhile, or somebody else's
            self.path.replace(self._aside)

    @property
    def lock(self) -> Path:
        """What its process holds."""
        return self.path.with_suffix(".alive")

    @property
    def end(self) -> Path:
        """What asks whoever watches it in its container (docker/serve.sh) to end it."""
        return self.path.with_suffix(".end")

    @property
    def _aside(self) -> Path:
        return self.path.with_suffix(".died")

    def died(self) -> bool:
        """Whether the process ended without being stopped, since the machine started."""
        if self.runs():
            return False
        try:
            return bool(json.loads(self._aside.read_bytes())["boot"] == host.boot())
        except (OSError, ValueError, KeyError):
            return False

    def note(self, pid: int) -> None:
        """Write the file, whole or not at all."""
        noted = {"pid": pid, "born": host.born(psutil.Process(pid)), "boot": host.boot(), "space": host.space()}
        atomic.write(self.path, json.dumps(noted))
        self._aside.unlink(missing_ok=True)

    def stop(self, patience: float = 20) -> bool:
        """End the process and its children: asked first, killed after `patience` seconds. False if none ran.

        Raises:
            ServerError: it runs in another container, and nobody there ended it.
        """
        process = self.process()
        self._aside.unlink(missing_ok=True)
        if process is None:
            return self._ask_to_end(patience)
        family = [*process.children(recursive=True), process]
        for member in reversed(family):
            _signal(member, signal.SIGTERM)
        _, alive = psutil.wait_procs(family, timeout=patience)
        for member in alive:
            _signal(member, signal.SIGKILL)
        psutil.wait_procs(alive, timeout=5)
        self.path.unlink(missing_ok=True)
        self._aside.unlink(missing_ok=True)
        return True

    def _ask_to_end(self, patience: float) -> bool:
        if not self.runs():
            return False
        self.end.touch()
        for _ in wait(patience + _END_SECONDS):
            if not alive.held(self.lock):
                return True
        raise ServerError(str(self.path), "names a server of another container, which did not end", remedy="Stop that container")


def _signal(process: psutil.Process, number: int) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):
        process.send_signal(number)


def start(name: str, command: Sequence[str], pid_file: PidFile, log: Path, env: Mapping[str, str], umask: int = -1) -> None:
    """Start `command` detached from this terminal, its output in `log`.

    Args:
        umask: of its process; -1 for ours.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    held = alive.hold(pid_file.lock)
    pid_file.end.unlink(missing_ok=True)
    try:
        with log.open("ab") as out:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
                env=env,
                pass_fds=[held],
                umask=umask,
            )
    finally:
        os.close(held)
    pid_file.note(process.pid)


def refuse_busy(port: int, setting: str) -> None:
    """Refuse a port that somebody listens on, or that a connection of this machine has as its own end.

    Raises:
        ServerError: names the port, who holds it where that can be seen, and the setting that moves ours.
    """
    if listening(port):
        remedy = f"Stop that process or set {setting} to another port"
        raise ServerError(f"port {port}", f"is in use{_holder(port)}", "a free port", remedy)
    if not _can_be_had(port):  # the system gives ports of the same range to whoever connects somewhere
        remedy = f"Run again in a minute or set {setting} to another port"
        raise ServerError(f"port {port}", "is in use by a connection of this machine", "a free port", remedy)


def _can_be_had(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(
            socket.SOL_SOCKET, socket.SO_REUSEADDR, 1
        )  # as servers have it: whose connections are over is no hindrance
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            return error.errno != errno.EADDRINUSE
    return True


def listening(port: int) -> bool:
    """Whether somebody on this machine answers on `port`."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def free_ports(count: int, besides: Collection[int] = ()) -> list[int]:
    """Ports of loopback that nobody listens on.

    Below those that the system gives to whoever connects: until the server starts that they are for, nobody takes one by chance.

    Args:
        besides: ports that are meant for others, who may not listen yet.
    """
    below, found = _ephemeral(), set[int]()
    for _ in range(1000 * count):
        port = _chance.randrange(max(1024, below - 20_000), below)
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            found |= {port} - {*besides}
        if len(found) == count:
            return list(found)
    raise ServerError("ports", f"of {count} only {len(found)} are free", f"{count} free ones below {below}", "Stop what holds them")


def _ephemeral() -> int:
    """The first port that the system gives to whoever connects; on a machine that gives nearly all, there is no place before it."""
    try:
        first = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text(encoding="utf-8").split()[0])
    except (OSError, ValueError):
        first = 32_768
    return first if first > 5_000 else 32_768


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
    return " | ".join([line.strip() for line in last_lines(log) if pattern in line][-lines:])


def last_lines(log: Path, count: int = 0) -> list[str]:
    """The last `count` lines of `log`, all by default; none if it can't be read."""
    try:
        return log.read_text(encoding="utf-8", errors="replace").splitlines()[-count:]
    except OSError:
        return []


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
