"""What Spark says of a statement is told in one line."""

import pytest

from lakehouse.engines.catalog import message


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        (
            "Error running query: [PARSE_SYNTAX_ERROR] org.apache.spark.sql.catalyst.parser.ParseException: \n[PARSE_SYNTAX_ERROR] Syntax "
            "error at or near end of input. SQLSTATE: 42601 (line 1, pos 6)\n\n== SQL ==\nselect\n------^^^\n\tat org.apache.X(X.scala:1)",
            "[PARSE_SYNTAX_ERROR] Syntax error at or near end of input. SQLSTATE: 42601 (line 1, pos 6)",
        ),
        (
            "Error running query: [TABLE_OR_VIEW_NOT_FOUND] org.apache.spark.sql.AnalysisException: [TABLE_OR_VIEW_NOT_FOUND] The table or "
            "view `x` cannot be found.\nTo tolerate the error on drop use DROP VIEW IF EXISTS. SQLSTATE: 42P01; line 1 pos 14;\n'Project [*]",
            "[TABLE_OR_VIEW_NOT_FOUND] The table or view `x` cannot be found.",
        ),
        ("disk full", "disk full"),
    ],
)
def test_what_spark_says_is_one_line_without_java(said: str, wanted: str) -> None:
    assert message(said) == wanted
