"""Row-level quarantine: bad rows are kept apart with their reasons, readers see the rest, and a fix lets them back."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from test_gate_run import TABLE, Lake

from expectations import quarantine, registry
from expectations.suite import load
from lakehouse.engines import catalog
from lakehouse.errors import GateError, SettingsError
from lakehouse.settings import Settings
from lakehouse.store import storage
from lakehouse.tables import ledger, released
from releases import release

SUITE = """\
table: crm__people
description: One row per version of a person.
owner: me
checks:
  - {expect: expect_column_values_to_be_unique, column: id}
  - {expect: expect_column_values_to_not_be_null, column: id, quarantine: true}
  - {expect: expect_column_values_to_be_between, column: age, min_value: 0, quarantine: true}
"""


@pytest.fixture
def lake(lake_settings: Settings, spark: Any, tmp_path: Path) -> Iterator[Lake]:
    settings = lake_settings.model_copy(update={"var_dir": tmp_path / "var"})
    made = Lake(settings, spark, tmp_path / "suites")
    made.suite(SUITE)
    for schema in ("bronze", "quarantine"):
        spark.sql(f"drop table if exists {schema}.{TABLE}")
    yield made
    spark.sql(f"drop view if exists bronze_gated.{TABLE}")
    for schema in ("bronze", "quarantine"):
        spark.sql(f"drop table if exists {schema}.{TABLE}")


def shown(lake: Lake) -> list[tuple[Any, ...]]:
    """What readers see, after a release of what was judged."""
    lake.spark.sql(catalog.register_statement("bronze", TABLE, storage.join(lake.settings.lake_url, "bronze", TABLE))).collect()
    release.publish(lake.settings, "bronze", release.judged(lake.settings, "bronze"))
    return seen(lake)


def seen(lake: Lake) -> list[tuple[Any, ...]]:
    rows = lake.spark.sql(f"select id, age, _op, _batch_id from bronze_gated.{TABLE} order by _batch_id, id, _op").collect()
    return [tuple(row) for row in rows]


def held(lake: Lake) -> list[tuple[Any, ...]]:
    rows = lake.spark.sql(
        f"select id, age, _batch_id, _failed_checks, _requeued_batch from quarantine.{TABLE} order by _batch_id, id, age"
    )
    return [tuple(row) for row in rows.collect()]


BETWEEN = "expect_column_values_to_be_between(age)"
NOT_NULL = "expect_column_values_to_not_be_null(id)"


def test_bad_rows_are_kept_apart_and_the_rest_goes_on(lake: Lake) -> None:
    lake.batch(1, [(1, 30, "r"), (2, -5, "r"), (None, -7, "r"), (4, 40, "r")])
    verdict = lake.judge()
    assert (verdict.verdict, verdict.quarantined, verdict.failed_warning, verdict.ran) == ("passed", 2, 2, 3)
    assert all(outcome.quarantined and outcome.sample for outcome in verdict.failures)
    assert shown(lake) == [(1, 30, "r", 1), (4, 40, "r", 1)]
    assert held(lake) == [(None, -7, 1, f"{NOT_NULL}; {BETWEEN}", None), (2, -5, 1, BETWEEN, None)]
    assert ledger.rows(lake.settings, "verdicts")[-1]["quarantined"] == 2
    assert lake.judge().unchanged


def test_judging_again_changes_nothing_and_a_mended_suite_lets_pending_rows_go(lake: Lake) -> None:
    lake.batch(1, [(1, 30, "r"), (2, -5, "r")])
    for _ in range(2):
        assert lake.judge().quarantined == 1
        assert len(held(lake)) == 1
    lake.suite(SUITE.replace("min_value: 0", "min_value: -10"))
    assert lake.judge().quarantined == 0
    assert shown(lake) == [(1, 30, "r", 1), (2, -5, "r", 1)] and held(lake) == []


def test_all_rows_of_a_batch_and_key_go_together(lake: Lake) -> None:
    lake.batch(1, [(1, 30, "r")])
    assert lake.judge().verdict == "passed"
    shown(lake)
    lake.batch(2, [(1, None, "d"), (1, -3, "u"), (2, 5, "u")])
    assert lake.judge().quarantined == 2
    assert shown(lake) == [(1, 30, "r", 1), (2, 5, "u", 2)], "a deletion without the row that took its place would be a lie"


def test_a_fix_lets_rows_back_but_none_that_a_newer_one_superseded(lake: Lake) -> None:
    lake.batch(1, [(1, 30, "r"), (2, -5, "r"), (3, -6, "r"), (4, -700, "r")])
    lake.judge()
    assert shown(lake) == [(1, 30, "r", 1)]
    lake.batch(2, [(3, 60, "u"), (2, -9, "u")])
    lake.judge()
    assert shown(lake) == [(1, 30, "r", 1), (3, 60, "u", 2)]
    mended = SUITE.replace("min_value: 0", "min_value: -100")
    lake.suite(mended)
    suite = load(lake.suites / "bronze" / f"{TABLE}.yml")
    done = quarantine.requeue(lake.settings, lake.spark, TABLE, suite)
    assert (done.back, done.superseded, done.failing) == (1, 2, 1)
    assert done.batch_id is not None
    lake.version += 1
    assert lake.judge().verdict == "passed"
    assert shown(lake) == [(1, 30, "r", 1), (3, 60, "u", 2), (2, -9, "u", done.batch_id)]
    again = quarantine.requeue(lake.settings, lake.spark, TABLE, suite)
    assert (again.back, again.batch_id) == (0, None), "what came back comes once"
    total = lake.spark.sql(f"select count(*) from bronze.{TABLE}").collect()[0][0]
    assert total == len(seen(lake)) + len(held(lake)), "no row is lost or there twice"


def test_a_rollback_shows_what_was_shown(lake: Lake) -> None:
    lake.batch(1, [(1, 30, "r"), (2, -5, "r")])
    lake.judge()
    before = shown(lake)
    number = released.current(lake.settings, "bronze").release_id  # type: ignore[union-attr]
    lake.batch(2, [(2, 6, "u"), (1, -1, "u")])
    lake.judge()
    assert shown(lake) != before
    release.rollback(lake.settings, number)
    assert seen(lake) == before


def test_more_than_is_let_through_fails_and_nothing_is_shown(lake: Lake) -> None:
    lake.suite(SUITE.replace("min_value: 0, quarantine: true", "min_value: 0, quarantine: true, tolerance: 1"))
    lake.batch(1, [(1, 30, "r"), (2, -5, "r"), (3, -6, "r")])
    verdict = lake.judge()
    assert (verdict.verdict, verdict.failed_critical, verdict.quarantined) == ("failed", 1, 0)
    with pytest.raises(GateError):
        release.judged(lake.settings, "bronze")


def test_nothing_left_is_no_pass(lake: Lake) -> None:
    lake.batch(1, [(1, -1, "r")])
    assert lake.judge().verdict == "errored"


@pytest.mark.parametrize(
    ("layer", "check", "said"),
    [
        ("silver", "{expect: expect_column_values_to_not_be_null, column: id, quarantine: true}", "in a suite of bronze"),
        ("bronze", "{expect: expect_column_mean_to_be_between, column: age, max_value: 1, quarantine: true}", "single rows"),
        ("bronze", "{expect: fresh, column: age, within: 1 day, quarantine: true}", "single rows"),
    ],
)
def test_what_cannot_be_taken_out_row_by_row_is_refused(tmp_path: Path, layer: str, check: str, said: str) -> None:
    path = tmp_path / layer / "t.yml"
    path.parent.mkdir()
    path.write_text(f"table: t\ndescription: x\nowner: me\nchecks:\n  - {check}\n")
    with pytest.raises(SettingsError, match=said):
        registry.validate(load(path), path)


def test_a_drafted_suite_passes_on_what_it_was_drafted_from(lake: Lake) -> None:
    from datetime import UTC, datetime

    from expectations.drafting import draft

    lake.batch(1, [(number, number % 50, "r") for number in range(40)])
    lake.batch(2, [(1, None, "d"), (2, 99, "u")])
    made = draft.draft(lake.settings, ("bronze", TABLE), "me", datetime.now(UTC))
    lake.suite(made.text)
    verdict = lake.judge()
    assert (verdict.verdict, verdict.declared, verdict.failed_warning) == ("passed", len(made.checks), 0)
    assert made.rows == 39 and verdict.declared > 6
