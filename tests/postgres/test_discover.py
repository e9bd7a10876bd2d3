"""`make discover` of several databases: entries of one stay when another is looked at, and an older file is written anew, with a diff."""

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from bronze_reader import execute
from click.testing import CliRunner

from ingestion.command import discover
from ingestion.sources import config
from lakehouse.settings import Settings


@pytest.fixture
def look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], str]:
    """Runs it for a database, by a name; what it says."""
    path = tmp_path / "sources.yml"
    monkeypatch.setattr(config, "PATH", path)
    monkeypatch.setattr(config.load, "__defaults__", (path,))
    monkeypatch.setenv("VAR_DIR", str(tmp_path / "var"))

    def run(dsn: str, name: str) -> str:
        monkeypatch.setenv("SOURCE_DSN", dsn)
        monkeypatch.setenv("SOURCE_NAME", name)
        done = CliRunner().invoke(discover, catch_exceptions=False)
        assert done.exit_code == 0
        return done.output

    return run


def written(tmp_path: Path) -> dict[str, list[str]]:
    said = yaml.safe_load((tmp_path / "sources.yml").read_text())["sources"]
    return {name: [*each["tables"]] for name, each in said.items()}


def test_discover_of_another_database_leaves_the_first_ones_entries(
    look: Callable[[str, str], str], new_database: Callable[[], str], tmp_path: Path
) -> None:
    music, shop = new_database(), new_database()
    execute(music, "create table album(id int primary key)")
    execute(shop, "create table orders(id int primary key)")
    look(music, "music")
    path = tmp_path / "sources.yml"
    path.write_text(path.read_text().replace("mode: incremental", "mode: full"))
    assert "shop: PostgreSQL db" not in look(shop, "shop")
    assert f"shop: PostgreSQL {shop.rpartition('/')[2]} at 127.0.0.1" in look(shop, "shop"), "of several, each by name"
    assert written(tmp_path) == {"music": ["public.album"], "shop": ["public.orders"]}
    file = config.load()
    assert file.sources["music"].tables["public.album"]["mode"] == "full", "an edit stands"
    assert {*config.of(Settings(source_name="shop"), file).tables} == {"public.orders"}


def test_a_file_of_the_older_form_is_written_anew_with_a_diff(
    look: Callable[[str, str], str], new_database: Callable[[], str], tmp_path: Path
) -> None:
    music = new_database()
    execute(music, "create table album(id int primary key)", "create table song(id int primary key)")
    (tmp_path / "sources.yml").write_text("tables:\n  public.album:\n    mode: full\n")
    said = look(music, "music")
    assert written(tmp_path) == {"music": ["public.album", "public.song"]}
    assert config.load().sources["music"].tables["public.album"] == {"mode": "full"}
    assert "-tables:" in said and "+  music:" in said and "1 added to sources.yml, 1 left as they were." in said
