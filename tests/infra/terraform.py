"""Terraform as a process: where its provider comes from, how it is run, how it is stopped."""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lakehouse.settings import ROOT

CODE = ROOT / "terraform"
MODULES = sorted(path.name for path in (CODE / "modules").iterdir())
ENVIRONMENTS = ["envs/dev", "envs/prod"]
ROOTS = ["bootstrap", *(f"modules/{name}" for name in MODULES), *ENVIRONMENTS]
_REGISTRY = "registry.terraform.io"  # what Terraform calls the folder of a mirror
_USUAL = ("/usr/share", "/usr/local/share", "/opt", "~/.terraform.d", "~/.local/share")


def mirror() -> Path | None:
    """A folder with the provider, for machines that reach no registry: TF_PLUGIN_MIRROR, else one in a usual place."""
    named = os.environ.get("TF_PLUGIN_MIRROR")
    candidates = [Path(named)] if named else list(_near())
    return next((path for path in candidates if (path / _REGISTRY / "hashicorp" / "aws").is_dir()), None)


def _near() -> Iterator[Path]:
    for folder in (Path(name).expanduser() for name in _USUAL):
        yield folder
        if folder.is_dir():
            yield from sorted(path for path in folder.iterdir() if path.is_dir())


@dataclass
class Terraform:
    """Terraform on a copy of the code, so that nothing is left in the repository."""

    folder: Path
    environment: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def on_a_copy(cls, folder: Path) -> "Terraform":
        """Copy the code into `folder` and say where the provider is."""
        shutil.copytree(CODE, folder / "terraform", ignore=shutil.ignore_patterns(".terraform", "*.tfstate*", "terraform.tfvars"))
        shutil.copytree(
            ROOT / "jobs", folder / "jobs", ignore=shutil.ignore_patterns("__pycache__")
        )  # a job's script goes to a bucket
        known = os.environ.get("TF_CLI_CONFIG_FILE", "")
        environment = {name: value for name, value in os.environ.items() if name != "TF_CLI_CONFIG_FILE"}
        environment |= {"TF_IN_AUTOMATION": "1", "CHECKPOINT_DISABLE": "1", "TF_INPUT": "0"}
        found = mirror()
        if known and Path(known).is_file():
            environment["TF_CLI_CONFIG_FILE"] = known
        elif found:
            config = folder / "terraform.rc"
            config.write_text(f'provider_installation {{\n  filesystem_mirror {{\n    path = "{found}"\n  }}\n}}\n')
            environment["TF_CLI_CONFIG_FILE"] = str(config)
        return cls(folder / "terraform", environment)

    def run(self, where: str, *arguments: str, seconds: float = 600, **more: str) -> str:
        """Run terraform in a folder of the code; its output. Past `seconds` it is asked to stop, once, and waited for."""
        process = subprocess.Popen(
            ["terraform", *arguments],
            cwd=self.folder / where,
            env={**self.environment, **more},
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            output, _ = process.communicate(timeout=seconds)
        except BaseException:
            process.send_signal(signal.SIGINT)  # a second one would make it leave its state half written
            output, _ = process.communicate()
            if process.returncode == 0:
                raise
        assert process.returncode == 0, f"terraform {' '.join(arguments)} in {where}:\n{output}"
        return output

    def init(self, where: str) -> None:
        """Fetch the provider and the modules; the state stays out of it."""
        if not (self.folder / where / ".terraform").exists():
            self.run(where, "init", "-backend=false", "-no-color")
