"""What is built for which saved files."""

import contextlib
from pathlib import Path

import pytest

from workspaces.watch import changes, selectors

PROJECT = Path("/p")


@pytest.mark.parametrize(
    ("saved", "wanted"),
    [
        (["models/gold/sales/fct_orders.sql"], ["fct_orders+"]),
        (["models/gold/b.sql", "models/gold/a.sql"], ["a+", "b+"]),
        (["models/gold/a.sql", "models/gold/_gold.yml"], []),
        (["macros/batches.sql"], []),
        (["seeds/countries.csv"], []),
    ],
)
def test_selectors(saved: list[str], wanted: list[str]) -> None:
    assert selectors(PROJECT, [PROJECT / path for path in saved]) == wanted


def test_a_save_as_soon_as_it_is_ready_is_seen(tmp_path: Path) -> None:
    model = tmp_path / "models" / "a.sql"
    model.parent.mkdir()
    with contextlib.closing(changes(tmp_path, lambda: model.write_text("select 1"))) as found:
        assert next(found) == ["a+"]
