"""The past: trends, failing rows, every verdict reachable at an address that stays; on a phone, and without JavaScript."""

import re
from pathlib import Path
from threading import Thread

import pytest
from playwright.sync_api import Page

from docs_site.build import build
from docs_site.serve import server
from lakehouse.tables import ledger
from tests.browser import fake_lake
from tests.browser.opened import Opener

TABLE = "tables/silver.int_customers__current.html"
FAILED = "verdicts/0214silver.html"
KINDS = {"overview": "index.html", "table": TABLE, "part": "tables/silver.int_customers__current.1.html"}
KINDS |= {"verdict": FAILED, "verdicts": "verdicts/index.html"}
NARROW = {"width": 375, "height": 800}
# Boxes of what is tapped, but for links within a sentence and what only a screen reader sees.
_TARGETS = """() => [...document.querySelectorAll("a, button, input, summary")]
  .filter((one) => one.checkVisibility() && !one.closest(".skip, .sub, p.none"))
  .map((one) => ({name: one.outerHTML.slice(0, 90), line: one.matches(".line-at, .copy, input, .tables a"),
                  tall: one.getBoundingClientRect().height}))"""


def test_trend_draws_rows_and_marks_what_failed(long: Path, open_site: Opener) -> None:
    page = open_site(long.parent / TABLE).page
    chart = page.locator(".charts svg").first
    assert "from 2,197 to 3,261" in (chart.get_attribute("aria-label") or "")
    listed = page.locator(".lines li")
    assert listed.count() == 100
    failed = page.locator(".lines .badge.is-failed").count()
    assert chart.locator(".chart-bad").count() == failed == 4
    assert page.locator(".charts .chart-critical").count() == failed
    box = chart.bounding_box()
    assert box and box["width"] > 300 and box["height"] > 50


def test_trend_of_each_check_has_a_drawing_and_its_numbers(long: Path, open_site: Opener) -> None:
    page = open_site(long.parent / TABLE).page
    unique = page.locator("#check-expect_column_values_to_be_unique-email")
    assert "0 % to 6.93 % unexpected" in unique.inner_text() and "failed 2 of 50" in unique.inner_text()
    assert unique.locator(".chart-bad").count() == 2
    label = unique.get_by_role("img").get_attribute("aria-label") or ""
    assert "over 50 verdicts: 0 % to 6.93 %" in label
    mean = page.locator("#check-expect_column_mean_to_be_between-credit_limit")
    assert "50 to 62" in mean.inner_text() and "never failed" in mean.inner_text()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_trend_line_stands_out_from_its_ground(scheme: str, long: Path, open_site: Opener) -> None:
    from tests.browser.colour import ratio

    page = open_site(long.parent / TABLE, color_scheme=scheme).page
    ground = page.locator("figure").first.evaluate("one => getComputedStyle(one).backgroundColor")
    for mark in (".chart-line", ".chart-bad"):
        assert ratio(page.locator(mark).first.evaluate("one => getComputedStyle(one).stroke"), ground) >= 3, mark


def test_overview_shows_how_each_table_fared_lately(long: Path, open_site: Opener) -> None:
    card = open_site(long).page.locator("#silver-int_customers__current")
    strip = card.locator(".strip")
    assert strip.get_attribute("aria-label") == "Last 30 verdicts: 29 passed, 1 failed"
    assert strip.locator("rect").count() == 30
    card.get_by_role("link", name="History").click()
    assert card.page.locator("h1").inner_text() == "int_customers__current"


def test_failing_rows_are_shown_with_personal_values_masked(long: Path, open_site: Opener) -> None:
    page = open_site(long.parent / FAILED).page
    rows = page.locator(".scroll table")
    assert rows.locator("th").all_inner_texts() == ["customer_id", "email"]
    assert rows.locator("tbody tr").all_inner_texts() == ["771\t•••• 3fa9c1", "902\t•••• 3fa9c1", "31\tnull"]
    for wanted in ("crm-team", "invoices", "not _is_deleted", "214"):
        assert wanted in page.locator(".broken").inner_text()


def test_every_verdict_is_reached_without_javascript(long: Path, open_site: Opener) -> None:
    page = open_site(long.parent / TABLE, java_script_enabled=False).page
    found = _verdicts(page)
    while page.get_by_role("link", name="Older verdicts").count():
        page.get_by_role("link", name="Older verdicts").click()
        found += _verdicts(page)
    assert len(set(found)) == 230
    assert not page.get_by_role("search").is_visible(), "a search that can't search is not offered"


def _verdicts(page: Page) -> list[str]:
    found: list[str] = page.eval_on_selector_all(".lines a", "all => all.map(one => one.href)")
    return found


def test_permalink_is_copied_and_opens_after_later_gates(tmp_path: Path, open_site: Opener, free_port: int) -> None:
    lake = fake_lake.settings(tmp_path, site_port=free_port)
    first = fake_lake.verdict(
        "silver", "int_orders", "failed", failures=[fake_lake.NEGATIVE_AMOUNT], at=fake_lake.before(hours=900)
    )
    ledger.append(lake, "verdicts", [first])
    build(lake, fake_lake.NOW)
    with server(lake) as running:
        Thread(target=running.serve_forever, daemon=True).start()
        page = open_site(f"http://127.0.0.1:{free_port}/?q=x", permissions=["clipboard-read", "clipboard-write"]).page
        page.keyboard.press("Escape")
        page.get_by_role("link", name="checks ran").click()
        page.get_by_role("button", name="Copy").click()
        page.get_by_text("Copied").wait_for()
        link = page.evaluate("navigator.clipboard.readText()")
        assert link == f"http://127.0.0.1:{free_port}/verdicts/silver-int_orders.html"
        title = page.title()
        later = [
            fake_lake.verdict("silver", "int_orders", verdict_id=f"later{hour}", at=fake_lake.before(hours=hour))
            for hour in range(1, 260)
        ]
        ledger.append(lake, "verdicts", later)
        build(lake, fake_lake.NOW)
        page.goto(link)
        assert page.title() == title and "-129.90" in page.locator(".broken").inner_text()
        running.shutdown()


def test_permalink_opened_from_a_folder_is_the_pages_own(long: Path, open_site: Opener) -> None:
    page = open_site(long.parent / FAILED).page
    own = page.get_by_role("link", name="Link to this verdict").evaluate("one => one.href")
    assert own == (long.parent / FAILED).as_uri()


@pytest.mark.parametrize("path", KINDS.values(), ids=KINDS.keys())
def test_phone_needs_no_sideways_scroll_and_no_fine_finger(path: str, long: Path, open_site: Opener) -> None:
    page = open_site(long.parent / path, viewport=NARROW, has_touch=True).page
    assert page.evaluate("document.documentElement.scrollWidth") <= 375
    targets = page.evaluate(_TARGETS)
    assert len(targets) > 5
    assert [target for target in targets if target["tall"] < (40 if target["line"] else 24)] == []


@pytest.mark.parametrize("path", KINDS.values(), ids=KINDS.keys())
def test_page_stands_alone_and_its_links_lead_somewhere(path: str, long: Path, open_site: Opener) -> None:
    opened = open_site(long.parent / path)
    links: list[str] = opened.page.eval_on_selector_all("[href], [src]", "all => all.map(one => one.href || one.src)")
    inside = [Path(re.sub(r"^file://|[?#].*$", "", link)) for link in links]
    assert [link for link in inside if not link.is_file()] == []
    assert [url for url in opened.requests if not url.startswith(long.parent.as_uri())] == []
    assert opened.page.locator("[onclick], [onerror], [onload], [style], script:not([src])").count() == 0
    assert opened.complaints == []
