"""Containers as the kernel makes them, without an engine: a user without capabilities, process ids, mounts and a network of their own."""

import os
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lakehouse.settings import ROOT

METADATA = "169.254.169.254"
_INIT = Path(__file__).with_name("init.py")
_SETPRIV = ("setpriv", "--clear-groups", "--bounding-set=-all", "--inh-caps=-all", "--ambient-caps=-all", "--no-new-privs")


def command(*words: str) -> str:
    """Run a program as root; what it printed."""
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 0, (
        f"{' '.join(words)}: {done.stderr or done.stdout}\nThis test makes namespaces: it wants root on Linux."
    )
    return done.stdout


@dataclass
class Network:
    """Hosts on one wire, each a network namespace."""

    name: str
    hosts: dict[str, str] = field(default_factory=dict)  # to address

    def __enter__(self) -> "Network":
        self._wire = self._add("wire")
        command("ip", "-n", self._wire, "link", "add", "wire", "type", "bridge")
        command("ip", "-n", self._wire, "link", "set", "wire", "up")
        return self

    def __exit__(self, *_: object) -> None:
        for host in ("wire", *self.hosts):
            for number in command("ip", "netns", "pids", self.namespace(host)).split():
                os.kill(int(number), 9)
            command("ip", "netns", "delete", self.namespace(host))

    def namespace(self, host: str) -> str:
        """What `ip netns` calls a host."""
        return f"{self.name}-{host}"

    def join(self, host: str, *, metadata: bool = False) -> str:
        """Add a host; its address. Where `metadata` is, all others find the address at which AWS answers machines."""
        address = f"10.77.0.{len(self.hosts) + 1}"
        space = self._add(host)
        self.hosts[host] = address
        command("ip", "link", "add", "eth0", "netns", space, "type", "veth", "peer", "name", host, "netns", self._wire)
        command("ip", "-n", self._wire, "link", "set", host, "master", "wire", "up")
        command("ip", "-n", space, "link", "set", "eth0", "up")
        command("ip", "-n", space, "address", "add", f"{address}/24", "dev", "eth0")
        if metadata:
            command("ip", "-n", space, "address", "add", f"{METADATA}/32", "dev", "eth0")
        else:
            command("ip", "-n", space, "route", "add", METADATA, "dev", "eth0")
        return address

    def _add(self, host: str) -> str:
        space = self.namespace(host)
        command("ip", "netns", "add", space)
        command("ip", "-n", space, "link", "set", "lo", "up")
        return space


@dataclass(frozen=True)
class Container:
    """A program on a host of the network, as one user, with nothing in its environment but what is said."""

    network: Network
    host: str
    user: str  # uid:gid
    environment: Mapping[str, str]
    passwd: Path  # its /etc/passwd
    hidden: tuple[Path, ...] = ()  # folders that are empty in it, and its user's
    sees_all: bool = False  # all processes of the machine, as `pidMode: host` has it

    def start(self, *words: str, log: Path) -> "subprocess.Popen[bytes]":
        """Start a program; its output goes to `log`."""
        with log.open("ab") as out:
            return subprocess.Popen(
                self._command(words), cwd=ROOT, env=dict(self.environment), stdin=subprocess.DEVNULL, stdout=out, stderr=out
            )

    def run(self, *words: str, code: int | None = 0) -> str:
        """Run a program; what it said. Unless `code` is None it must end so."""
        done = subprocess.run(
            self._command(words),
            cwd=ROOT,
            env=dict(self.environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=600,
        )
        assert code in (None, done.returncode), f"{words}: {done.returncode}\n{done.stdout[-4000:]}{done.stderr[-3000:]}"
        return done.stdout + done.stderr

    def python(self, source: str) -> str:
        """What a Python program printed."""
        return self.run(sys.executable, "-c", source).strip()

    def _command(self, words: tuple[str, ...]) -> list[str]:
        uid, gid = self.user.split(":")
        inner = [*_SETPRIV, f"--reuid={uid}", f"--regid={gid}", *words]
        mounts = [f"mount --bind {shlex.quote(str(self.passwd))} /etc/passwd", *_reachable()]
        mounts += [line for folder in self.hidden for line in _hide(folder, self.user)]
        program = "; ".join(["set -e", *mounts, f"exec {shlex.join([sys.executable, '-S', str(_INIT), *inner])}"])
        apart = [] if self.sees_all else ["--pid", "--fork", "--kill-child", "--mount-proc"]
        return ["ip", "netns", "exec", self.network.namespace(self.host), "unshare", "--mount", *apart, "sh", "-c", program]


def _hide(folder: Path, user: str) -> list[str]:
    name = shlex.quote(str(folder))
    return [f"mount -t tmpfs -o mode=3770 tmpfs {name}", f"chown {user} {name}"]


def _reachable() -> Iterator[str]:
    """Mounts by which any user reaches what we run, be it in a folder of root's own; the folder itself stays as it is."""
    wanted = {ROOT, Path(sys.base_prefix).resolve()}
    closed = {folder for path in wanted for folder in path.parents if not folder.stat().st_mode & 0o001}
    for folder in (each for each in closed if not closed & set(each.parents)):
        inside = [path for path in sorted(wanted) if folder in path.parents]
        for number, path in enumerate(inside):  # descriptors still lead there when the folder is covered
            yield f"exec {number + 4}<{shlex.quote(str(path))}"
        yield f"mount -t tmpfs -o mode=755 tmpfs {shlex.quote(str(folder))}"
        for number, path in enumerate(inside):
            yield f"mkdir -p {shlex.quote(str(path))} && mount --no-canonicalize --bind /proc/self/fd/{number + 4} {shlex.quote(str(path))}"
    var, jars = shlex.quote(str(ROOT / "var")), shlex.quote(str(ROOT / "var" / "jars"))
    if (ROOT / "var" / "jars").exists():  # in an image they are everybody's; here they lie in what is a developer's alone
        yield f"exec 3<{jars}; mount -t tmpfs -o mode=755 tmpfs {var}"
        yield f"mkdir {jars} && mount --no-canonicalize --bind /proc/self/fd/3 {jars}"
