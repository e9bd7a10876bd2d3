"""`python -m bench.site [--verdicts 10000] [--rounds 15] [--small]`: how long building and opening a site with a history take."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from importlib import metadata
from threading import Thread
from typing import Any

import click
from playwright.sync_api import Browser, Page, sync_playwright

from bench.ingest import machine
from bench.site import lake, report
from docs_site.serve import server
from lakehouse import console
from lakehouse.settings import ROOT, Settings
from tests.browser.chromium import ARGS, find_chromium

_FRAME = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
_ANSWER = "() => document.querySelector('.found-count').textContent.endsWith('found')"


@click.command()
@click.option("--verdicts", default=10_000, help="past validations")
@click.option("--rounds", default=15)
@click.option("--small", is_flag=True, help="a smoke run: 400 verdicts, 2 rounds, into var/bench")
def main(verdicts: int, rounds: int, small: bool) -> None:
    """Measure, and write docs/benchmarks/site.md."""
    verdicts, rounds = (400, 2) if small else (verdicts, rounds)
    out = ROOT / ("var/bench" if small else "docs/benchmarks")
    settings = lake.settings(ROOT / "var" / "bench" / "site", site_port=8099)
    shutil.rmtree(settings.var_dir, ignore_errors=True)
    with console.step(f"Writing a ledger of {verdicts} verdicts"):
        lake.make(settings, verdicts)
    load = [os.getloadavg()[0]]
    results = {"verdicts": verdicts, "tables": len(lake.TABLES), "rounds": rounds, "at": f"{datetime.now(UTC):%Y-%m-%d}"}
    with console.step("Building"):
        results["first"] = _built(settings)["build"]
        results["builds"] = [_after_a_gate(settings, verdicts // len(lake.TABLES) + number) for number in range(rounds)]
    with console.step("Opening"):
        results |= _opened(settings, rounds)
    results["load"] = [*load, os.getloadavg()[0]]
    results["files"] = f"{sum(path.is_file() for path in settings.site_dir.rglob('*')):,}".replace(",", " ")
    results["machine"], results["versions"] = machine.describe(), _versions()
    out.mkdir(parents=True, exist_ok=True)
    (out / "site.json").write_text(json.dumps(results, indent=1) + "\n")
    (out / "site.md").write_text(report.page(results))
    console.out.print(f"See {out / 'site.md'}")


def _built(settings: Settings) -> dict[str, float]:
    command = [sys.executable, "-W", "ignore", "-m", "bench.site.once", str(settings.var_dir)]
    found: dict[str, float] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT).stdout)
    return found


def _after_a_gate(settings: Settings, number: int) -> dict[str, float]:
    lake.gate(settings, number, datetime(2026, 3, 1, tzinfo=UTC) + timedelta(hours=number))
    return _built(settings)


def _opened(settings: Settings, rounds: int) -> dict[str, Any]:
    site = settings.site_dir
    table = "tables/silver.int_table_3__current.html"
    verdict = f"verdicts/{sorted(path.name for path in (site / 'verdicts').iterdir())[1]}"
    found: dict[str, list[float]] = {}
    with _served(settings) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=list(ARGS))
        for _ in range(rounds):
            for name, path in {
                "overview": "index.html",
                "a table": table,
                "a verdict": verdict,
                "verdicts": "verdicts/index.html",
            }.items():
                found.setdefault(f"{name}, from a folder", []).append(_loads(browser, f"{site.as_uri()}/{path}"))
                found.setdefault(f"{name}, served", []).append(_loads(browser, f"{address}/{path}"))
            first, more = _searches(browser, f"{site.as_uri()}/index.html")
            found.setdefault("search, first answer", []).append(first)
            found.setdefault("search, next key", []).append(more)
        return {"opened": found, "chromium": browser.version}


@contextmanager
def _served(settings: Settings) -> Iterator[str]:
    with server(settings) as running:
        Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{settings.site_port}"
        running.shutdown()


def _loads(browser: Browser, address: str) -> float:
    def opens(page: Page) -> None:
        page.goto(address, wait_until="load")
        page.evaluate(_FRAME)

    return _in_a_new_profile(browser, lambda page: _timed(lambda: opens(page)))


def _searches(browser: Browser, address: str) -> tuple[float, float]:
    def search(page: Page) -> tuple[float, float]:
        page.goto(address)
        page.keyboard.press("/")
        return _timed(lambda: _typed(page, "failed column_1")), _timed(lambda: _typed(page, "0"))

    return _in_a_new_profile(browser, search)


def _typed(page: Page, text: str) -> None:
    page.keyboard.insert_text(text)
    page.wait_for_function(_ANSWER)
    page.evaluate(_FRAME)


def _in_a_new_profile(browser: Browser, act: Callable[[Page], Any]) -> Any:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    try:
        return act(context.new_page())
    finally:
        context.close()


def _timed(act: Callable[[], object]) -> float:
    started = time.perf_counter()
    act()
    return time.perf_counter() - started


def _versions() -> dict[str, str]:
    return {name: metadata.version(name) for name in ("deltalake", "pyarrow", "jinja2", "playwright")}


if __name__ == "__main__":
    main()
