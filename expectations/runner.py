"""A suite on a table: one aggregation for all that has a form, Great Expectations on a Spark data frame for the rest.

What was counted is handed to Great Expectations as the metrics it would have computed, so that the result objects are its own.
What it must compute itself is first asked only whether it holds; samples, which take two more queries a check, are fetched only
of what failed.
"""

import itertools
import logging
import math
import os
import threading
from collections.abc import Callable, Collection
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import Any

from expectations import custom_expectations, mask, registry
from expectations.compile import aggregate, changed
from expectations.compile.changed import NewRows
from expectations.custom_expectations import CustomExpectation
from expectations.evidence import Evidence
from expectations.outcome import SAMPLES, outcome, plain, raised
from expectations.suite import Check, Suite
from expectations.verdict import CheckOutcome
from lakehouse import imports, values

os.environ["GX_ANALYTICS_ENABLED"] = "false"
_making = threading.Lock()
_asking = threading.Lock()  # Great Expectations puts every query to one temporary view of the session, whatever the table
_runs = itertools.count(1)  # an asset's name may not come twice


@dataclass(frozen=True)
class SuiteResult:
    """Outcomes of a suite, Great Expectations' own results for the page, and how many rows were judged."""

    rows: int
    outcomes: tuple[CheckOutcome, ...]
    results: tuple[Any, ...]
    meta: dict[str, Any]
    reads: tuple[str, ...] = ()  # other tables that were asked


@dataclass(frozen=True)
class TableRows:
    """The rows of one table: who can count them, what else is known, the key, and the rows for Great Expectations."""

    evidence: Evidence
    key: tuple[str, ...]
    frame: Callable[[], Any]  # makes a Spark data frame
    changed: NewRows | None = None  # the rows that a check on single rows has not passed yet


def joined(first: SuiteResult, then: SuiteResult) -> SuiteResult:
    """What two runs over parts of one suite found, in the suite's order; rows are those of the second."""
    pairs = [*zip(first.outcomes, first.results, strict=True), *zip(then.outcomes, then.results, strict=True)]
    pairs.sort(key=lambda pair: pair[0].number)
    outcomes, results = (tuple(pair[place] for pair in pairs) for place in (0, 1))
    return SuiteResult(rows=then.rows, outcomes=outcomes, results=results, meta=then.meta or first.meta, reads=then.reads)


class Runner:
    """Holds one Great Expectations context; `run` may be called from several threads."""

    def __init__(self) -> None:
        logging.getLogger("great_expectations").setLevel(logging.CRITICAL)  # failures reach the user as verdicts
        imports.great_expectations()
        import great_expectations as gx

        context = gx.get_context(mode="ephemeral")
        context.variables.progress_bars = {"globally": False, "metric_calculations": False}
        self._source = context.data_sources.add_or_update_spark("spark", persist=False)
        self._key = mask.new_key()

    def run(self, suite: Suite, name: str, table: TableRows, only: Collection[int] | None = None) -> SuiteResult:
        """Run `suite`, or `only` the checks of these numbers; never raises for what a check does.

        Raises:
            ValueError: `personal` names a column that the table does not have.
        """
        hidden = mask.Mask.of(suite, table.evidence.types, self._key)
        checks = {number: check for number, check in enumerate(suite.checks, 1) if only is None or number in only}
        expectations = {number: registry.build(check, number, name) for number, check in checks.items()}
        custom = {number: each for number, each in expectations.items() if isinstance(each, CustomExpectation)}
        others = {number: check for number, check in checks.items() if number not in custom}
        rows, found = _measured(suite, table, others)
        key = table.key or suite_key(suite)
        detail, rows_of = _detail(key, [*table.evidence.types]), _samples(suite, found, table, key)
        results = {
            number: made
            for number, one in found.items()
            if (
                made := _compiled(
                    suite.checks[number - 1], expectations[number], found=one, rows=rows_of.get(number), detail=detail
                )
            )
        }
        for number in results:
            _exactly(results[number], suite.checks[number - 1], found[number])
        results |= {number: _answered(each, *custom_expectations.answer(each, table.evidence)) for number, each in custom.items()}
        rest = {number: each for number, each in expectations.items() if number not in results}
        meta: dict[str, Any] = {}
        if rest:
            frame = table.frame()
            native, meta = self._ask(name, frame, rest, _detail(key, frame.columns))
            results |= native
        for number, result in results.items():
            _fill_in(result, suite.checks[number - 1], rows)
            _tolerate(result, suite.checks[number - 1])
            hidden.cover(result, suite.checks[number - 1])
        outcomes = tuple(outcome(number, suite.checks[number - 1], suite, result) for number, result in sorted(results.items()))
        reads = tuple(sorted(custom_expectations.tables_of(custom.values())))
        return SuiteResult(
            rows=rows, outcomes=outcomes, results=tuple(results[number] for number in sorted(results)), meta=meta, reads=reads
        )

    def _ask(
        self, name: str, frame: Any, expectations: dict[int, Any], detail: dict[str, Any]
    ) -> tuple[dict[int, Any], dict[str, Any]]:
        """Great Expectations' own results."""
        with _making:
            asset = self._source.add_dataframe_asset(f"{name} {next(_runs)}")
            batch = asset.add_batch_definition_whole_dataframe("all").get_batch({"dataframe": frame})
        rowwise = {number: each for number, each in expectations.items() if hasattr(each, "mostly")}
        results, meta = _validate(batch, name, rowwise, "BOOLEAN_ONLY")
        doubtful = {n: each for n, each in expectations.items() if n not in rowwise or _needs_detail(results, n)}
        detailed, more = _validate(batch, name, doubtful, detail)
        return results | detailed, meta or more


