"""The past is made of exactly what the ledger says: a build after a build is a build from nothing, whatever came between."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from docs_site import build, files, history_pages, record
from lakehouse.pages import address
from lakehouse.tables.ledger import SCHEMAS

START = datetime(2026, 3, 1, tzinfo=UTC)


def row(number: int, table: str = "a", **values: Any) -> dict[str, Any]:
    """A passed verdict of four checks, `number` hours after START."""
    own = {"verdict_id": f"{table}{number}", "layer": "silver", "table_name": table, "verdict": "passed", "declared": 4, "ran": 4}
    own |= {
        "failed_critical": 0,
        "failed_warning": 0,
        "rows_seen": 100 + number,
        "failures": "[]",
        "at": START + timedelta(hours=number),
    }
    return dict.fromkeys(SCHEMAS["verdicts"].names) | own | values


def pieces(rows: list[dict[str, Any]], *there: str) -> list[files.Piece]:
    return history_pages.pieces(rows, lambda path: path in there, build._render, "code")


def made(site: Path, rows: list[dict[str, Any]], *there: str) -> list[str]:
    """Paths that a build of `rows` wrote."""
    return files.update(site, site / "note.json", pieces(rows, *there))


def contents(site: Path) -> dict[str, str]:
    return {
        path.relative_to(site).as_posix(): path.read_text() for folder in files.FOLDERS for path in (site / folder).rglob("*.*")
    }


STEP = st.tuples(st.integers(0, 3), st.sampled_from(["none", "page appears", "file lost", "note lost", "cut off", "reset"]))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(STEP, min_size=1, max_size=4), st.data())
def test_a_build_after_builds_equals_one_from_nothing(steps: list[tuple[int, str]], data: st.DataObject) -> None:
    rows: list[dict[str, Any]] = []
    there: list[str] = []
    with TemporaryDirectory() as folder:
        site = Path(folder)
        for count, event in steps:
            for _ in range(count):
                table = data.draw(st.sampled_from("ab"))
                rows.append(row(len(rows), table, page=f"quality/{len(rows)}.html"))
            if event == "reset":
                rows.clear()
            elif event == "page appears" and rows:
                there.append(data.draw(st.sampled_from(rows))["page"])
            elif event == "file lost" and contents(site):
                (site / data.draw(st.sampled_from(sorted(contents(site))))).unlink()
            elif event == "note lost":
                (site / "note.json").unlink(missing_ok=True)
            elif event == "cut off":
                _cut_off(site, pieces(rows, *there))
            made(site, rows, *there)
        with TemporaryDirectory() as other:
            made(Path(other), rows, *there)
            assert contents(site) == contents(Path(other))


def _cut_off(site: Path, wanted: list[files.Piece]) -> None:
    """A build that dies at its second file, which it writes wrong."""

    def dies() -> str:
        raise KeyboardInterrupt

    broken = [
        files.Piece(piece.path, f"{piece.inputs}x", piece.make if place else lambda: "wrong") for place, piece in enumerate(wanted)
    ]
    broken[1:2] = [files.Piece(piece.path, f"{piece.inputs}y", dies) for piece in broken[1:2]]
    try:
        files.update(site, site / "note.json", broken)
    except KeyboardInterrupt:
        return


def test_one_more_verdict_touches_only_what_shows_it(tmp_path: Path) -> None:
    rows = [row(number, table) for number in range(250) for table in "ab"]
    made(tmp_path, rows)
    written = set(made(tmp_path, [*rows, row(250, "a")]))
    assert written == {"verdicts/a250.html", "tables/silver.a.html", "verdicts/index.html", "search/0.js", "search/head.js"}
    assert made(tmp_path, [*rows, row(250, "a")]) == []


def test_parts_of_a_growing_history_are_never_stale(tmp_path: Path) -> None:
    rows = [row(number) for number in range(310)]
    for count in (105, 150, 199, 200, 201, 260, 301, 310):
        made(tmp_path / "grown", rows[:count])
        made(tmp_path / str(count), rows[:count])
        assert contents(tmp_path / "grown") == contents(tmp_path / str(count)), count


def test_any_changed_field_is_noticed(tmp_path: Path) -> None:
    before = row(1)
    for name, value in before.items():
        other = START if name == "at" else f"{value}!" if isinstance(value, str) else 7
        if name not in ("verdict_id", "layer", "table_name"):
            changed = {piece.path: piece.inputs for piece in pieces([before | {name: other}])}
            assert changed["verdicts/a1.html"] != {piece.path: piece.inputs for piece in pieces([before])}["verdicts/a1.html"], name


def test_a_verdict_keeps_its_address_and_its_page(tmp_path: Path) -> None:
    rows = [row(number) for number in range(3)]
    made(tmp_path, rows)
    page = (tmp_path / address.verdict(rows[1])).read_text()
    made(tmp_path, rows + [row(number) for number in range(3, 300)])
    assert (tmp_path / address.verdict(rows[1])).read_text() == page


def test_every_verdict_is_in_the_list_or_one_of_its_parts(tmp_path: Path) -> None:
    for count in (1, 99, 100, 101, 200, 201, 330):
        found = "".join(
            piece.make() for piece in pieces([row(number) for number in range(count)]) if piece.path.startswith("tables/")
        )
        assert all(f"verdicts/a{number}.html" in found for number in range(count)), count


@given(st.text(max_size=300))
def test_any_name_is_a_safe_part_of_a_path(name: str) -> None:
    slug = address.slug(name)
    assert 0 < len(slug) < 120
    assert not set(slug) - set("abcdefghijklmnopqrstuvwxyz0123456789_-")


@given(st.text(max_size=30), st.text(max_size=30))
def test_two_names_have_two_addresses(one: str, other: str) -> None:
    assert (address.slug(one) == address.slug(other)) == (one == other)


def test_trend_of_each_check_follows_its_name_through_a_changed_suite() -> None:
    first = row(1, checks=json.dumps([["expect_a", "x", True, 1, 100], ["expect_b", "", True, None, None, 5]]))
    second = row(
        2, checks=json.dumps([["expect_b", "", False, None, None, 9], ["expect_a", "x", True, 3, 100], ["expect_a", "x", None]])
    )
    b, a, twin = record.courses([row(0), first, second])
    assert (b.check, b.unit, b.range, b.failed, b.of) == ("expect_b", "", "5 to 9", 1, 2)
    assert (a.anchor, a.range, a.failed, a.of) == ("check-expect_a-x", "1 % to 3 % unexpected", 0, 2)
    assert (twin.anchor != a.anchor, twin.of, twin.latest.held) == (True, 1, None)


@pytest.mark.parametrize("checks", [None, "", "{", "{}", "[1, [2]]", '[["a", "b", "yes", "x", [], {}]]', '[["a", 1, true, 1e999]]'])
def test_unreadable_checks_do_not_break_a_page(checks: str | None) -> None:
    assert all("<h1" in piece.make() for piece in pieces([row(1, checks=checks)]) if piece.path.endswith(".html"))
