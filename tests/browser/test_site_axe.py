"""axe-core finds nothing serious on any kind of page: light and dark, wide and on a phone."""

from pathlib import Path

import pytest

from expectations.report import offline
from tests.browser import fake_lake
from tests.browser.axe import faults
from tests.browser.ge_page import ge_page
from tests.browser.opened import Opener

_OVERVIEWS = ("rich", "healthy", "empty")
_OTHERS = {
    "a table": "tables/silver.int_customers__current.html",
    "a part of its history": "tables/silver.int_customers__current.1.html",
    "a verdict that failed": "verdicts/0214silver.html",
    "a verdict that passed": "verdicts/0229gold.html",
    "the verdicts": "verdicts/index.html",
}


def test_axe_is_awake(browser_page_with_a_fault: list[str]) -> None:
    assert any("image-alt" in fault for fault in browser_page_with_a_fault)


@pytest.fixture
def browser_page_with_a_fault(tmp_path: Path, open_site: Opener) -> list[str]:
    """What axe says of a picture without words."""
    page = tmp_path / "index.html"
    page.write_text("<!doctype html><html lang=en><title>x</title><main><h1>x</h1><img src=x.png></main></html>")
    return faults(open_site(page).page)


@pytest.mark.parametrize("lake", _OVERVIEWS)
def test_site_overview_has_no_serious_fault(lake: str, request: pytest.FixtureRequest, open_site: Opener) -> None:
    assert faults(open_site(request.getfixturevalue(lake)).page) == []


@pytest.mark.parametrize("path", _OTHERS.values(), ids=_OTHERS.keys())
def test_site_page_has_no_serious_fault(path: str, long: Path, open_site: Opener) -> None:
    assert faults(open_site(long.parent / path).page) == []


def test_site_search_has_no_serious_fault(long: Path, open_site: Opener) -> None:
    page = open_site(f"{long.as_uri()}?q=customers").page
    page.locator("#found .found-list a").first.wait_for()
    assert faults(page) == []


def test_site_quality_index_has_no_serious_fault(tmp_path: Path, open_site: Opener) -> None:
    rows = [
        fake_lake.verdict("silver", "int_a", state, failed_warning=0, failed_critical=0)
        for state in ("passed", "failed", "errored")
    ]
    page = tmp_path / "index.html"
    page.write_text(offline.index(rows, "quality"), encoding="utf-8")
    assert faults(open_site(page).page) == []


def test_site_page_of_great_expectations_has_no_serious_fault(tmp_path: Path, open_site: Opener) -> None:
    lake = fake_lake.settings(tmp_path)
    path = ge_page(lake)
    opened = open_site(lake.site_dir / path)
    assert "•••• 3fa9c1" in opened.page.locator("body").inner_text()
    home = opened.page.get_by_role("link", name="Home").evaluate("one => one.href")
    assert home == (lake.site_dir / "quality" / "index.html").as_uri()
    opened.page.set_viewport_size({"width": 375, "height": 900})
    assert opened.page.evaluate("document.documentElement.scrollWidth") <= 375
    assert faults(opened.page) == []
