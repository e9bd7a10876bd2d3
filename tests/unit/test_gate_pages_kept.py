"""Which pages of old verdicts go: never the last of a table, never those of what readers see or can go back to."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expectations.report.page import outdated, remove
from lakehouse.settings import Settings


def verdict(number: int, table: str = "t", layer: str = "gold") -> dict[str, Any]:
    page = f"quality/validations/{layer}.{table}/run{number}/at/version-{number}.html"
    return {"layer": layer, "table_name": table, "delta_version": number, "page": page}


def release(number: int, version: int, status: str = "published") -> dict[str, Any]:
    return {"release_id": number, "layer": "gold", "tables": json.dumps({"t": version}), "status": status}


@given(st.integers(0, 30), st.integers(1, 10), st.lists(st.integers(0, 30), max_size=8), st.integers(1, 4))
def test_last_pages_and_those_of_kept_releases_stay(count: int, pages: int, released: list[int], kept: int) -> None:
    rows = [verdict(number) for number in range(count)]
    gone = {int(page.rpartition("-")[2][:-5]) for page in outdated(rows, list(map(release, range(8), released)), pages, kept)}
    assert gone == set(range(max(count - pages, 0))) - set(released[-kept:])


def test_tables_of_one_name_in_two_layers_are_two() -> None:
    rows = [verdict(1), verdict(1, layer="silver"), verdict(2)]
    assert outdated(rows, [release(1, 1)], 1, 1) == []
    assert outdated(rows, [], 1, 1) == [rows[0]["page"]]


def test_a_page_that_two_verdicts_share_stays_for_the_newer() -> None:
    rows = [verdict(1), verdict(1)]
    assert outdated(rows, [], 1, 1) == []


def test_empty_folders_go_with_the_page_and_nothing_else_does(tmp_path: Path) -> None:
    settings = Settings(_env_file=None, var_dir=tmp_path, lake_url="")  # type: ignore[call-arg]
    old, new, foreign = (verdict(number)["page"] for number in (1, 2, 3))
    for page in (old, new, "quality/index.html", "index.html"):
        (settings.site_dir / page).parent.mkdir(parents=True, exist_ok=True)
        (settings.site_dir / page).write_text("")
    remove(settings, [old, foreign, "quality/index.html", "index.html", "quality/validations/../../index.html"])
    left = {str(path.relative_to(settings.site_dir)) for path in settings.site_dir.rglob("*") if path.is_file()}
    assert left == {new, "quality/index.html", "index.html"}
    assert not (settings.site_dir / old).parent.parent.exists()


@pytest.mark.parametrize("tables", [None, "{}"])
def test_a_release_of_nothing_keeps_nothing(tables: str | None) -> None:
    assert outdated([verdict(1), verdict(2)], [release(1, 1) | {"tables": tables}], 1, 1) == [verdict(1)["page"]]
