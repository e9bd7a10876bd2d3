"""The search: by table, check, column, owner, verdict and words; from the keyboard; at 10,000 verdicts; from a folder too."""

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

from docs_site import build, history_pages
from lakehouse import atomic
from lakehouse.tables import ledger
from lakehouse.tables.ledger import SCHEMAS
from tests.browser import fake_lake
from tests.browser.opened import Opened, Opener
from tests.browser.test_site_hostile import SCRIPT


def _asked(opened: Opened, query: str) -> list[str]:
    """Results of `query`, typed; each as its text."""
    page = opened.page
    page.get_by_role("searchbox").fill(query)
    page.wait_for_function(
        "text => !text.hidden && /found$/.test(text.querySelector('.found-count').textContent)", arg=_found(page)
    )
    return page.locator("#found li").all_inner_texts()


def _found(page: Page) -> Any:
    return page.locator("#found").element_handle()


@pytest.mark.parametrize(
    ("query", "count", "words"),
    [
        ("email verdict:failed", 10, "expect_column_values_to_be_unique(email)"),
        ("owner:crm-team", 10, "int_customers__current"),
        ("column:placed_at verdict:warned", 21, "freshness_below_24h(placed_at)"),
        ("table:gold.dim", 50 + 1 + 4, "gold.dim_customers"),
        ("check:mean", 3, "expect_column_mean_to_be_between(credit_limit)"),
        ("2026-03-13 17:30", 3, "version 214"),
        ("INVOICES each OTHER'S", 10, "silver"),
        ("layer:gold verdict:failed", 0, ""),
        ("check:email", 0, ""),
        ("column:unique", 0, ""),
        ("no such thing", 0, ""),
    ],
)
def test_search_finds_by_field_and_by_words(query: str, count: int, words: str, long: Path, open_site: Opener) -> None:
    results = _asked(open_site(long), query)
    assert len(results) == count
    assert all(words in result for result in results) or "table:" in query


def test_search_is_used_from_the_keyboard_alone(long: Path, open_site: Opener) -> None:
    page = open_site(long.parent / "verdicts" / "0214silver.html").page
    page.keyboard.press("/")
    page.keyboard.type("email verdict:failed version 191")
    page.locator("#found li a").first.wait_for()
    assert page.get_by_role("searchbox").input_value() == "email verdict:failed version 191"
    page.keyboard.press("ArrowDown")
    assert page.evaluate("document.activeElement.closest('#found li') !== null")
    page.keyboard.press("ArrowUp")
    assert page.evaluate("document.activeElement.id") == "q"
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    page.wait_for_url("**/verdicts/0191silver.html")


def test_search_ends_with_escape_and_leaves_the_page_as_it_was(long: Path, open_site: Opener) -> None:
    opened = open_site(long)
    assert _asked(opened, "customers")
    assert not opened.page.locator("main").is_visible()
    opened.page.keyboard.press("Escape")
    assert opened.page.locator("main").is_visible() and not opened.page.locator("#found").is_visible()
    assert opened.page.url == long.as_uri()


def test_search_address_carries_the_query(long: Path, open_site: Opener) -> None:
    first = open_site(long)
    results = _asked(first, "email verdict:failed")
    assert first.page.url.endswith("?q=email+verdict%3Afailed")
    second = open_site(first.page.url)
    second.page.locator("#found li").nth(9).wait_for()
    assert second.page.locator("#found li").all_inner_texts() == results
    assert second.page.get_by_role("searchbox").input_value() == "email verdict:failed"
    assert first.complaints == second.complaints == []


def test_search_loads_nothing_until_it_is_asked(long: Path, open_site: Opener) -> None:
    assert [url for url in open_site(long).requests if "/search/" in url] == []


def test_search_shows_more_on_demand_and_keeps_the_place(long: Path, open_site: Opener) -> None:
    opened = open_site(long)
    assert len(_asked(opened, "layer:silver verdict:passed")) == 50 + 1
    opened.page.get_by_role("button", name="Show more").click()
    assert opened.page.locator("#found li").count() == 220 + 1
    assert opened.page.evaluate("[...document.querySelectorAll('#found li')].indexOf(document.activeElement.closest('li'))") == 51


def test_search_through_ten_thousand_verdicts_is_instant(tmp_path: Path, open_site: Opener) -> None:
    lake = fake_lake.long(tmp_path, gates=2)
    index = build.build(lake, fake_lake.NOW)
    rows = [dict.fromkeys(SCHEMAS["verdicts"].names) | row for row in (_many(number) for number in range(10_000))]
    for piece in history_pages.pieces(rows, lambda path: False, build._render, ""):
        if piece.path.startswith("search/"):
            atomic.write(index.parent / piece.path, piece.make())
    opened = open_site(index)
    assert len(_asked(opened, "number_7777_ verdict:failed")) == 1
    took = opened.page.evaluate("""() => {
      const box = document.getElementById("q"), started = performance.now();
      for (const query of ["t", "tab", "table_3 failed"]) { box.value = query; box.dispatchEvent(new Event("input")); }
      document.body.getBoundingClientRect();
      return (performance.now() - started) / 3;
    }""")
    assert took < 300, "milliseconds a key"
    assert "(1,000)" in opened.page.locator("#found h2").last.inner_text()


def _many(number: int) -> dict[str, Any]:
    failures = [fake_lake.NEGATIVE_AMOUNT | {"why": f"number_{number}_"}]
    return fake_lake.verdict("silver", f"table_{number % 10}", "failed", failures=failures, verdict_id=f"{number:032x}")


def test_search_shows_hostile_names_as_text(tmp_path: Path, open_site: Opener) -> None:
    lake = fake_lake.settings(tmp_path)
    failure = dict.fromkeys(("check", "column", "severity", "observed", "owner", "why"), SCRIPT) | {
        "sample": [SCRIPT, {SCRIPT: SCRIPT}]
    }
    row = fake_lake.verdict("silver", SCRIPT, "failed", failures=[failure], verdict_id=SCRIPT, owner=SCRIPT, judged_by=SCRIPT)
    ledger.append(lake, "verdicts", [row | {"checks": f'[["{"<b>" * 3}", "<i>", true]]'}])
    index = build.build(lake, fake_lake.NOW)
    opened = open_site(index)
    assert len(_asked(opened, "window.hacked")) == 3
    opened.page.locator("#found li a").last.click()
    opened.page.locator("h1").wait_for()
    pages = list(index.parent.rglob("*.html"))
    assert len(pages) == 4
    for path in pages:
        opened.page.goto(path.as_uri())
        assert opened.page.evaluate("window.hacked") is None
        assert opened.page.locator("script, img").count() == 1
        assert opened.page.locator("[onerror], [onmouseover], [onclick]").count() == 0
    assert opened.complaints == []
