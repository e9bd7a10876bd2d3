"""axe-core finds nothing serious on any kind of page: light and dark, wide and on a phone."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from expectations import offline
from tests.browser import fake_lake
from tests.browser.axe import faults
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
    from great_expectations.core import ExpectationValidationResult

    from expectations import registry
    from expectations.page import Pages
    from expectations.runner import Ran
    from expectations.suite import Check

    lake = fake_lake.settings(tmp_path)
    check = Check.model_validate({"expect": "expect_column_values_to_be_unique", "column": "email"})
    found = {
        "element_count": 9, "unexpected_count": 2, "unexpected_percent": 22.2, "partial_unexpected_list": ["•••• 3fa9c1"] * 2,
        "partial_unexpected_counts": [{"value": "•••• 3fa9c1", "count": 2}], "missing_count": 0, "missing_percent": 0.0,
        "unexpected_percent_total": 22.2, "unexpected_percent_nonmissing": 22.2,
        "partial_unexpected_index_list": [{"customer_id": 4, "email": "•••• 3fa9c1"}, {"customer_id": 5, "email": "•••• 3fa9c1"}],
    }  # fmt: skip
    results = [
        ExpectationValidationResult(
            success=success, expectation_config=registry.build(check, number, "t").configuration, result=dict(found),
            exception_info={"raised_exception": False, "exception_traceback": None, "exception_message": None},
        )
        for number, success in enumerate((True, False), 1)
    ]  # fmt: skip
    pages = Pages(lake)
    path = pages.add("silver.int_customers__current", 3, Ran(9, (), tuple(results), {}), False, datetime(2026, 3, 1, tzinfo=UTC))
    pages.build()
    opened = open_site(lake.site_dir / path)
    assert "•••• 3fa9c1" in opened.page.locator("body").inner_text()
    home = opened.page.get_by_role("link", name="Home").evaluate("one => one.href")
    assert home == (lake.site_dir / "quality" / "index.html").as_uri()
    opened.page.set_viewport_size({"width": 375, "height": 900})
    assert opened.page.evaluate("document.documentElement.scrollWidth") <= 375
    assert faults(opened.page) == []
