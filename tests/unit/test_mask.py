"""No value of a personal column gets out, in whatever shape it was found; what is not personal stays readable."""

import json
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expectations import mask
from expectations.mask import Mask
from expectations.suite import Check, Suite

COLUMNS = ("customer_id", "email", "phone", "amount", "_flags")
KEY = b"k" * 16


def masked(result: dict[str, Any], columns: tuple[str, ...] = COLUMNS, **check: Any) -> dict[str, Any]:
    """What is left of the `result` of a check of a table whose e-mail and phone are personal."""
    said = {"expect": "expect_column_values_to_be_unique", "column": "email"} | check
    return Mask.of(suite(), columns, KEY).found(result, Check.model_validate(said))


def suite(*personal: str) -> Suite:
    checks = [{"expect": "expect_column_values_to_be_unique", "column": "email"}]
    named = personal or ("email", "Phone")
    return Suite.model_validate({"table": "t", "description": "d", "owner": "o", "personal": named, "checks": checks})


def test_rows_keep_their_key_and_stay_distinguishable() -> None:
    rows = [{"customer_id": 1, "email": "a@x.org"}, {"customer_id": 2, "email": "a@x.org"}, {"customer_id": 3, "email": "b@x.org"}]
    found = masked({"partial_unexpected_index_list": rows, "unexpected_count": 3})
    shown = found["partial_unexpected_index_list"]
    assert [row["customer_id"] for row in shown] == [1, 2, 3]
    assert shown[0]["email"] == shown[1]["email"] != shown[2]["email"]
    assert found["unexpected_count"] == 3


def test_the_key_that_names_rows_is_masked_if_it_is_personal() -> None:
    found = masked({"partial_unexpected_index_list": [{"email": "a@x.org", "amount": -4}]}, column="amount")
    assert found["partial_unexpected_index_list"][0]["amount"] == -4
    assert "a@x.org" not in json.dumps(found)


def test_how_often_a_masked_value_came_is_shown() -> None:
    found = masked({"partial_unexpected_counts": [{"value": "a@x.org", "count": 7}]})["partial_unexpected_counts"]
    assert [one["count"] for one in found] == [7] and "a@x.org" not in str(found)


def test_a_value_that_became_a_name_is_masked() -> None:
    assert "a@x.org" not in str(masked({"details": {"value_counts": {"a@x.org": 7}}}))


def test_null_and_empty_are_shown_since_they_are_what_is_wrong() -> None:
    assert masked({"partial_unexpected_list": [None, ""]})["partial_unexpected_list"] == [None, ""]


def test_the_least_and_greatest_of_a_personal_column_are_values_but_a_count_is_none() -> None:
    assert "1931" not in str(masked({"observed_value": "1931-02-03"}, expect="expect_column_min_to_be_between"))
    counted = {"expect": "expect_column_unique_value_count_to_be_between"}
    assert masked({"observed_value": 17}, **counted) == {"observed_value": 17}


def test_a_query_may_rename_a_personal_column() -> None:
    rows = {"details": {"unexpected_rows": [{"customer_id": "a@x.org", "amount": 1}]}, "observed_value": 1}
    renamed = {"expect": "unexpected_rows_expectation", "column": "amount"}
    query = "select EMAIL as customer_id, amount from {batch}"
    assert "a@x.org" not in str(masked(rows, **renamed, unexpected_rows_query=query))
    plain = {"details": {"unexpected_rows": [{"customer_id": 5, "email": "a@x.org"}]}, "observed_value": 1}
    found = masked(plain, **renamed, unexpected_rows_query="select * from {batch}")
    assert found["details"]["unexpected_rows"][0]["customer_id"] == 5 and "a@x.org" not in str(found)


def test_flags_hold_values_of_any_column() -> None:
    assert "+55" not in str(masked({"partial_unexpected_list": ['{"phone": "+55 11"}']}, column="_flags"))


