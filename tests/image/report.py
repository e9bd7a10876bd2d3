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


def note_image(engine: Engine, image: str, name: str = "image") -> None:
    """Keep what an image weighs, and what built it."""
    size = engine.inspect(image)["Size"]
    assert isinstance(size, int)
    _seen[name] = f"{size / 1e9:.1f} GB unpacked" if size >= 1e9 else f"{size / 1e6:.0f} MB unpacked"
    _seen["engine"] = engine.podman("--version").strip().replace("podman version", "Podman") + " with runc"


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
