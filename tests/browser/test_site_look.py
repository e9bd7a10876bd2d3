"""The page can be read: on a phone, in the dark, without a mouse, without seeing colours."""

from itertools import pairwise
from pathlib import Path

import pytest

from docs_site.build import build
from lakehouse.tables import ledger
from tests.browser import fake_lake
from tests.browser.colour import channels, contrasts, ratio
from tests.browser.opened import PHONE, Opener

_PAINT = "one => getComputedStyle(one).fill"
_OUTLINE = """() => {
  const style = getComputedStyle(document.activeElement);
  return [style.outlineStyle, style.outlineWidth, style.outlineColor];
}"""
_ALL = ("rich", "healthy", "empty")


def _layer(name: str) -> str:
    return f".layer[aria-labelledby=layer-{name}]"


@pytest.mark.parametrize(
    ("layer", "words", "detail", "strongest"),
    [("bronze", "Gate open", "all 5 passed", 1), ("silver", "Gate closed", "1 of 4 failed", 0)],
)
def test_site_gate_tells_its_state_in_colour_and_words(
    rich: Path, open_site: Opener, layer: str, words: str, detail: str, strongest: int
) -> None:
    page = open_site(rich).page
    gate = page.locator(f"{_layer(layer)} .gate")
    assert gate.locator("strong").inner_text() == words
    assert gate.locator("span").inner_text() == detail
    seen = channels(gate.locator(".gate-leaf rect").evaluate(_PAINT))
    assert seen.index(max(seen)) == strongest


def test_site_failed_table_comes_first_and_says_what_and_why(rich: Path, open_site: Opener) -> None:
    page = open_site(rich).page
    card = page.locator(f"{_layer('silver')} .card").first
    text = card.inner_text()
    for wanted in ("int_payments__current", "failed", "column_values_between", "amount", "min -129.90", "37", "90112"):
        assert wanted in text
    assert page.get_by_role("heading", level=1).inner_text().replace("\xa0", " ") == "1 table is held back"
    assert "1 stopped" in page.title()


def test_site_warned_gate_is_open_and_amber(tmp_path: Path, open_site: Opener) -> None:
    lake = fake_lake.settings(tmp_path)
    warned = fake_lake.verdict("gold", "fct_orders", failures=[fake_lake.LATE_DISPATCH])
    ledger.append(lake, "verdicts", [warned])
    page = open_site(build(lake, fake_lake.NOW)).page
    gate = page.locator(f"{_layer('gold')} .gate")
    assert gate.inner_text().split("\n") == ["Gate open", "1 of 1 warned"]
    red, green, blue = channels(gate.locator(".gate-leaf rect").evaluate(_PAINT))
    assert red > green > blue


@pytest.mark.parametrize("lake", _ALL)
@pytest.mark.parametrize("width", [320, 390, 768])
def test_site_never_scrolls_sideways(lake: str, width: int, request: pytest.FixtureRequest, open_site: Opener) -> None:
    page = open_site(request.getfixturevalue(lake), viewport=PHONE | {"width": width}).page
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("lake", _ALL)
def test_site_texts_have_contrast(lake: str, scheme: str, request: pytest.FixtureRequest, open_site: Opener) -> None:
    page = open_site(request.getfixturevalue(lake), color_scheme=scheme).page
    found = contrasts(page)
    assert len(found) > 10
    assert {text: round(seen, 2) for text, seen in found.items() if seen < 4.5} == {}
    ground = sum(channels(page.evaluate("getComputedStyle(document.body).backgroundColor"))) / 3
    assert ground < 60 if scheme == "dark" else ground > 200


def test_site_shows_where_the_keyboard_is(rich: Path, open_site: Opener) -> None:
    page = open_site(rich).page
    stops = page.locator("a[href], summary, input").count()
    for _ in range(stops):
        page.keyboard.press("Tab")
        name = page.evaluate("document.activeElement.outerHTML.slice(0, 80)")
        style, width, colour = page.evaluate(_OUTLINE)
        assert (style, width) == ("solid", "3px"), name
        assert ratio(colour, page.evaluate("getComputedStyle(document.body).backgroundColor")) >= 3, name
    assert page.evaluate("document.activeElement.localName") == "summary"


def test_site_has_landmarks_and_one_heading_outline(rich: Path, open_site: Opener) -> None:
    page = open_site(rich).page
    for landmark in ("banner", "navigation", "main", "contentinfo"):
        assert page.get_by_role(landmark).count() == 1, landmark
    levels = page.eval_on_selector_all("h1, h2, h3", "all => all.map(one => +one.localName[1])")
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    unnamed = page.locator("svg:not([aria-hidden=true]), img:not([alt])").count()
    assert unnamed == 0


def test_site_retells_times_from_the_readers_clock(rich: Path, open_site: Opener) -> None:
    page = open_site(rich).page
    assert page.locator("#bronze-shop__orders time").first.inner_text() == "14 minutes ago"
    page.clock.set_fixed_time("2026-03-17T09:30:00Z")
    page.reload()
    assert page.locator("#bronze-shop__orders time").first.inner_text() == "3 days ago"


def test_site_reads_the_same_without_javascript(rich: Path, open_site: Opener) -> None:
    page = open_site(rich, java_script_enabled=False).page
    assert page.locator("#bronze-shop__orders time").first.inner_text() == "14 minutes ago"