def _measured(suite: Suite, table: TableRows, checks: dict[int, Check]) -> tuple[int, dict[int, aggregate.Found]]:
    """Counts and figures: of the rows that changed where the check allows it, else of all."""
    types, few, enough = table.evidence.types, table.changed, partial(_enough, suite)
    found: dict[int, aggregate.Found] = {}
    if few and (some := {number: check for number, check in checks.items() if changed.allows(check, types)}):
        with suppress(Exception):  # then all rows are asked
            seen, answers = aggregate.measure(few.engines, types, some, enough)
            found = answers if seen == few.rows else {}
    left = {number: check for number, check in checks.items() if number not in found}
    rows, more = aggregate.measure(table.evidence.engines, types, left, enough)
    return rows, found | more


def _enough(suite: Suite, number: int) -> tuple[float, int]:
    check = suite.checks[number - 1]
    return 1.0 if check.mostly is None else check.mostly, check.tolerance or 0


def _samples(
    suite: Suite, found: dict[int, aggregate.Found], table: TableRows, key: tuple[str, ...]
) -> dict[int, list[dict[str, Any]]]:
    """A few rows of each check that does not hold; of one that does, none."""
    counts = {number: one for number, one in found.items() if isinstance(one, aggregate.Counts)}
    index = key if set(key) <= set(table.evidence.types) else ()
    failed = {
        number: (one, tuple(dict.fromkeys([*index, *suite.checks[number - 1].columns])))
        for number, one in counts.items()
        if not one.hold(*_enough(suite, number))
    }
    held: dict[int, list[dict[str, Any]]] = {number: [] for number in counts if number not in failed}
    return held | (aggregate.samples(failed, table.evidence.types, SAMPLES) if failed else {})


def _compiled(
    check: Check, expectation: Any, found: aggregate.Found, rows: list[dict[str, Any]] | None, detail: dict[str, Any]
) -> Any | None:
    """Great Expectations' result of what was counted; None where it must look itself."""
    if isinstance(found, aggregate.Counts):
        if rows is None:
            return None
        found = _metrics(expectation, check, found, rows)
    else:
        found = _as_theirs(found)
    try:
        said = expectation._validate(metrics=found, runtime_configuration={"result_format": detail}, execution_engine=None)
        result = expectation._build_evr(said, configuration=expectation.configuration)
    except Exception:  # it will meet the same, and say so in its own words
        return None
    result.exception_info = {"raised_exception": False, "exception_traceback": None, "exception_message": None}
    return result


def _as_theirs(figures: dict[str, Any]) -> dict[str, Any]:
    """Figures as Great Expectations has them when it comes to the verdict: a date as text, a decimal as a float if one is the same."""
    from great_expectations.util import convert_to_json_serializable

    return {name: _comparable(figure) or convert_to_json_serializable(figure) for name, figure in figures.items()}