def test_nested_fields_and_names_in_capitals_are_personal_too() -> None:
    row = {"EMAIL": "a@x.org", "amount": {"phone": "+55 11", "net": 3}}
    found = masked({"partial_unexpected_index_list": [row]}, column="amount")["partial_unexpected_index_list"][0]
    assert found["amount"]["net"] == 3
    assert "a@x.org" not in str(found) and "+55" not in str(found)


SECRETS = st.sampled_from(["ana@example.org", "+5511999990000", 5511999990000, 19310203.25, ("ana@example.org", "b@example.org")])
SECRET = st.recursive(
    SECRETS,
    lambda each: (
        st.lists(each, max_size=4) | st.dictionaries(st.sampled_from(["value", "count"]) | st.text(max_size=6), each, max_size=4)
    ),
    max_leaves=8,
)
NAMES = st.sampled_from(["observed_value", "details", "partial_unexpected_list", "value", "count", "email"])


@given(st.dictionaries(NAMES | st.text(max_size=8), SECRET, max_size=6), st.booleans())
def test_no_value_of_a_personal_column_is_left_in_any_shape(result: dict[str, Any], as_list: bool) -> None:
    rows = [result] if as_list else result
    found = json.dumps(masked({"partial_unexpected_index_list": rows, **result}), default=str)
    assert not [secret for secret in ("ana@", "b@example", "55119", "19310203") if secret in found]


@given(st.lists(st.dictionaries(st.sampled_from(["email", "Phone", "phone.mobile"]), SECRET), max_size=4))
def test_nor_in_rows_of_a_check_about_another_column(rows: list[dict[str, Any]]) -> None:
    found = json.dumps(masked({"partial_unexpected_index_list": rows, "details": {"rows": rows}}, column="amount"), default=str)
    assert not [secret for secret in ("ana@", "b@example", "55119", "19310203") if secret in found]


@given(st.dictionaries(st.sampled_from(COLUMNS), st.integers(), max_size=5))
def test_a_suite_without_personal_columns_changes_nothing(result: dict[str, Any]) -> None:
    check = Check.model_validate({"expect": "expect_column_values_to_be_unique", "column": "email"})
    told = SimpleNamespace(result=dict(result), exception_info={"raised_exception": True, "exception_message": "x 'a@x.org'"})
    Mask(frozenset(), frozenset(COLUMNS), KEY).cover(told, check)
    assert told.result == result and "a@x.org" in told.exception_info["exception_message"]


def test_each_gate_masks_otherwise_so_that_nobody_can_try_all_numbers() -> None:
    one, other = (Mask.of(suite(), COLUMNS, mask.new_key()) for _ in range(2))
    assert one.value("+5511999990000") != other.value("+5511999990000")


@pytest.mark.parametrize(
    "text",
    ["[CAST_INVALID_INPUT] The value 'a@x.org' of the type", "ValueError: time data a@x.org does not match", "a@x.org is no date"],
)
def test_an_error_does_not_quote_the_value_that_it_stumbled_over(text: str) -> None:
    info = {"metric": {"raised_exception": True, "exception_message": text, "exception_traceback": f"Traceback: {text}"}}
    told = SimpleNamespace(result={}, exception_info=info)
    Mask.of(suite(), COLUMNS, KEY).cover(told, suite().checks[0])
    assert "a@x.org" not in str(told.exception_info)
    assert told.exception_info["metric"]["raised_exception"] is True


def test_an_error_before_any_row_was_read_keeps_its_words() -> None:
    text = "[UNRESOLVED_COLUMN.WITH_SUGGESTION] A column with name `emial` cannot be resolved"
    assert mask.message(text, ["email"]) == text
    assert mask.message("[CAST_INVALID_INPUT] The value", ["email"]).startswith("CAST_INVALID_INPUT ")


def test_a_misspelt_personal_column_hides_nothing_and_is_refused() -> None:
    with pytest.raises(ValueError, match="emial"):
        Mask.of(suite("emial"), COLUMNS, KEY)
