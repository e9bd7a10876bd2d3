"""What a whole `make image-test` has seen, written into docs/container.md."""

import re
import subprocess
from datetime import UTC, datetime

from image.engine import Engine

from lakehouse.settings import ROOT

PAGE = ROOT / "docs" / "container.md"
_BLOCK = re.compile(r"(<!-- make image-test writes the table below -->\n).*?(?=\n\n|\Z)", re.S)
_seen: dict[str, str] = {}


def note(what: str, seconds: float) -> None:
    """Keep how long something took; the first time counts."""
    _seen.setdefault(what, f"{seconds / 60:.0f} min" if seconds >= 120 else f"{seconds:.0f} s")


def note_image(engine: Engine, image: str) -> None:
    """Keep what the image weighs, and what built it."""
    _seen["image"] = f"{size(engine, image) / 1e9:.1f} GB unpacked"
    _seen["engine"] = engine.podman("--version").strip().replace("podman version", "Podman") + " with runc"


def note_above(engine: Engine, image: str, base: str, name: str) -> int:
    """Keep what an image weighs above its base: debootstrap's is a larger one than the registry's. Returns the bytes."""
    above = size(engine, image) - size(engine, base)
    _seen[name] = f"{above / 1e6:.0f} MB above its base"
    return above


def size(engine: Engine, image: str) -> int:
    """Bytes of an image, unpacked."""
    found = engine.inspect(image)["Size"]
    assert isinstance(found, int)
    return found


def publish() -> None:
    """Put what was kept into the page, with the day and the commit."""
    rows = {"day": f"{datetime.now(UTC):%Y-%m-%d}", "commit": _commit(), **_seen}
    table = "\n".join(["| | |", "| --- | --- |", *(f"| {name} | {value} |" for name, value in rows.items())])
    text, count = _BLOCK.subn(lambda found: found[1] + table, PAGE.read_text(encoding="utf-8"))
    assert count == 1, f"{PAGE} has no place for the result"
    PAGE.write_text(text, encoding="utf-8")


def _commit() -> str:
    def git(*arguments: str) -> str:
        return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()

    changed = git("status", "--porcelain", "--", ".", ":!docs/container.md")
    return git("rev-parse", "--short", "HEAD") + (" and what was not committed" if changed else "")
