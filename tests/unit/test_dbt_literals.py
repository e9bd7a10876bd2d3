"""What dbt's adapter makes of a seed's texts, of a fixture's values, and of models that no release could show. Pure."""

from pathlib import Path
from typing import Any

import pytest
from dbt.adapters.comporta import fixture, seed

from expectations.names import as_held
from lakehouse import dbt
from lakehouse.engines.sqltext import without_end
from releases import layer


def read(tmp_path: Path, text: str, **given: str) -> seed.Seed:
    place = tmp_path / "s.csv"
    place.write_bytes(text.encode())
    return seed.read(place, "seeds/s.csv", ",", given)


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["1234567890123456789", "-1", ""], "bigint"),
        (["9223372036854775808"], "decimal(38,0)"),
        (["1234567890123456789.123", "-.5", "7"], "decimal(38,3)"),
        (["1.50", "0"], "decimal(18,2)"),
        (["1e3", "-2.5"], "double"),
        (["007", "1"], "string"),  # leading zeros, plus signs, units, separators: no value is dropped
        (["+5511", "1"], "string"),
        (["5%", "1"], "string"),
        (["$5"], "string"),
        (["1_000"], "string"),
        (["1,000"], "string"),
        (["NaN"], "string"),
        (["1.", "."], "string"),
        (["2020-02-29"], "date"),
        (["2021-02-29"], "string"),
        (["2020-W01"], "string"),
        (["2020-01-01 10:00:00", "2020-01-01T00:00:00.123456+02:00"], "timestamp"),
        (["2020-01-01", "2020-01-01 10:00:00"], "string"),
        (["true", "FALSE", ""], "boolean"),
        (["", "null"], "bigint"),  # as dbt's own reader has it
    ],
)
def test_a_column_of_a_seed_has_a_type_only_if_its_values_are_what_is_written(tmp_path: Path, values: list[str], kind: str) -> None:
    rows = "".join(f'{number},"{value}"\n' for number, value in enumerate(values))
    assert read(tmp_path, "n,x\n" + rows).types["x"] == kind


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a,b\n1,2\n1,2,3\n", "seeds/s.csv:3: 3 values where the first line has 2 columns"),
        ("a,b\n1\n", "seeds/s.csv:2: 1 values where the first line has 2 columns"),
        ('a,b\n1,"x\n2,y\n', "seeds/s.csv:3: unexpected end of data"),
        ("a\n1e5\n1234567890123456789\n", r'column a: 1234567890123456789 is no exact double.*\{column_types: \{"a": string\}\}'),
        (f"a\n{'9' * 39}\n", "39 digits and 0 after the point"),
        ("a\n2020-01-01 00:00:00.123456789\n", "parts of a microsecond"),
    ],
)
def test_a_seed_that_can_t_be_exact_is_refused(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(seed.SeedError, match=said):
        read(tmp_path, text)
    (tmp_path / "s.csv").write_bytes("a\né\n".encode("latin-1"))
    with pytest.raises(seed.SeedError, match=r"seeds/s.csv: is no UTF-8.*at byte 2"):
        seed.read(tmp_path / "s.csv", "seeds/s.csv", ",", {})


def test_what_the_yaml_says_of_a_column_holds(tmp_path: Path) -> None:
    found = read(tmp_path, "\ufeffID,b,B\n1,2,3\n\n", id="varchar")
    assert found.types == {"ID": "string", "b": "bigint", "B": "bigint"} and list(found.rows) == [("1", "2", "3")]


def test_rows_of_a_long_seed_are_in_several_statements(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seed, "_STATEMENT", 20)
    found = list(read(tmp_path, "a,b\n" + "1,it's\n" * 5).statements())
    assert found == [r"""'[["1", "it\'s"]]'"""] * 5
    assert list(read(tmp_path, "a,b\n").statements()) == ["'[]'"]


@pytest.mark.parametrize(
    ("query", "plain"),
    [
        ("select 1;", "select 1"),
        ("select 1 ; -- the end; of it\n;\n/* x; */ ", "select 1"),
        ("select ';' as a, \";\", `;` -- ;\nfrom t", "select ';' as a, \";\", `;` -- ;\nfrom t"),
        ("select 1;\n{# done; #}\n", "select 1"),
        ("select '{{ var(\"x\") }}';{{ more() }}", "select '{{ var(\"x\") }}';{{ more() }}"),
        (r"select 'it\';' ;", r"select 'it\';'"),
        ("select 1", "select 1"),
    ],
)
def test_a_query_ends_with_its_last_word(query: str, plain: str) -> None:
    assert without_end(query) == plain


@pytest.mark.parametrize(
    ("value", "kind", "wanted"),
    [
        (None, "bigint", "cast(null as bigint)"),
        ("it's \\", "string", r"cast('it\'s \\' as string)"),
        ({"a": "it's"}, "struct<a:string>", r"""from_json('{"a": "it\'s"}', 'struct<a:string>')"""),
        ("array('x')", "array<string>", "cast(array('x') as array<string>)"),
        ("'array(1, 2)'", "array<int>", "cast(array(1, 2) as array<int>)"),
        ('["x"]', "array<string>", "from_json('[\"x\"]', 'array<string>')"),
        ("x'00ff'", "binary", "x'00ff'"),
        (-1, "int", "cast(-1 as int)"),
        (0.25, "decimal(9,2)", "cast(0.25 as decimal(9,2))"),
        (True, "boolean", "cast(True as boolean)"),
    ],
)
def test_a_value_of_a_fixture_is_a_literal(value: Any, kind: str, wanted: str) -> None:
    assert fixture.sql("c", value, kind) == wanted


def test_a_number_that_yaml_has_cut_is_refused() -> None:
    with pytest.raises(fixture.FixtureError, match="column c: 1.2345678901234568e\\+18 may have lost digits.*Write it in quotes"):
        fixture.sql("c", 1234567890123456789.123, "decimal(38,3)")


def node(**config: Any) -> dict[str, Any]:
    made = {"name": "m", "resource_type": "model", "tags": ["gold"], "schema": "p_gold_candidate"}
    return made | {"config": {"materialized": "table", "file_format": "delta"} | config}


@pytest.mark.parametrize(
    ("odd", "said"),
    [
        (node(), ""),
        (node(materialized="ephemeral", file_format=None), ""),
        (node(alias="other"), ""),
        (node(materialized="view"), "m is a view, and a release shows versions of tables. Set materialized: table"),
        (node(location_root="s3://x"), "m has a location_root.*GOLD_URL gives the whole layer a place"),
        (node(file_format="parquet"), "m is to be parquet.*Set file_format: delta"),
        (node() | {"schema": "marts"}, "m goes to the schema marts, and a release of gold takes what is in p_gold_candidate"),
        (node(materialized="view") | {"tags": ["silver"], "schema": "p_silver_candidate"}, ""),
        (node(materialized="seed", location_root="x", file_format=None) | {"resource_type": "seed", "tags": []}, "location_root"),
        (node(materialized="snapshot", file_format=None) | {"resource_type": "snapshot", "tags": []}, "parquet"),
        (node(location_root="x") | {"tags": [], "schema": "elsewhere"}, ""),  # of no layer
    ],
)
def test_what_no_release_can_show_is_told_by_name(odd: dict[str, Any], said: str) -> None:
    import re

    found = " ".join(layer.troubles([odd], "p_"))
    assert re.search(said, found) if said else found == ""


def test_a_model_is_found_by_its_table_and_its_key_by_the_tables_names() -> None:
    """An alias, a version and capitals make other names of tables than dbt's; quotes and capitals no other names of columns."""
    said = {"resource_type": "model", "tags": ["gold"], "name": "dim"}
    nodes = {
        "a": said | {"alias": "dim_v2"},
        "b": said | {"name": "Fct_Orders", "alias": "Fct_Orders"},
        "c": said | {"name": "plain"},
    }
    assert dbt.models({"nodes": nodes}, "gold").keys() == {"dim_v2", "fct_orders", "plain"}
    key = dbt.unique_key({"config": {"unique_key": ["`Order ID`", "Line"]}})
    assert as_held(key, ["order id", "other"]) == ("order id", "Line")