def _comparable(figure: Any) -> Any:
    if isinstance(figure, Decimal) and figure.is_finite():  # its own way cuts digits: what is above a bound would not be
        return float(figure) if Decimal(repr(float(figure))) == figure else figure
    if values.is_beyond(figure) and (near := values.nearest(figure)):
        return near.replace(tzinfo=None).isoformat()
    return None


def _exactly(result: Any, check: Check, found: aggregate.Found) -> None:
    """Have the result say the figure as it is, where Great Expectations has no word for it, or none that is near enough."""
    if not isinstance(found, dict) or "observed_value" not in (result.result or {}):
        return
    [figure] = list(found.values())[:1]
    if values.is_beyond(figure):
        side = "min_value" if values.is_past(figure) else "max_value"  # it is beyond any bound on that side, and within the other
        result.success = check.args.get(side) is None
    odd = isinstance(figure, float) and not math.isfinite(figure)
    if odd or values.is_beyond(figure) or isinstance(_comparable(figure), Decimal):
        result.result["observed_value"] = values.text(figure)


def _metrics(expectation: Any, check: Check, found: aggregate.Counts, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Counts, and rows of a check that failed, by the names that Great Expectations has for them."""
    name = expectation.map_metric
    metrics = {
        "table.row_count": found.elements,
        f"{name}.unexpected_count": found.unexpected,
        f"{name}.filtered_row_count": found.elements - (found.missing or 0),
        f"{name}.unexpected_values": [_value(check, row) for row in rows],
        f"{name}.unexpected_index_list": rows,
    }
    return metrics if found.missing is None else metrics | {"column_values.nonnull.unexpected_count": found.missing}


def _value(check: Check, row: dict[str, Any]) -> Any:
    if "column_list" in check.args:
        return {column: row[column] for column in check.columns}
    return row[check.columns[0]] if "column" in check.args else tuple(row[column] for column in check.columns)


def _answered(expectation: CustomExpectation, found: dict[str, Any], problem: str) -> Any:
    from great_expectations.core import ExpectationValidationResult

    # Of what was raised the page wants a text for each; without one it is not made at all.
    raised = {"raised_exception": bool(problem), "exception_traceback": "", "exception_message": problem or None}
    return ExpectationValidationResult(
        success=found.pop("success"), expectation_config=expectation.configuration, result=plain(found), exception_info=raised
    )


def suite_key(suite: Suite) -> tuple[str, ...]:
    """The columns whose uniqueness the suite demands first: they name a row in samples."""
    for check in suite.checks:
        if check.expect in ("expect_column_values_to_be_unique", "expect_compound_columns_to_be_unique"):
            return tuple(check.columns)
    return ()


def _validate(batch: Any, name: str, expectations: dict[int, Any], detail: Any) -> tuple[dict[int, Any], dict[str, Any]]:
    if not expectations:
        return {}, {}
    from great_expectations import ExpectationSuite

    with _making:
        suite = ExpectationSuite(name=name, expectations=list(expectations.values()))
    queries = any({"unexpected_rows_query", "base_query"} & set(each.__fields__) for each in expectations.values())
    with _asking if queries else nullcontext():
        found = batch.validate(suite, result_format=detail)
    numbered = {result.expectation_config.meta["check"]: result for result in found.results}
    return numbered, dict(found.meta)


def _needs_detail(results: dict[int, Any], number: int) -> bool:
    result = results.get(number)
    return result is not None and not result.success and not raised(result)


def _detail(key: tuple[str, ...], columns: list[str]) -> dict[str, Any]:
    # No page shows the query, and to print one fails where a bound lies in the first day of year 1: Python's clock begins there.
    wanted: dict[str, Any] = {
        "result_format": "SUMMARY",
        "partial_unexpected_count": SAMPLES,
        "return_unexpected_index_query": False,
    }
    if key and set(key) <= set(columns):
        wanted["unexpected_index_column_names"] = list(key)
    return wanted


def _fill_in(result: Any, check: Check, rows: int) -> None:
    # A row-wise check that held without `mostly` and `where` has, by its definition, found nothing unexpected: say so on the page.
    if result.success and not result.result and check.mostly is None and check.where is None:
        result.result = {"element_count": rows, "unexpected_count": 0, "unexpected_percent": 0.0}


def _tolerate(result: Any, check: Check) -> None:
    unexpected = (result.result or {}).get("unexpected_count")
    if check.tolerance and not result.success and not raised(result) and unexpected is not None:
        result.success = unexpected <= check.tolerance
