"""Laws of judging: no evidence is failure, warnings never fail, and a check more or less decides."""

import json
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from expectations.outcome import dumps, plain
from expectations.verdict import CheckOutcome, judge


def held(number: int, severity: str = "critical", success: bool = True, error: str = "") -> CheckOutcome:
    return CheckOutcome(number, "expect_x", severity, success, error=error)


SUITE = st.lists(st.tuples(st.sampled_from(["critical", "warning"]), st.booleans()), min_size=1, max_size=12).map(
    lambda items: [held(number, severity, success) for number, (severity, success) in enumerate(items, 1)]
)


@given(SUITE)
def test_only_a_failed_critical_check_fails(outcomes: list[CheckOutcome]) -> None:
    said = judge(len(outcomes), outcomes, 10, False)
    critical = [each for each in outcomes if not each.success and each.severity == "critical"]
    assert said.verdict == ("failed" if critical else "passed")
    assert said.failed_critical == len(critical)
    assert said.ran == len(outcomes)
    assert said.passed_checks + said.failed_critical + said.failed_warning == len(outcomes)
    assert len(said.failures) == said.failed_critical + said.failed_warning


@given(SUITE, st.data())
def test_a_check_that_did_not_run_errors(outcomes: list[CheckOutcome], data: st.DataObject) -> None:
    lost = data.draw(st.integers(0, len(outcomes) - 1))
    left = [each for position, each in enumerate(outcomes) if position != lost]
    assert judge(len(outcomes), left, 10, True).verdict == "errored"


@given(SUITE, st.data())
def test_a_check_that_ran_twice_errors(outcomes: list[CheckOutcome], data: st.DataObject) -> None:
    twice = data.draw(st.sampled_from(outcomes))
    assert judge(len(outcomes), [*outcomes, twice], 10, True).verdict == "errored"
    if len(outcomes) > 1:
        stand_in = [*outcomes[:-1], outcomes[0]]
        assert judge(len(outcomes), stand_in, 10, True).verdict == "errored"


@given(SUITE, st.data())
def test_a_broken_check_errors_whatever_its_severity_or_success(outcomes: list[CheckOutcome], data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(outcomes) - 1))
    broken = [*outcomes]
    broken[place] = replace(broken[place], error="no such column")
    said = judge(len(outcomes), broken, 10, True)
    assert said.verdict == "errored"
    assert "no such column" in said.reason
    assert said.ran == len(outcomes) - 1


@given(SUITE, st.booleans(), st.integers(0, 5))
def test_no_rows_pass_only_where_allowed_and_none_were_promised(outcomes: list[CheckOutcome], allow: bool, promised: int) -> None:
    good = [replace(each, success=True) for each in outcomes]
    said = judge(len(good), good, 0, allow, promised)
    assert said.verdict == ("passed" if allow and not promised else "errored")


@given(SUITE)
def test_order_does_not_matter(outcomes: list[CheckOutcome]) -> None:
    there, back = judge(len(outcomes), outcomes, 3, False), judge(len(outcomes), outcomes[::-1], 3, False)
    assert (there.verdict, there.failed_critical, there.failed_warning) == (back.verdict, back.failed_critical, back.failed_warning)


def test_nothing_declared_is_no_pass() -> None:
    assert judge(0, [], 10, True).verdict == "errored"


LEAVES = st.none() | st.booleans() | st.floats() | st.text() | st.binary()
VALUES = st.recursive(LEAVES, lambda each: st.lists(each) | st.dictionaries(st.text(), each), max_leaves=8)


@given(VALUES)
def test_any_observed_value_becomes_strict_json(value: object) -> None:
    outcome = replace(held(1, success=False), observed=plain(value), sample=(plain(value),))
    json.loads(dumps((outcome,)), parse_constant=lambda name: 1 / 0)
