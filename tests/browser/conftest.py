"""One browser for all browser tests; each page records what it complained about and asked for."""

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, sync_playwright

from docs_site.build import build
from lakehouse.settings import Settings
from tests.browser import fake_lake
from tests.browser.chromium import ARGS, find_chromium
from tests.browser.opened import DESK, Opened, Opener


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A Chromium, started once."""
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=find_chromium(), args=list(ARGS))
        yield started
        started.close()


@pytest.fixture
def open_site(browser: Browser) -> Iterator[Opener]:
    """Opens a built index.html, or an address, with the clock standing at the fake lake's NOW."""
    contexts = []

    def opened(index: Path | str, **options: Any) -> Opened:
        context = browser.new_context(**{"viewport": DESK} | options)
        contexts.append(context)
        result = Opened(context.new_page())
        result.page.clock.set_fixed_time(fake_lake.NOW)
        result.page.on("console", lambda message: result.complaints.append(f"{message.type}: {message.text}"))
        result.page.on("pageerror", lambda error: result.complaints.append(str(error)))
        result.page.on("request", lambda request: result.requests.append(request.url))
        result.page.goto(index.as_uri() if isinstance(index, Path) else index)
        return result

    yield opened
    for context in contexts:
        context.close()


def _built(lake: Settings) -> Path:
    return build(lake, fake_lake.NOW)


@pytest.fixture(scope="session")
def rich(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """index.html of a lake with a failed gate, a warning and a rollback."""
    return _built(fake_lake.rich(tmp_path_factory.mktemp("rich")))


@pytest.fixture(scope="session")
def healthy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """index.html of a lake where all passed."""
    return _built(fake_lake.healthy(tmp_path_factory.mktemp("healthy")))


@pytest.fixture(scope="session")
def long(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """index.html of a lake with 230 gates behind it."""
    return _built(fake_lake.long(tmp_path_factory.mktemp("long")))


@pytest.fixture(scope="session")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """index.html of a lake where nothing happened yet."""
    return _built(fake_lake.settings(tmp_path_factory.mktemp("empty")))


@pytest.fixture
def free_port() -> int:
    """A loopback port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
