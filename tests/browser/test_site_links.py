"""The site stands alone: nothing is fetched from elsewhere, no link is dead."""

from pathlib import Path
from threading import Thread
from urllib.parse import unquote, urlsplit

import pytest

from docs_site.build import build
from docs_site.serve import server
from tests.browser import fake_lake
from tests.browser.opened import Opener


@pytest.mark.parametrize("lake", ["rich", "healthy", "empty"])
def test_site_loads_without_complaint_and_asks_only_its_own_folder(
    lake: str, request: pytest.FixtureRequest, open_site: Opener
) -> None:
    index: Path = request.getfixturevalue(lake)
    opened = open_site(index)
    opened.page.wait_for_load_state("networkidle")
    assert opened.complaints == []
    assert {url.split("/")[-1] for url in opened.requests} >= {"index.html", "site.css", "site.js"}
    assert [url for url in opened.requests if not url.startswith(index.parent.as_uri() + "/")] == []


@pytest.mark.parametrize("lake", ["rich", "healthy", "empty"])
def test_site_has_no_dead_link(lake: str, request: pytest.FixtureRequest, open_site: Opener) -> None:
    index: Path = request.getfixturevalue(lake)
    page = open_site(index).page
    links: list[str] = page.eval_on_selector_all("[href], [src]", "all => all.map(one => one.href || one.src)")
    assert len(links) >= 5
    dead = [link for link in links if not Path(unquote(urlsplit(link).path)).is_file()]
    assert dead == []
    fragments = [unquote(urlsplit(link).fragment) for link in links if urlsplit(link).path == urlsplit(page.url).path]
    lost = [name for name in fragments if name and page.locator(f'[id="{name}"]').count() != 1]
    assert lost == []


def test_site_links_each_table_to_its_verdict_and_model(rich: Path, open_site: Opener) -> None:
    card = open_site(rich).page.locator("#silver-int_payments__current")
    assert card.get_by_role("link", name="Verdict").get_attribute("href") == "./quality/silver-int_payments__current.html"
    wanted = "dbt/index.html#!/model/model.comporta.int_payments__current"
    assert card.get_by_role("link", name="Model").get_attribute("href") == wanted


def test_site_without_neighbour_pages_says_which_command_makes_them(empty: Path, open_site: Opener) -> None:
    nav = open_site(empty).page.get_by_role("navigation", name="Site")
    assert nav.get_by_role("link").all_inner_texts() == ["Overview"]
    assert nav.locator("[aria-disabled=true]").all_inner_texts() == ["Data quality", "Models"]
    assert all(text.startswith("make ") for text in nav.locator("code").all_inner_texts())


def test_site_served_over_http_looks_the_same(tmp_path: Path, open_site: Opener, free_port: int) -> None:
    lake = fake_lake.settings(tmp_path, site_port=free_port)
    build(lake, fake_lake.NOW)
    with server(lake) as running:
        Thread(target=running.serve_forever, daemon=True).start()
        opened = open_site(f"http://127.0.0.1:{free_port}/")
        assert opened.page.get_by_role("heading", level=1).inner_text() == "The river bed is dry"
        assert opened.complaints == []
        assert [url for url in opened.requests if f"//127.0.0.1:{free_port}/" not in url] == []
        running.shutdown()
