"""What `make infra-test` last passed on: a landing does not run it again as long as nothing of that has changed."""

import hashlib
import json
from datetime import date
from pathlib import Path

from lakehouse.settings import ROOT

PLACE = ROOT / "terraform" / "tested.json"
# What decides how it ends. Our own commands, which it runs too, are tested by make test.
_INPUTS = ("terraform", "docker", "Dockerfile", "tests/infra", "lakehouse/settings.py")
_NOT_OURS = {".terraform", "__pycache__", "terraform.tfvars", "owner.pgpass", "dsn.txt", ".env"}  # as .gitignore has them


def digest() -> str:
    """Digest of these files as they are here."""
    files = [path for each in _INPUTS for path in [ROOT / each, *(ROOT / each).rglob("*")] if path.is_file() and path != PLACE]
    found = hashlib.sha256()
    for path in sorted(files):
        name = path.relative_to(ROOT).as_posix()
        if not _NOT_OURS & {*name.split("/")} and ".tfstate" not in name and not name.endswith(".tfbackend"):
            found.update(name.encode() + b"\0" + path.read_bytes() + b"\0")
    return found.hexdigest()


def note(passed: int, seconds: float, on: date, place: Path = PLACE) -> None:
    """Note that all passed."""
    said = {"passed": passed, "on": on.isoformat(), "minutes": round(seconds / 60), "digest": digest()}
    place.write_text(json.dumps(said, indent=2) + "\n", encoding="utf-8")
