"""Data docs: a page for each verdict under `site/quality`; only new pages are rendered."""

import re
from datetime import datetime
from typing import Any

from expectations import offline
from expectations.runner import Ran
from lakehouse import ledger
from lakehouse.settings import Settings

_SITE = "quality"


class Pages:
    """The data docs site; `add` keeps a verdict's results, `build` renders what was added."""

    def __init__(self, settings: Settings) -> None:
        import great_expectations as gx

        self._settings = settings
        root = settings.var_dir / "gx"
        root.mkdir(parents=True, exist_ok=True)
        self._context = gx.get_context(mode="file", project_root_dir=root)
        wanted = _config(settings)
        sites = self._context.variables.data_docs_sites or {}
        if sites.get(_SITE) != wanted or set(sites) != {_SITE}:
            self._context.variables.data_docs_sites = {_SITE: wanted}
            self._context.variables.save()
        self._added: list[Any] = []

    def add(self, name: str, version: int, ran: Ran, passed: bool, at: datetime) -> str:
        """Keep the results of `name` (layer.table) at `version`; the page's path relative to the site, once `build` has run."""
        from great_expectations.core import ExpectationSuiteValidationResult, RunIdentifier
        from great_expectations.data_context.types.resource_identifiers import (
            ExpectationSuiteIdentifier,
            ValidationResultIdentifier,
        )

        name = re.sub(r"[^\w.-]", "_", name)  # it becomes folders
        run = RunIdentifier(run_name=f"{at:%Y%m%dT%H%M%S%fZ}", run_time=at)
        key = ValidationResultIdentifier(ExpectationSuiteIdentifier(name), run, f"version-{version}")
        held = sum(bool(result.success) for result in ran.results)
        whole = ExpectationSuiteValidationResult(
            success=passed,
            results=list(ran.results),
            suite_name=name,
            statistics=_statistics(len(ran.results), held),
            meta={**ran.meta, "run_id": run, "validation_time": at, "delta_version": version},
        )
        self._context.validation_results_store.store_validation_results(whole, key)
        self._added.append(key)
        return _path(key)

    def build(self) -> None:
        """Render the pages that were added."""
        if not self._added:
            return
        self._context.build_data_docs(site_names=[_SITE], resource_identifiers=self._added, build_index=False)
        for key in self._added:
            page = self._settings.site_dir / _path(key)
            if page.is_file():
                page.write_text(offline.whole(page.read_text(encoding="utf-8")), encoding="utf-8")
        self._added = []

    def existing(self, page: str) -> str:
        """`page` if it was rendered, else nothing: Great Expectations only logs what it can't render."""
        return page if (self._settings.site_dir / page).is_file() else ""


def write_index(settings: Settings) -> None:
    """Write `quality/index.html` from the ledger."""
    latest = ledger.latest(settings, "verdicts", "layer", "table_name").values()
    path = settings.site_dir / _SITE / "index.html"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(offline.index(latest, _SITE), encoding="utf-8")


def _path(key: Any) -> str:
    return "/".join((_SITE, "validations", *key.to_tuple())) + ".html"


def _statistics(checked: int, held: int) -> dict[str, Any]:
    return {
        "evaluated_expectations": checked,
        "successful_expectations": held,
        "unsuccessful_expectations": checked - held,
        "success_percent": 100 * held / checked if checked else None,
    }


def _config(settings: Settings) -> dict[str, Any]:
    sections: dict[str, Any] = {
        "validations": {
            "class_name": "DefaultSiteSectionBuilder",
            "source_store_name": "validation_results_store",
        },
        "expectations": "None",
    }
    return {
        "class_name": "SiteBuilder",
        "show_how_to_buttons": False,
        "store_backend": {
            "class_name": "TupleFilesystemStoreBackend",
            "base_directory": str(settings.site_dir / _SITE),
        },
        "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"},
        "site_section_builders": sections,
    }
