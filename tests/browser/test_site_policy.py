"""Every kind of page runs what it is made of and nothing else: from a folder by its `<meta>`, over HTTP by the header as well."""

import json
import re
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from threading import Thread
from urllib.parse import urlsplit

import pytest
from dbt.task.docs import DOCS_INDEX_FILE_PATH
from ports import free_ports

from docs_site import dbt_page
from docs_site.build import build
from docs_site.serve import server
from expectations.report import offline
from lakehouse import dbt
from lakehouse.pages import policy
from lakehouse.settings import Settings
from lakehouse.tables import ledger
from tests.browser import fake_lake
from tests.browser.ge_page import ge_page
from tests.browser.opened import Opened, Opener

ATTACK = "<script>window.hacked = 1</script><img src=x onerror='window.hacked = 1'><svg onload='window.hacked = 1'></svg>"
# A description that would end dbt's script, and one that its own Markdown takes for markup.
HOSTILE = "</script><script>window.hacked = 1</script><img src=x onerror='window.hacked = 1'> <!-- <script>"
# What dbt's page does by itself, before its templates are filled: it asks for icons called {{ … }}, without any policy too.
_OF_DBT = re.compile(r"Unsafe attempt to load URL \S*%7B%7B|Failed to load resource")
KINDS = [
    "index.html",
    "verdicts/index.html",
    "a table",
    "a verdict",
    "quality/index.html",
    "of Great Expectations",
    "dbt/index.html",
]


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A lake with a page of each kind, as those who write them do."""
    made = fake_lake.rich(tmp_path_factory.mktemp("policy")).model_copy(update={"site_port": free_ports(1)[0]})
    site = made.site_dir
    (site / "quality" / "index.html").write_text(offline.index(ledger.rows(made, "verdicts"), "quality"), encoding="utf-8")
    dbt.invoke(made, "parse")
    manifest = (made.var_dir / "dbt" / "target" / "manifest.json").read_text(encoding="utf-8")
    (site / "dbt" / "index.html").write_text(_of_dbt(manifest), encoding="utf-8")
    build(made, fake_lake.NOW)
    return made


def _of_dbt(manifest: str) -> str:
    """dbt's page, of a catalog that has nothing."""
    index = Path(DOCS_INDEX_FILE_PATH).read_text(encoding="utf-8")
    return dbt_page.page(index, manifest, json.dumps({"metadata": {}, "nodes": {}, "sources": {}, "errors": None}))


@pytest.fixture(scope="module")
def paths(lake: Settings) -> dict[str, str]:
    """A page of each kind, relative to the site."""
    site = lake.site_dir
    found = {kind: kind for kind in KINDS} | {"of Great Expectations": ge_page(lake)}
    [found["a table"], *_] = sorted(path.relative_to(site).as_posix() for path in site.glob("tables/**/*.html"))
    [found["a verdict"], *_] = sorted(
        path.relative_to(site).as_posix() for path in site.glob("verdicts/*.html") if path.stem != "index"
    )
    assert {path.name for path in site.iterdir()} == {"assets", "dbt", "index.html", "quality", "search", "tables", "verdicts"}
    return found


@pytest.fixture(scope="module")
def address(lake: Settings) -> Iterator[str]:
    """Where the site is served."""
    with server(lake) as running:
        Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{lake.site_port}/"
        running.shutdown()


def _shown(opened: Opened) -> None:
    """Wait until the page is what it is to be; dbt's never stops asking for its icons."""
    if "/dbt/" in opened.page.url:
        opened.page.get_by_role("heading", level=1).or_(opened.page.get_by_text("Welcome to the auto-generated")).first.wait_for()
    else:
        opened.page.wait_for_load_state("networkidle")


@pytest.mark.parametrize("where", ["folder", "server"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_page_asks_for_nothing_that_its_policy_forbids(
    kind: str, where: str, lake: Settings, address: str, paths: dict[str, str], open_site: Opener
) -> None:
    opened = open_site(lake.site_dir / paths[kind] if where == "folder" else address + paths[kind])
    _shown(opened)
    assert [text for text in opened.complaints if not (kind.startswith("dbt/") and _OF_DBT.search(text))] == []
    assert len(opened.page.locator("body").inner_text()) > 40


@pytest.mark.parametrize("where", ["folder", "server"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_script_that_got_into_a_page_does_not_run(
    kind: str, where: str, lake: Settings, address: str, paths: dict[str, str], open_site: Opener
) -> None:
    page = lake.site_dir / paths[kind]
    attacked = page.with_name(f"attacked-{page.name}")
    whole = page.read_text(encoding="utf-8")
    assert whole.count('<meta http-equiv="Content-Security-Policy"') == 1
    attacked.write_text(re.sub("<body[^>]*>", lambda body: body[0] + ATTACK, whole, count=1), encoding="utf-8")
    try:
        opened = open_site(attacked if where == "folder" else address + attacked.relative_to(lake.site_dir).as_posix())
        _shown(opened)
        assert opened.page.evaluate("window.hacked") is None
        assert any("Content Security Policy" in text for text in opened.complaints)
    finally:
        attacked.unlink()


def test_what_a_model_says_is_no_markup_of_dbt_s_page(lake: Settings, open_site: Opener) -> None:
    manifest = json.loads((lake.var_dir / "dbt" / "target" / "manifest.json").read_bytes())
    model = manifest["nodes"]["model.comporta.fct_orders"]
    model["description"], model["raw_code"] = HOSTILE, f"{model['raw_code']}\n-- {HOSTILE}"
    hostile = lake.site_dir / "dbt" / "hostile.html"
    hostile.write_text(_of_dbt(json.dumps(manifest)), encoding="utf-8")
    opened = open_site(f"{hostile.as_uri()}#!/model/model.comporta.fct_orders")
    hostile.unlink()
    _shown(opened)
    assert HOSTILE in opened.page.locator("code").filter(has_text="hacked").first.inner_text()
    assert opened.page.evaluate("window.hacked") is None


def test_dbt_s_page_draws_its_lineage(lake: Settings, open_site: Opener) -> None:
    opened = open_site(f"{(lake.site_dir / 'dbt/index.html').as_uri()}#!/model/model.comporta.fct_orders")
    opened.page.get_by_title("View Lineage Graph").first.click()
    opened.page.locator("canvas").first.wait_for()
    _shown(opened)
    assert [text for text in opened.complaints if not _OF_DBT.search(text)] == []


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        ("/", policy.OWN),
        ("/index.html", policy.OWN),
        ("/verdicts/index.html?q=a", policy.OWN),
        ("/is/not/there", policy.OWN),
        ("/quality/index.html", policy.QUALITY),
        ("/verdicts/../quality/index.html", policy.QUALITY),
        ("//dbt/index.html", None),
        ("/dbt/", None),
        ("/%64bt/index.html", None),
    ],
)
def test_the_server_says_it_with_each_answer(path: str, wanted: str | None, address: str) -> None:
    client = HTTPConnection(urlsplit(address).netloc, timeout=10)
    client.request("GET", path)
    got = client.getresponse().headers
    client.close()
    assert got["Content-Security-Policy"] == f"{wanted or policy.dbt('unsafe-inline')}; frame-ancestors 'none'"
    told = {"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer"}
    assert {name: got[name] for name in told} == told


def test_a_page_is_in_nobody_s_frame(address: str, tmp_path: Path, open_site: Opener) -> None:
    (tmp_path / "frame.html").write_text(f"<iframe src='{address}'></iframe>")
    opened = open_site(tmp_path / "frame.html")
    _shown(opened)
    assert any("frame-ancestors" in text for text in opened.complaints), opened.complaints
