"""A page of Great Expectations, as a gate leaves it."""

from datetime import UTC, datetime

from great_expectations.core import ExpectationValidationResult

from expectations import registry
from expectations.report.page import Pages
from expectations.runner import SuiteResult
from expectations.suite import Check
from lakehouse.settings import Settings


def ge_page(lake: Settings) -> str:
    """Writes one; returns where, relative to the site."""
    check = Check.model_validate({"expect": "expect_column_values_to_be_unique", "column": "email"})
    found = {
        "element_count": 9,
        "unexpected_count": 2,
        "unexpected_percent": 22.2,
        "partial_unexpected_list": ["•••• 3fa9c1"] * 2,
        "partial_unexpected_counts": [{"value": "•••• 3fa9c1", "count": 2}],
        "missing_count": 0,
        "missing_percent": 0.0,
        "unexpected_percent_total": 22.2,
        "unexpected_percent_nonmissing": 22.2,
        "partial_unexpected_index_list": [{"customer_id": 4, "email": "•••• 3fa9c1"}, {"customer_id": 5, "email": "•••• 3fa9c1"}],
    }
    results = [
        ExpectationValidationResult(
            success=success,
            expectation_config=registry.build(check, number, "t").configuration,
            result=dict(found),
            exception_info={"raised_exception": False, "exception_traceback": None, "exception_message": None},
        )
        for number, success in enumerate((True, False), 1)
    ]
    pages = Pages(lake)
    path = pages.add(
        "silver.int_customers__current", 3, SuiteResult(9, (), tuple(results), {}), False, datetime(2026, 3, 1, tzinfo=UTC)
    )
    pages.build()
    return path
