"""The status site: reads the ledger, writes static files that work from a folder, a server or a bucket."""

import json
import os
import tempfile
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from lakehouse import ledger
from lakehouse.errors import StorageError
from lakehouse.settings import Settings
from lakehouse.site import words
from lakehouse.site.model import Ledger, page
from lakehouse.site.page import Page

_HERE = Path(__file__).resolve().parent


def build(settings: Settings, now: datetime) -> Path:
    """Write the site's overview from the ledger as of `now` (with a time zone); returns its index.html.

    Raises:
        StorageError: the ledger can't be read or the site's folder can't be written.
    """
    site = settings.site_dir
    shown = page(read(settings), now, exists=lambda path: path == "index.html" or (site / path).is_file())
    html = render(shown)
    try:
        for asset in sorted((_HERE / "assets").iterdir()):
            _write(site / "assets" / asset.name, asset.read_text(encoding="utf-8"))
        return _write(site / "index.html", html)
    except OSError as error:
        raise StorageError(str(site), f"can't be written: {error.strerror}", "a writable folder", "Set VAR_DIR") from None


def read(settings: Settings) -> Ledger:
    """The ledger's rows and, where they are known, the tables' sizes."""
    return Ledger(
        runs=ledger.rows(settings, "runs"),
        batches=ledger.rows(settings, "batches"),
        verdicts=ledger.rows(settings, "verdicts"),
        releases=ledger.rows(settings, "releases"),
        sizes=_sizes(settings),
    )


def render(shown: Page) -> str:
    """`shown` as HTML; every value is escaped."""
    environment = Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters = {"stamp": words.stamp, "iso": words.iso, "number": words.number, "short": words.short}
    environment.filters.update(filters | {"size": words.size, "duration": words.duration})
    return environment.get_template("index.html.j2").render(page=shown)


def _sizes(settings: Settings) -> Mapping[str, Mapping[str, Any]]:
    path = settings.var_dir / "state" / "tables.json"
    try:
        found: dict[str, dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):  # sizes are a comfort: without them the page says "–"
        return {}
    return found


def _write(path: Path, text: str) -> Path:
    """Write `text` whole or not at all: a reader never sees half a page."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        Path(temporary).chmod(0o644)  # mkstemp's 0600 would hide the page from a web server
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    return path
