"""Types and names: exact, reversible, refused by name."""

import re

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.bronze.columns import SourceColumn
from ingestion.bronze.names import delta_names, table_name
from ingestion.sources.postgres.types import decimal_of, flags, map_column
from lakehouse.engines.standard import quote


def typmod(precision: int, scale: int) -> int:
    return ((precision << 16) | (scale & 0x7FF)) + 4


@given(st.integers(1, 1000), st.integers(-1000, 1000))
def test_a_decimal_holds_every_value_of_its_numeric_or_is_refused(precision: int, scale: int) -> None:
    held = decimal_of(typmod(precision, scale))
    digits_before, digits_after = max(precision - scale, 0), max(scale, 0)
    if held is None:
        assert digits_before + digits_after > 38
    else:
        assert held[1] >= digits_after and held[0] - held[1] >= digits_before and held[0] <= 38


@pytest.mark.parametrize(
    "name", ["jsonb", "uuid", "cidr", "tsvector", "int4range", "time", "interval", "xml", "hstore", "anything"]
)
def test_what_has_no_counterpart_goes_as_text(name: str) -> None:
    mapped = map_column(SourceColumn("c", name))
    assert mapped.target == pa.string() and mapped.source.endswith("::text")


def test_flags_are_null_where_nothing_can_be_special() -> None:
    assert flags([map_column(SourceColumn("c", "int4"))]) == "null::text"


@given(
    st.lists(
        st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=12), min_size=1, unique=True
    )
)
def test_names_can_be_told_apart_and_read_back(names: list[str]) -> None:
    try:
        found = delta_names(names)
    except ValueError:
        return  # a clash is refused by name
    assert len({target.casefold() for target in found.values()}) == len(names)
    assert all(re.fullmatch(r"\w+", target) for target in found.values())
    for name, target in found.items():
        if "_x" not in name:
            assert re.sub(r"_x([0-9a-f]+)_", lambda found: chr(int(found[1], 16)), target) == name


def test_names_that_differ_only_in_case_are_both_kept() -> None:
    assert delta_names(["Id", "id"]) == {"Id": "_x49_d", "id": "id"}


def test_a_clash_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="a b"):
        delta_names(["a b", "a_x20_b"])
    with pytest.raises(ValueError, match="technical"):
        delta_names(["_OP"])


def test_table_names_are_spelt_for_the_catalog() -> None:
    assert table_name("shop", "public", "orders") == "shop__orders"
    assert table_name("shop", "crm", "Orders-1") == "shop__crm___x4f_rders_x2d_1"


@given(st.text(min_size=1))
def test_a_quoted_name_has_no_quote_of_its_own_left_single(name: str) -> None:
    assert quote(name)[1:-1].replace('""', "").count('"') == 0
