"""compose.yaml's services as arguments of the engine, so that what is tried is what stands there."""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from lakehouse.settings import ROOT

_VARIABLE = re.compile(r"\$\{(\w+)(?::([-?])([^}]*))?\}")


class Stack:
    """The services, with `variables` in place of compose's `${…}`, and the names of the file `hosts`."""

    def __init__(self, variables: Mapping[str, str], hosts: Path) -> None:
        self._hosts = hosts
        text = (ROOT / "compose.yaml").read_text(encoding="utf-8")
        self.services: dict[str, dict[str, Any]] = yaml.safe_load(_VARIABLE.sub(lambda found: _value(found, variables), text))[
            "services"
        ]

    def arguments(self, name: str, image: str, alone: str, command: Sequence[str] = ()) -> list[str]:
        """Arguments of `podman run` for a service.

        Args:
            name: the service; its container is called so too, unless it is one of many.
            image: in place of the service's own.
            alone: the container whose network those share that would share Compose's: nothing but its loopback.
            command: in place of the service's own.
        """
        service = self.services[name]
        _refuse_unknown(name, service)
        # A container's own name is in its hosts, as Docker sees to: Spark does not start where it can't look it up.
        given = ["--hostname", "comporta", "--volume", f"{self._hosts}:/etc/hosts:ro"]
        given += ["--network", f"container:{_peer(service.get('network_mode')) or alone}"]
        if peer := _peer(service.get("pid")):
            given += ["--pid", f"container:{peer}"]
        given += self.hardening(name)
        given += [part for each in service.get("volumes", ()) for part in ("--volume", each)]
        given += [part for key, value in service.get("environment", {}).items() for part in ("--env", f"{key}={value}")]
        if entry := service.get("entrypoint"):
            given += ["--entrypoint", json.dumps(entry)]
        return [*given, image, *map(str, command or service.get("command", ()))]

    def hardening(self, name: str) -> list[str]:
        """Of those arguments, what a service may not do."""
        service = self.services[name]
        given = ["--user", service["user"]] if "user" in service else []
        if service.get("read_only"):
            given += ["--read-only", "--read-only-tmpfs=false"]  # Docker lays no folders of its own over it
        given += [part for each in service.get("cap_drop", ()) for part in ("--cap-drop", each)]
        given += [part for each in service.get("security_opt", ()) for part in ("--security-opt", each.replace(":true", ""))]
        given += [
            part for each in service.get("tmpfs", ()) for part in ("--tmpfs", f"{each},noexec,nosuid,nodev")
        ]  # as Docker has it
        return given


def _value(found: re.Match[str], variables: Mapping[str, str]) -> str:
    name, kind, said = found.groups()
    if variables.get(name):
        return variables[name]
    if kind == "-":
        return str(said)
    raise KeyError(f"compose.yaml: {name}: {said}")


def _peer(mode: str | None) -> str:
    return mode.removeprefix("service:") if mode else ""


# What `arguments` reads, and what says when and from what a container is made. Anything else would go untried.
_READ = {
    "user",
    "read_only",
    "cap_drop",
    "security_opt",
    "tmpfs",
    "volumes",
    "environment",
    "entrypoint",
    "command",
    "network_mode",
    "pid",
}
_ELSE = {"image", "build", "depends_on", "restart", "init", "stop_grace_period", "profiles", "healthcheck"}


def _refuse_unknown(name: str, service: Mapping[str, Any]) -> None:
    if unknown := service.keys() - _READ - _ELSE:
        raise KeyError(f"compose.yaml: {name}: {', '.join(sorted(unknown))} is not known to tests/image/stack.py")
