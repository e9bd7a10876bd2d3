"""The status site: reads the ledger, writes static files that work from a folder, a server or a bucket."""

import json
import os
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from docs_site import files, history_pages, words
from docs_site.model import Ledger, page
from docs_site.page import Page
from lakehouse import atomic
from lakehouse.errors import StorageError
from lakehouse.pages import policy
from lakehouse.settings import Settings
from lakehouse.tables import ledger

_HERE = Path(__file__).resolve().parent


def build(settings: Settings, now: datetime) -> Path:
    """Write the site from the ledger as of `now` (with a time zone); returns its index.html.

    Pages about the past are written only if what they are made of has changed; the overview always, last, so that what it
    links to is there.

    Raises:
        StorageError: the ledger can't be read or the site's folder can't be written.
    """
    site = settings.site_dir
    found = read(settings)
    there = _Files(site)
    pieces = history_pages.pieces(found.verdicts, there, _render, _code())
    there.planned = {piece.path for piece in pieces}
    html = render(page(found, now, exists=there))
    try:
        for asset in sorted((_HERE / "assets").iterdir()):
            atomic.write(site / "assets" / asset.name, asset.read_text(encoding="utf-8"))
        files.update(site, settings.var_dir / "state" / "site.json", pieces)
        return atomic.write(site / "index.html", html)
    except OSError as error:
        raise StorageError(str(site), f"can't be written: {error.strerror}", "a writable folder", "Set VAR_DIR") from None


class _Files:
    """Whether a path relative to the site leads to a file; the many of `quality` are listed once."""

    def __init__(self, site: Path) -> None:
        self._site, self.planned = site, set[str]()
        self._quality = {
            f"{Path(folder).relative_to(site).as_posix()}/{name}"
            for folder, _, names in os.walk(site / "quality")
            for name in names
        }

    def __call__(self, path: str) -> bool:
        if path.startswith("quality/"):
            return path in self._quality
        return path == "index.html" or path in self.planned or bool(path) and (self._site / path).is_file()


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
    """The overview as HTML; every value is escaped."""
    return _render("index.html.j2", root="", page=shown)


def _render(template: str, **values: Any) -> str:
    return _environment().get_template(template).render(**values)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    names = ("stamp", "iso", "minute", "number", "short", "size", "duration", "amount", "percent")
    environment.globals["policy"] = policy.OWN
    environment.filters.update({name: getattr(words, name) for name in names})
    return environment


@cache
def _code() -> str:
    """A digest of what makes the pages: after an upgrade they are made anew."""
    sources = sorted([*_HERE.glob("*.py"), *(_HERE / "templates").iterdir()])
    return blake2b(b"\0".join(path.read_bytes() for path in sources), digest_size=8).hexdigest()


def _sizes(settings: Settings) -> Mapping[str, Mapping[str, Any]]:
    path = settings.var_dir / "state" / "tables.json"
    try:
        found: dict[str, dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):  # sizes are a comfort: without them the page says "–"
        return {}
    return found
