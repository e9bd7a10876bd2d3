"""Kinds told and texts read by queries: as `infer` tells them, and as PostgreSQL would read them."""

from decimal import Decimal
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ingestion.sources.files import casts, infer, infer_sql
from ingestion.sources.files.infer import InferredColumn

VALUES = st.sampled_from(
    [
        "1", "-5", "0", "-0", "007", "+1", " 1", "9223372036854775807", "9223372036854775808", "1.5", "1.", ".5", "1e5", "1.5e3", "1e-3",
        "1,5", "1.234", "1,234", "1.234,56", "1,234.5", "1.234.567", "true", "FALSE", "t", "2026-01-31", "2026-02-30", "2026-1-31",
        "31/12/2026", "12/31/2026", "01/02/2026", "31-12-2026", "31/12-2026", "10:00:00", "25:00:00", "10:00", "2026-01-31 10:00",
        "2026-01-31T10:00:00.5", "2026-01-31 10:00:00Z", "2026-01-31 10:00:00+02:00", "R$ 5", "5%", "1 000", "NA", "NULL", "nan", "", None, "x",
        "0.14285714285714285", "12345678901234567890.5", "infinity", "-infinity", "epoch", "0044-03-15 (BC)", "12345-01-01", "Inf", "1_000", "٣", "2026-01-31 00:00:00 ", "１",
    ]
)  # fmt: skip


@pytest.fixture(scope="module")
def reader() -> Any:
    with duckdb.connect(config={"threads": 1}) as made:
        yield made


def asked(reader: Any, values: list[str | None]) -> infer_sql.ColumnKinds:
    reader.register("v", pa.table({"0": pa.array(values, pa.string())}))

    def over(source: str, query: str) -> dict[str, Any]:
        told = reader.execute(f"select {query} from {source}")
        return dict(zip([each[0] for each in told.description], told.fetchall()[0], strict=True))

    return infer_sql.kinds(lambda query: over("v", query), lambda query: over("(from v limit 2)", query), ["0"])["0"]


@settings(max_examples=150, deadline=None)
@given(st.lists(VALUES, max_size=6), st.booleans())
@example(["1.234", "2.345"], True)
@example(["01/02/2026", "03/04/2026"], False)
@example(["infinity"], False)
def test_a_column_is_of_the_kind_that_reading_value_by_value_tells(values: list[str | None], comma: bool) -> None:
    column = InferredColumn()
    column.take(values)
    with duckdb.connect(config={"threads": 1}) as reader:
        kind = asked(reader, values).kind(comma)[0]
    assert infer.base(kind).replace("double", "number") == column.kind(comma)[0]


@settings(max_examples=150, deadline=None)
@given(
    st.lists(VALUES, min_size=1, max_size=5),
    st.sampled_from([*infer.POSTGRES, "number(18,2)", "number with comma(18,2)", "double"]),
)
@example(["infinity", "-infinity", "0044-03-15 (BC)", "12345-01-01"], "date")
@example(["infinity", "-infinity", "0044-03-15 (BC)", "12345-01-01"], "timestamp")
@example(["infinity", "Inf", "nan", "1e400"], "double")
def test_a_text_becomes_the_value_that_it_says_or_none(values: list[str | None], kind: str) -> None:
    read = infer.READ.get(infer.base(kind))
    with duckdb.connect(config={"threads": 1}) as reader:
        reader.register("v", pa.table({"0": pa.array(values, pa.string())}))
        found = reader.execute(f"select {casts.value('0', kind)}, {casts.misfit('0', kind)} from v").fetchall()
    for text, (value, wrong) in zip(values, found, strict=True):
        if value is None:
            null = text is None or (kind != "text" and (text == "" or text in infer.NULLS))
            assert null != bool(wrong)
            continue
        assert text is not None and not wrong
        plain = read(text) if read else text
        base = infer.base(kind)
        if base == "double" or (base.startswith("number") and "(" not in kind):
            assert Decimal(str(value)) == pytest.approx(Decimal(plain), rel=Decimal("1e-15"))
        elif base == "integer" or base.startswith("number"):
            assert value == Decimal(plain)
        elif base in ("date", "day first", "month first"):
            assert value.isoformat() == plain
        elif base in ("text", "time"):
            assert value == text
        elif base == "boolean":
            assert str(value).lower() == text.lower()
        else:
            assert value.isoformat()[:10] <= text[:10] or base == "timestamp with zone"


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["1", "2"], "integer"),
        (["1.5", "20.25"], "number(18,2)"),
        (["12345678901234567890.5"], "number(27,1)"),
        (["1" * 30 + ".123456789"], "text"),
        (["0.14285714285714285", "0.1"], "double"),
        (["0.1428571428571428512345"], "number(29,22)"),
        (["1e-3"], "double"),
        (["1.234,5"], "number with comma(18,1)"),
        (["NA", None, ""], "text"),
    ],
)
def test_numbers_have_the_digits_that_they_need(reader: Any, values: list[str | None], kind: str) -> None:
    assert asked(reader, values).kind(False)[0] == kind
