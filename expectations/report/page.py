"""Data docs: a page for each verdict under `site/quality`; only new pages are rendered, and old ones do not pile up."""

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from html import escape
from pathlib import PurePosixPath
from typing import Any

from expectations.report import offline
from expectations.runner import SuiteResult
from expectations.verdict import Verdict
from lakehouse import atomic, values
from lakehouse.settings import Settings
from lakehouse.tables import ledger

_SITE = "quality"
_PAGES = f"{_SITE}/validations"
Row = Mapping[str, Any]


class Pages:
    """The data docs; `add` keeps a verdict's results, `build` renders what was added.

    Great Expectations' page renderer is used without its site builder, which keeps every result that it ever rendered and lists
    them all for each page: its time and its disk grow with history.
    """

    def __init__(self, settings: Settings) -> None:
        self._site = settings.site_dir
        self._added: list[tuple[str, Any]] = []

    def add(self, name: str, version: int, ran: SuiteResult, passed: bool, at: datetime) -> str:
        """Keep the results of `name` (layer.table) at `version`; the page's path relative to the site, once `build` has run."""
        from great_expectations.core import ExpectationSuiteValidationResult, RunIdentifier

        name = re.sub(r"[^\w.-]", "_", name)  # it becomes a folder
        run = RunIdentifier(run_name=f"{at:%Y%m%dT%H%M%S%fZ}", run_time=at)
        held = sum(bool(result.success) for result in ran.results)
        for result in ran.results:  # else its JSON has a decimal as a float, and no word for bytes
            result.result = values.plain(result.result or {})
        whole = ExpectationSuiteValidationResult(
            success=passed,
            results=list(ran.results),
            suite_name=name,
            statistics=_statistics(len(ran.results), held),
            meta={**ran.meta, "run_id": run, "validation_time": at, "delta_version": version},
        )
        page = f"{_PAGES}/{name}/{run.run_name}/version-{version}.html"
        self._added.append((page, whole))
        return page

    def build(self) -> None:
        """Render the pages that were added; one that can't be rendered is left out."""
        if not self._added:
            return
        from great_expectations.core.expectation_validation_result import expectationSuiteValidationResultSchema as Schema
        from great_expectations.render.renderer import ValidationResultsPageRenderer

        view, renderer = _view(), ValidationResultsPageRenderer()
        for page, whole in self._added:
            with suppress(Exception):  # a page is a comfort; verdict and samples are in the ledger
                plain = Schema.loads(json.dumps(Schema.dump(whole)))  # as its own site does: dates and decimals as text
                html = view.render(_escaped(renderer.render(plain).to_json_dict()), show_how_to_buttons=False)
                atomic.write(self._site / page, offline.whole(html))
        self._added = []

    def existing(self, page: str) -> str:
        """`page` if it was rendered, else nothing."""
        return page if (self._site / page).is_file() else ""


def render(settings: Settings, made: Iterable[tuple[Verdict, SuiteResult | None]], now: datetime) -> list[Verdict]:
    """A page for each of the verdicts that rest on results; the verdicts, each with where its page is."""
    pages, verdicts = Pages(settings), list[Verdict]()
    for verdict, ran in made:
        if ran is not None and verdict.delta_version is not None:
            page = pages.add(f"{verdict.layer}.{verdict.table}", verdict.delta_version, ran=ran, passed=verdict.ok, at=now)
            verdict = replace(verdict, page=page)
        verdicts.append(verdict)
    pages.build()
    return [replace(verdict, page=pages.existing(verdict.page)) for verdict in verdicts]


def write_index(settings: Settings) -> None:
    """Write `quality/index.html` from the ledger, and remove pages that KEPT_PAGES does not keep."""
    rows = ledger.rows(settings, "verdicts")
    remove(settings, outdated(rows, ledger.rows(settings, "releases"), settings.kept_pages, settings.kept_releases))
    latest = {(row["layer"], row["table_name"]): row for row in rows}.values()
    atomic.write(settings.site_dir / _SITE / "index.html", offline.index(latest, _SITE))


def outdated(verdicts: Iterable[Row], releases: Iterable[Row], kept_pages: int, kept_releases: int) -> list[str]:
    """Pages that are neither among the last `kept_pages` of their table nor of a version that a kept release shows.

    Args:
        verdicts, releases: rows of the ledger, oldest first.
    """
    shown = _shown(releases, kept_releases)
    pages = defaultdict(list)
    for row in verdicts:
        if row["page"]:
            pages[_table(row)].append(row)
    old = [row for own in pages.values() for row in own[:-kept_pages]]
    kept = {row["page"] for own in pages.values() for row in own[-kept_pages:]}
    return [row["page"] for row in old if (*_table(row), row["delta_version"]) not in shown and row["page"] not in kept]


def _table(row: Row) -> tuple[str, str]:
    return row["layer"], row["table_name"]


def _shown(releases: Iterable[Row], kept: int) -> set[tuple[str, str, int]]:
    """Layer, table and version of all that the last `kept` releases of a layer show."""
    latest: dict[str, dict[int, Row]] = defaultdict(dict)
    for row in releases:
        latest[row["layer"]][row["release_id"]] = row
    found = [(layer, own[number]) for layer, own in latest.items() for number in sorted(own)[-kept:]]
    return {(layer, table, version) for layer, row in found for table, version in json.loads(row["tables"] or "{}").items()}


def remove(settings: Settings, pages: Iterable[str]) -> None:
    """Remove `pages`, relative to the site, and the folders that this leaves empty; whatever is not a verdict's page stays."""
    for page in pages:
        path = PurePosixPath(page)
        if path.is_relative_to(_PAGES) and ".." not in path.parts:
            file = settings.site_dir / path
            file.unlink(missing_ok=True)
            with suppress(OSError):  # of a folder that is not empty, or went with a page before
                for folder in list(file.parents)[: len(path.parts) - len(PurePosixPath(_PAGES).parts) - 1]:
                    folder.rmdir()


def _view() -> Any:
    """Great Expectations' view of a page, which takes one as plain data too."""
    from great_expectations.render.view import DefaultJinjaPageView

    class View(DefaultJinjaPageView):  # type: ignore[misc]
        def _validate_document(self, document: Any) -> None:
            assert document["sections"]

    return View()


def _escaped(document: Any) -> Any:
    """`document` of a page with its texts as HTML. The view takes them for HTML, all but what it puts into a template itself."""
    if isinstance(document, str):
        return escape(document, quote=False)
    if isinstance(document, Mapping):
        if "params" in document.get("string_template", ()):
            return document
        return {name: _escaped(each) for name, each in document.items()}
    return [_escaped(each) for each in document] if isinstance(document, list | tuple) else document


def _statistics(checked: int, held: int) -> dict[str, Any]:
    return {
        "evaluated_expectations": checked,
        "successful_expectations": held,
        "unsuccessful_expectations": checked - held,
        "success_percent": 100 * held / checked if checked else None,
    }
