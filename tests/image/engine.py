"""A container engine for the image's test: Podman, with its images and containers in a folder of their own.

Nothing is pulled: the base is made by debootstrap from the archive that this machine installs its packages from.
"""

import json
import os
import resource
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

# runc: Debian 12's crun can't run where version 1 and version 2 of cgroups are both mounted.
_PACKAGES = {"debootstrap": "debootstrap", "podman": "podman", "runc": "runc"}
_TRUST = Path(os.environ.get("SSL_CERT_FILE") or "/etc/ssl/certs/ca-certificates.crt")


class Broken(AssertionError):
    """A command of the engine failed, or what ran in a container."""


def install() -> None:
    """Install what the test runs on, if it is not there.

    Raises:
        Broken: not root, or no Debian: that is a failure, not a test to skip.
    """
    if os.geteuid() != 0:
        raise Broken("make image-test makes roots and network namespaces: run it as root")
    lacking = [package for program, package in _PACKAGES.items() if shutil.which(program) is None]
    if lacking and shutil.which("apt-get") is None:
        raise Broken(f"make image-test wants {', '.join(lacking)} on PATH, and there is no apt-get to install them")
    if lacking:
        _run(["apt-get", "update", "-q"])
        _run(["apt-get", "install", "-q", "-y", "--no-install-recommends", *lacking])


def _run(command: Sequence[str], patience: float = 900) -> str:
    """Standard output of a command that must succeed within `patience` seconds."""
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        timeout=patience,
        env=os.environ | {"DEBIAN_FRONTEND": "noninteractive"},
    )
    if done.returncode:
        raise Broken(f"{' '.join(command)}\nended with {done.returncode}:\n{(done.stdout + done.stderr)[-6000:]}")
    return done.stdout


@dataclass(frozen=True)
class Ended:
    """How a command in a container ended."""

    code: int
    text: str  # standard output and error


@dataclass(frozen=True)
class Engine:
    """The engine, whose state is all in `folder`."""

    folder: Path

    def make_base(self, name: str) -> None:
        """Debian 12 as debootstrap makes it, as the image `name`: what `debian:12-slim` is made of, too."""
        root = self.folder / "base"
        _run(["debootstrap", "--variant=minbase", "bookworm", str(root), _archive()])
        packed = self.folder / "base.tar"
        _run(["tar", "-C", str(root), "-cf", str(packed), "."])
        self.podman("import", str(packed), name)
        packed.unlink()
        shutil.rmtree(root)

    def build(self, context: Path, base: str, name: str, file: str = "Dockerfile") -> None:
        """Build `context` as `docker build` would, by a Dockerfile and .dockerignore, with this machine's authorities as the secret."""
        self.podman(
            "build",
            "--format",
            "docker",
            "--isolation",
            "chroot",
            "--network",
            "host",
            *_limits(),
            "--build-arg",
            f"BASE={base}",
            "--secret",
            f"id=ca,src={_TRUST}",
            "--file",
            str(context / file),
            "--tag",
            name,
            str(context),
            patience=3000,
        )

    def run(self, arguments: Sequence[str], patience: float = 2400) -> Ended:
        """Run a container to its end."""
        return self._ended("run", "--rm", "--no-healthcheck", *_limits(), *arguments, patience=patience)

    def start(self, arguments: Sequence[str]) -> None:
        """Start a container, which runs on."""
        self.podman("run", "--detach", "--no-healthcheck", *_limits(), *arguments)  # its timer is systemd's

    def execute(self, container: str, command: Sequence[str]) -> Ended:
        """Run a command in a container that runs."""
        return self._ended("exec", container, *command, patience=120)

    def logs(self, container: str) -> str:
        """What a container has printed."""
        return self._ended("logs", container, patience=60).text

    def inspect(self, what: str) -> dict[str, object]:
        """What the engine knows of an image or a container."""
        found: list[dict[str, object]] = json.loads(self.podman("inspect", what))
        return found[0]

    def podman(self, *arguments: str, patience: float = 900) -> str:
        """Standard output of the engine's command line."""
        return _run(self._command(*arguments), patience)

    def end(self) -> None:
        """Remove every container, image and volume of this engine. Not by `podman system reset`, which knows networks of others too."""
        for _ in range(3):  # who shares a network goes before whose it is
            subprocess.run(self._command("rm", "--all", "--force", "--time", "5"), capture_output=True, timeout=300)
        mounts = [line.split()[1] for line in Path("/proc/mounts").read_text(encoding="utf-8").splitlines()]
        for place in reversed([each for each in mounts if each.startswith(f"{self.folder}/")]):
            subprocess.run(["umount", "--lazy", place], capture_output=True)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _ended(self, *arguments: str, patience: float) -> Ended:
        done = subprocess.run(
            self._command(*arguments),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            timeout=patience,
        )
        return Ended(done.returncode, done.stdout)

    def _command(self, *arguments: str) -> list[str]:
        return [
            "podman",
            "--root",
            str(self.folder / "store"),
            "--runroot",
            str(self.folder / "run"),
            "--runtime",
            "runc",
            "--cgroup-manager",
            "cgroupfs",
            "--events-backend",
            "none",
            *arguments,
        ]


def _limits() -> list[str]:
    """Limits that stand below this process's own: in a sandbox not even root may raise them, as the engine would by default."""
    said = (("nofile", resource.RLIMIT_NOFILE, 65536), ("nproc", resource.RLIMIT_NPROC, 4096))
    lower = [(name, min(resource.getrlimit(kind)[1] % 2**63, wanted)) for name, kind, wanted in said]  # -1 is no limit
    return [part for name, limit in lower for part in ("--ulimit", f"{name}={limit}:{limit}")]


def _archive() -> str:
    """The archive of Debian 12 that apt installs from here; Debian's own on a machine of another kind."""
    asked = ("apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages", "Codename: bookworm", "Component: main")
    told = _run(asked).split() if shutil.which("apt-get") else []
    return next((uri for uri in told if "security" not in uri), "http://deb.debian.org/debian")
