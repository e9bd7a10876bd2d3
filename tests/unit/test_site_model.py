"""The rules of the status page, from ledger rows to a page, without a lake."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docs_site import words
from docs_site.model import Ledger, page
from docs_site.page import Card, Layer, Page
from lakehouse.tables.ledger import SCHEMAS

NOW = datetime(2026, 3, 14, 9, 30, tzinfo=UTC)


def row(name: str, minutes: float, **values: Any) -> dict[str, Any]:
    """A whole ledger row, `minutes` before NOW, null where nothing is said."""
    return dict.fromkeys(SCHEMAS[name].names) | {"at": NOW - timedelta(minutes=minutes)} | values


def verdict(table: str, state: str = "passed", layer: str = "silver", minutes: float = 5, **values: Any) -> dict[str, Any]:
    """A verdict for which all of four declared checks ran."""
    own = {"layer": layer, "table_name": table, "verdict": state, "declared": 4, "ran": 4, "failed_warning": 0}
    return row("verdicts", minutes, **(own | values))


def release(number: int, minutes: float, tables: dict[str, int], **values: Any) -> dict[str, Any]:
    """A published silver release."""
    own = {"layer": "silver", "kind": "release", "status": "published", "tables": json.dumps(tables)}
    return row("releases", minutes, release_id=number, **(own | values))


def shown(*files: str, sizes: dict[str, dict[str, int]] | None = None, **rows: list[dict[str, Any]]) -> Page:
    """The page of the given ledger rows, in a site that has `files`."""
    own: dict[str, Any] = {"runs": [], "batches": [], "verdicts": [], "releases": []}
    return page(Ledger(**(own | rows), sizes=sizes or {}), NOW, exists=lambda path: path in files)


def layer(name: str, **rows: Any) -> Layer:
    """One layer of that page."""
    return next(found for found in shown(**rows).layers if found.name == name)


def card(name: str, table: str, **rows: Any) -> Card:
    """One card of that page."""
    return next(found for found in layer(name, **rows).cards if found.name == table)


def test_page_of_nothing_is_empty() -> None:
    assert shown().empty
    assert [found.gate.state for found in shown().layers] == ["unjudged"] * 3
    assert not shown(runs=[row("runs", 1, run_id=1, status="failed")]).empty


@pytest.mark.parametrize(
    ("states", "worst", "position", "words"),
    [
        (["passed", "passed"], "passed", "open", "all 2 passed"),
        (["passed", "failed"], "failed", "closed", "1 of 2 failed"),
        (["errored", "passed"], "errored", "closed", "1 of 2 errored"),
        ([], "unjudged", "closed", "never judged"),
    ],
)
def test_gate_is_as_bad_as_its_worst_table(states: list[str], worst: str, position: str, words: str) -> None:
    gate = layer("silver", verdicts=[verdict(f"t{index}", state) for index, state in enumerate(states)]).gate
    assert (gate.state, gate.position, gate.words) == (worst, position, words)


def test_gate_with_failed_warnings_is_open_and_warned() -> None:
    gate = layer("silver", verdicts=[verdict("a", failed_warning=1), verdict("b")]).gate
    assert (gate.state, gate.position) == ("warned", "open")


def test_only_the_latest_verdict_of_a_table_counts() -> None:
    assert layer("silver", verdicts=[verdict("a", "failed", minutes=9), verdict("a", minutes=5)]).gate.state == "passed"


@pytest.mark.parametrize("change", [{"ran": 3}, {"ran": 0, "declared": 0}, {"ran": None}, {"verdict": "fine"}])
def test_verdict_without_all_its_evidence_has_errored(change: dict[str, Any]) -> None:
    assert card("silver", "a", verdicts=[verdict("a", **change)]).state == "errored"


def test_a_table_that_is_exempt_and_has_no_checks_is_shown_as_warned() -> None:
    failure = '[{"check": "exempt", "severity": "warning", "observed": "let through unjudged until 2026-12-31: new"}]'
    found = card("silver", "a", verdicts=[verdict("a", declared=0, ran=0, failed_warning=1, failures=failure)])
    assert found.state == "warned"


def test_layers_below_a_closed_gate_are_starved() -> None:
    below = shown(verdicts=[verdict("b", "failed", layer="bronze"), verdict("s")]).layers
    assert [found.starved for found in below] == [False, True, True]


def test_failed_tables_come_first_then_the_alphabet() -> None:
    verdicts = [verdict("a"), verdict("b", failed_warning=1), verdict("c", "failed"), verdict("d", "errored")]
    assert [found.name for found in layer("silver", verdicts=verdicts).cards] == ["c", "d", "b", "a"]


def test_a_broken_copy_is_shown_with_the_last_good_batch() -> None:
    own = {"table_name": "bronze.shop__orders", "batch_id": 7, "delta_version": 3}
    batches = [
        row("batches", 60, status="committed", **own),
        row("batches", 5, status="failed", error="disk full", **own),
    ]
    found = card("bronze", "shop__orders", batches=batches)
    assert (found.shut, found.copy_error, found.version) == (True, "disk full", 3)
    assert found.fresh and found.fresh.at.spoken == "1 hour ago"


def test_an_empty_batch_proves_freshness_and_keeps_the_version() -> None:
    own = {"table_name": "shop__orders"}
    batches = [
        row("batches", 600, status="committed", batch_id=1, delta_version=3, **own),
        row("batches", 5, status="empty", batch_id=2, **own),
    ]
    found = card("bronze", "shop__orders", batches=batches)
    assert found.fresh and (found.fresh.at.spoken, found.version) == ("5 minutes ago", 3)


def test_sizes_belong_to_the_layer_of_their_schema() -> None:
    sizes = {"silver_candidate.a": {"rows": 5, "bytes": 9}, "bronze.a": {"rows": 6, "bytes": 8}}
    assert card("silver", "a", sizes=sizes).rows == 5
    assert card("bronze", "a", sizes=sizes).rows == 6
    assert card("silver", "b", verdicts=[verdict("b")]).rows is None


def test_current_release_is_the_newest_published_one() -> None:
    releases = [release(1, 90, {"a": 1}), release(2, 60, {"a": 2}), release(3, 5, {"a": 3}, status="pending")]
    found = shown(releases=releases)
    assert [one.release_id for one in found.releases if one.current] == [2]
    assert card("silver", "a", releases=releases).version == 2


def test_a_release_finished_late_does_not_overtake_its_successor() -> None:
    releases = [release(2, 60, {"a": 2}), release(1, 5, {"a": 1})]
    assert card("silver", "a", releases=releases).release_id == 2


def test_rollback_says_what_it_restores_and_keeps_the_age_of_the_data() -> None:
    releases = [release(1, 180, {"a": 1}), release(2, 60, {"a": 2}), release(3, 5, {"a": 1}, kind="rollback")]
    assert shown(releases=releases).releases[0].restores == 1
    fresh = card("silver", "a", releases=releases).fresh
    assert fresh and fresh.at.spoken == "3 hours ago"


def test_runs_show_their_latest_state_and_who_broke_off() -> None:
    runs = [row("runs", 90, run_id=1, status="running"), row("runs", 60, run_id=2, status="running")]
    runs += [row("runs", 50, run_id=2, status="succeeded", rows=9), row("runs", 1, run_id=3, status="running")]
    assert [run.status for run in shown(runs=runs).runs] == ["running", "succeeded", "broken off"]


def test_runs_are_the_last_twenty() -> None:
    runs = [row("runs", 100 - number, run_id=number, status="succeeded") for number in range(30)]
    assert [run.run_id for run in shown(runs=runs).runs] == list(range(29, 9, -1))


@pytest.mark.parametrize("path", ["../x.html", "/etc/passwd", "javascript:alert(1)", "quality/missing.html", ""])
def test_verdict_links_only_to_files_of_the_site(path: str) -> None:
    found = shown("../x.html", "/etc/passwd", verdicts=[verdict("a", page=path)]).layers[1].cards[0]
    assert found.verdict and found.verdict.href == ""


def test_links_appear_when_their_pages_exist() -> None:
    found = shown("index.html", "dbt/index.html", "quality/a b.html", verdicts=[verdict("a", page="quality/a b.html")])
    silver = found.layers[1].cards[0]
    assert silver.verdict and silver.verdict.href == "./quality/a%20b.html"
    assert silver.model_href == "dbt/index.html#!/model/model.comporta.a"
    assert [bool(link.href) for link in found.nav] == [True, False, True]


@pytest.mark.parametrize("text", ["not json", '{"a": 1}', "[1]", None])
def test_unreadable_failures_do_not_break_the_page(text: str | None) -> None:
    assert card("silver", "a", verdicts=[verdict("a", "failed", failures=text)]).state == "failed"


@given(st.lists(st.sampled_from(["passed", "failed", "errored"]), min_size=1, max_size=8))
def test_gate_is_open_exactly_when_no_table_is_shut(states: list[str]) -> None:
    found = layer("silver", verdicts=[verdict(f"t{index}", state) for index, state in enumerate(states)])
    assert (found.gate.position == "open") == (not any(one.shut for one in found.cards))


@given(st.integers(-(10**9), 10**9))
def test_ago_never_flatters(seconds: int) -> None:
    text = words.ago(NOW - timedelta(seconds=seconds), NOW)
    assert text == "just now" if abs(seconds) < 60 else text.endswith(" ago") == (seconds > 0)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (words.size(None), "–"),
        (words.size(999), "999 B"),
        (words.size(41_870_200), "41.9 MB"),
        (words.short(734_219), "734,219"),
        (words.short(2_200_000), "2.2 M"),
        (words.duration(3.44), "3.4 s"),
        (words.duration(59.7), "1 min 0 s"),
        (words.duration(7800), "2 h 10 min"),
        (words.value({"id": 1, "amount": "-4"}), "id = 1, amount = -4"),
        (words.value("x" * 500), "x" * 159 + "…"),
    ],
)
def test_values_read_as_speech(text: str, wanted: str) -> None:
    assert text == wanted
