"""Whatever stands in the ledger is text: names and values can't become markup, script or a way out."""

from pathlib import Path

from docs_site.build import build
from lakehouse.tables import ledger
from tests.browser import fake_lake
from tests.browser.opened import PHONE, Opener

SCRIPT = "<script>window.hacked = 1</script><img src=x onerror='window.hacked = 1'>\" onmouseover=\"window.hacked = 1"


def _hostile(folder: Path) -> Path:
    lake = fake_lake.settings(folder)
    failure = dict.fromkeys(("check", "column", "severity", "observed"), SCRIPT) | {"sample": [SCRIPT, {SCRIPT: SCRIPT}]}
    row = fake_lake.verdict("silver", SCRIPT, "failed", failures=[failure], page="javascript:window.hacked=1")
    ledger.append(lake, "verdicts", [row, fake_lake.verdict("silver", "int_way_out", page="../../../secret.html")])
    ledger.append(lake, "batches", [fake_lake.batch(SCRIPT, status="failed", error=SCRIPT)])
    ledger.append(lake, "runs", [fake_lake.run(1, SCRIPT, command=SCRIPT, detail=SCRIPT)])
    ledger.append(lake, "releases", [fake_lake.release(1, "silver", {SCRIPT: 1}, note=SCRIPT, kind=SCRIPT)])
    (lake.var_dir.parent.parent / "secret.html").write_text("not of the site")
    fake_lake.neighbours(lake)
    return build(lake, fake_lake.NOW)


def test_site_hostile_names_stay_text(tmp_path: Path, open_site: Opener) -> None:
    opened = open_site(_hostile(tmp_path / "deep" / "lake"))
    page = opened.page
    page.wait_for_load_state("networkidle")
    for target in page.locator(".card, .runs li, .release").all():
        target.hover()
    assert page.evaluate("window.hacked") is None
    assert page.locator("script, img").count() == 1
    assert page.locator("[onerror], [onmouseover]").count() == 0
    assert SCRIPT in page.locator(".card h3").all_inner_texts()
    assert opened.complaints == []


def test_site_hostile_verdict_pages_lead_nowhere(tmp_path: Path, open_site: Opener) -> None:
    page = open_site(_hostile(tmp_path / "deep" / "lake")).page
    hrefs = page.eval_on_selector_all("a", "all => all.map(one => one.getAttribute('href'))")
    assert [href for href in hrefs if ":" in href.split("#")[0] or ".." in href] == []
    assert page.get_by_role("link", name="Verdict of").count() == 0


def test_site_hostile_names_keep_a_phone_in_shape(tmp_path: Path, open_site: Opener) -> None:
    lake = fake_lake.settings(tmp_path)
    name = "shop__" + "averyveryverylongname" * 8
    ledger.append(lake, "verdicts", [fake_lake.verdict("bronze", name, "failed", failures=[{"check": name, "column": name}])])
    ledger.append(lake, "runs", [fake_lake.run(2**62, command=name, detail=name)])
    ledger.append(lake, "releases", [fake_lake.release(2**62, "bronze", {name: 2**62}, note=name)])
    page = open_site(build(lake, fake_lake.NOW), viewport=PHONE).page
    page.eval_on_selector_all("details", "all => all.forEach(one => { one.open = true })")
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
