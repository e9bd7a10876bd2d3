"""The site's edges: files written whole, a server that refuses a busy port."""

import json
import socket
import struct
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from docs_site.build import build
from docs_site.serve import server
from lakehouse.errors import ServerError
from lakehouse.settings import Settings
from lakehouse.tables import ledger

NOW = datetime(2026, 3, 14, 9, 30, tzinfo=UTC)


def lake(folder: Path, **changes: Any) -> Settings:
    """Settings of an empty lake."""
    return Settings(_env_file=None, var_dir=folder, lake_url="", **changes)  # type: ignore[call-arg]


def test_build_writes_page_and_assets_and_nothing_else(tmp_path: Path) -> None:
    index = build(lake(tmp_path), NOW)
    found = {str(path.relative_to(index.parent)) for path in index.parent.rglob("*") if path.is_file()}
    assert found == {"index.html", "assets/site.css", "assets/site.js", "assets/mark.svg"}
    assert index.stat().st_mode & 0o444 == 0o444


def test_build_of_the_same_ledger_is_the_same_page(tmp_path: Path) -> None:
    settings = lake(tmp_path)
    ledger.append(settings, "runs", [{"run_id": 1, "command": "run", "status": "succeeded", "at": NOW}])
    assert build(settings, NOW).read_bytes() == build(settings, NOW).read_bytes()


def test_failed_write_keeps_the_old_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = lake(tmp_path)
    before = build(settings, NOW).read_text()
    monkeypatch.setattr("docs_site.build.render", lambda shown: "half a page \ud800")
    with pytest.raises(UnicodeEncodeError):
        build(settings, NOW)
    assert (settings.site_dir / "index.html").read_text() == before
    assert [path.name for path in settings.site_dir.iterdir() if path.name.startswith(".")] == []


@pytest.mark.parametrize("text", ["{", json.dumps({"bronze.t": {"rows": 3}})])
def test_sizes_may_be_broken_or_partial(tmp_path: Path, text: str) -> None:
    settings = lake(tmp_path)
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "tables.json").write_text(text)
    assert "Comporta" in build(settings, NOW).read_text()


def test_server_refuses_a_busy_port(tmp_path: Path) -> None:
    build(lake(tmp_path), NOW)
    with server(_free(tmp_path)) as first:
        port = first.server_address[1]
        with pytest.raises(ServerError, match=rf"port {port}.*SITE_PORT"):
            server(lake(tmp_path, site_port=port))


def test_server_refuses_when_there_is_no_site(tmp_path: Path) -> None:
    with pytest.raises(ServerError, match="make site"):
        server(lake(tmp_path))


def test_server_listens_on_loopback_only(tmp_path: Path) -> None:
    build(lake(tmp_path), NOW)
    with server(_free(tmp_path)) as running:
        assert running.server_address[0] == "127.0.0.1"


def test_a_browser_that_goes_away_is_no_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    index = build(lake(tmp_path), NOW)
    index.with_name("large").write_bytes(bytes(20_000_000))
    with server(_free(tmp_path)) as running:
        with socket.create_connection(running.server_address) as browser:
            browser.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # a reset when it closes
            browser.sendall(b"GET /large HTTP/1.0\r\n\r\n")
            asked = running.get_request()
        running.process_request_thread(*asked)
    assert capsys.readouterr() == ("", "")


def _free(folder: Path) -> Settings:
    """Settings that let the system choose the port: 0 is no setting that a user may have."""
    return lake(folder).model_copy(update={"site_port": 0})
