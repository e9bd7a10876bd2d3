"""What kind of values a column holds: what is plain has a type, what means two things or would lose a digit is text, and that is said."""

import pytest

from ingestion.sources.files.infer import POSTGRES, InferredColumn, reader


def kind(*values: str | None, comma: bool = False) -> str:
    column = InferredColumn()
    for value in values:  # what comes in one piece and in several is the same
        column.take([value])
    whole = InferredColumn()
    whole.take(values)
    assert whole.kind(comma) == column.kind(comma)
    return column.kind(comma)[0]


def why(*values: str | None, comma: bool = False) -> str:
    column = InferredColumn()
    column.take(values)
    return column.kind(comma)[1]


@pytest.mark.parametrize(
    ("values", "wanted"),
    [
        (["1", "-5", "0", None, ""], "bigint"),
        (["9223372036854775807", "-9223372036854775808"], "bigint"),
        (["9223372036854775808", "1"], "numeric"),
        (["12345678901234567890123.000000000000001"], "numeric"),
        (["19.90", "5"], "numeric"),
        (["1.5E-3", "5e-05"], "numeric"),
        (["12e45"], "text"),
        (["1e5"], "text"),
        (["007", "8"], "text"),
        (["8", "007"], "text"),
        (["+5"], "text"),
        (["٣"], "text"),
        (["1_000"], "text"),
        (["0x10"], "text"),
        (["NaN"], "text"),
        (["true", "FALSE"], "boolean"),
        (["yes", "no"], "text"),
        (["0", "true"], "text"),
        (["2026-01-31"], "date"),
        (["2026-02-30"], "text"),
        (["2026-01-31", "2026-01-31 10:00:00"], "text"),
        (["0000-01-01"], "text"),
        (["2026-01-31 10:00:00", "2026-01-31T10:00:00.123456"], "timestamp"),
        (["2026-01-31 10:00:00.1234567"], "text"),
        (["2026-01-31 10:00:00Z", "2026-01-31 10:00:00+02:00"], "timestamptz"),
        (["2026-01-31 10:00:00Z", "2026-01-31 10:00:00"], "text"),
        (["2026-01-31 24:00:00"], "text"),
        (["0001-01-01T00:00:00+14:00"], "text"),
        (["10:00:00"], "time"),
        (["25:00:00"], "text"),
        (["10:30"], "text"),
        (["31/12/2026", "01/02/2026"], "date"),
        (["12/31/2026"], "date"),
        (["31/12/2026", "12/31/2026"], "text"),
        (["31.12.2026", "1.2.2026"], "date"),
        (["NULL", "5"], "bigint"),
        (["NA", "DE"], "text"),
        (["None", "None"], "text"),
        ([None], "text"),
        ([], "text"),
        (["\\N", "5"], "bigint"),
        ([" 5"], "text"),
        (["5 "], "text"),
        (["5\n"], "text"),
        (["12,5", "1.234,56", "1.234"], "numeric"),
        (["1,234,567.5", "1,234"], "numeric"),
    ],
)
def test_kinds(values: list[str | None], wanted: str) -> None:
    assert POSTGRES[kind(*values)] == wanted


@pytest.mark.parametrize(
    ("values", "comma", "words"),
    [
        (["01/02/2026", "03/04/2026"], False, "01/02/2026 may be in January"),
        (["R$ 5,00"], False, "signs or units"),
        (["03/02/2018 10:21:42"], False, "no plain form"),
        (["1,234", "5"], False, "1,234 may be a thousand times"),
        (["1.234", "5"], True, "1.234 may be a thousand times"),
        (["007", "12"], False, "zeros stand in front"),
        (["a", "b"], False, ""),
    ],
)
def test_what_means_two_things_is_text_and_says_why(values: list[str], comma: bool, words: str) -> None:
    assert kind(*values, comma=comma) == "text" and words in why(*values, comma=comma)


def test_points_are_plain_where_no_comma_is_about() -> None:
    assert kind("1.234", "5") == "number" and kind("0.125", "1.234", comma=True) == "number"


@pytest.mark.parametrize(
    ("kind_", "cell", "wanted"),
    [
        ("number with comma", "-1.234,50", "-1234.50"),
        ("number in groups", "1,234,567.5", "1234567.5"),
        ("day first", "1/2/2026", "2026-02-01"),
        ("month first", "1/2/2026", "2026-01-02"),
        ("integer", "NA", None),
        ("integer", "", None),
        ("text", "NA", "NA"),
        ("text", "", ""),
        ("text", "\\N", None),
    ],
)
def test_what_postgresql_gets(kind_: str, cell: str, wanted: str | None) -> None:
    read = reader(kind_, frozenset({"NA", "\\N"}))
    assert (read(cell) if read else cell) == wanted
