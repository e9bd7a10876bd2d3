"""What Spark says, put as the author of a model wants to read it. The messages are Spark 4.2's, as its Thrift server sends them."""

from dbt.adapters.comporta.message import readable

PATH = "models/gold/sales/dim_customers.sql"
HEAD = '/* {"app": "dbt", "node_id": "model.comporta.dim_customers"} */\n\n    create or replace table gold.dim_customers\n    as\n'
UNRESOLVED = (
    "Error running query: [UNRESOLVED_COLUMN.WITH_SUGGESTION] org.apache.spark.sql.AnalysisException: "
    "[UNRESOLVED_COLUMN.WITH_SUGGESTION] A column, variable, or function parameter with name `c`.`contry_code` cannot be resolved. "
    "Did you mean one of the following? [`c`.`is_vip`, `c`.`country_code`, `c`.`tags`]. SQLSTATE: 42703; line 7 pos 6;\n"
    "'CreateTableAsSelect\n+- 'Project [customer_id#1L, 'c.contry_code]\n   +- Relation x\n\n"
    "\tat org.apache.spark.sql.catalyst.analysis.package.failAnalysis(package.scala:52)\n"
)
SOURCE = "select\n    customer_id,\n    c.contry_code\nfrom {{ ref('int_customers__current') }} as c\n"
SQL = HEAD + "select\n  customer_id,\n      c.contry_code\nfrom silver.int_customers__current as c\n"


def test_a_misspelt_column_names_the_models_line_and_what_was_meant() -> None:
    assert readable(UNRESOLVED, SQL, PATH, SOURCE).splitlines() == [
        f"{PATH}:3: there is no column c.contry_code. Did you mean country_code?",
        "    3 |     c.contry_code",
        "      |     ^",
    ]


def test_without_a_likely_name_all_that_spark_offers_are_named() -> None:
    said = readable(UNRESOLVED.replace("contry_code", "zzz"), SQL.replace("contry_code", "zzz"), PATH, SOURCE)
    assert "there is no column c.zzz. There are: is_vip, country_code, tags" in said


def test_a_syntax_error_in_a_line_that_jinja_made_is_found_in_the_file() -> None:
    source = SOURCE.replace("from", "frm")
    message = (
        "Error running query: [PARSE_SYNTAX_ERROR] org.apache.spark.sql.catalyst.parser.ParseException: \n"
        "[PARSE_SYNTAX_ERROR] Syntax error at or near 'frm'. SQLSTATE: 42601 (line 8, pos 0)\n\n== SQL ==\nselect ...\n^^^"
    )
    assert readable(message, SQL.replace("from", "frm"), PATH, source).splitlines() == [
        f"{PATH}:4: Syntax error at or near 'frm'.",
        "    4 | frm {{ ref('int_customers__current') }} as c",
        "      | ^",
    ]


def test_what_a_task_died_of_is_told_and_not_that_it_died() -> None:
    task = (
        "org.apache.spark.SparkException: [TASK_WRITE_FAILED] Task failed while writing rows to file:/lake/x. SQLSTATE: 58030\n"
        "\tat org.apache.spark.sql.X(X.scala:1)\nCaused by: org.apache.spark.SparkNumberFormatException: [CAST_INVALID_INPUT] "
        'The value \'ES\' of the type "STRING" cannot be cast to "INT" because it is malformed. SQLSTATE: 22018\n'
        "== SQL (line 6, position 3) ==\n  cast(country as int)\n  ^^^^^^^^^^^^^^^\n\n\tat org.apache.spark.sql.Y(Y.scala:2)"
    )
    sql = HEAD + "select\n  cast(country as int)\nfrom x"
    assert readable(task, sql, PATH, "select\n  cast(country as int)\nfrom {{ x }}").splitlines() == [
        f'{PATH}:2: The value \'ES\' of the type "STRING" cannot be cast to "INT" because it is malformed.',
        "    2 |   cast(country as int)",
        "      |   ^",
    ]


def test_a_line_that_is_there_twice_is_the_one_that_comes_as_far_down() -> None:
    source = "select\n    a,\n    b\nfrom x\nunion all\nselect\n    a,\n    b\nfrom y"
    message = "[UNRESOLVED_COLUMN.WITHOUT_SUGGESTION] A column with name `b` cannot be resolved. SQLSTATE: 42703; line 8 pos 4"
    assert readable(message, source, PATH, source).startswith(f"{PATH}:8: ")
    assert readable(message.replace("line 8", "line 3"), source, PATH, source).startswith(f"{PATH}:3: ")


def test_a_line_that_no_file_has_is_shown_as_it_was_compiled() -> None:
    said = readable("[X_Y] Broken. SQLSTATE: 42000; line 2 pos 0", "select\nmade by a macro", PATH, "{{ macro() }}")
    assert said.splitlines()[:2] == [f"{PATH}, line 2 of the compiled statement: Broken.", "    2 | made by a macro"]


def test_what_has_no_place_keeps_its_words_and_no_java() -> None:
    message = (
        "Error running query: [DELTA_X] org.apache.spark.sql.delta.DeltaAnalysisException: [DELTA_X] Cannot write to 't', not enough "
        "data columns\n\tat org.apache.spark.sql.delta.DeltaErrors(DeltaErrors.scala:1)"
    )
    assert readable(message, "insert", PATH, "") == f"{PATH}: Cannot write to 't', not enough data columns"
    assert readable("Error running query: java.io.IOException: disk full", "x") == "disk full"
    assert readable("something odd", "x") == "something odd"


def test_of_what_is_not_there_the_name_is_told_and_no_advice_about_dropping() -> None:
    said = (
        "Error running query: [TABLE_OR_VIEW_NOT_FOUND] org.apache.spark.sql.AnalysisException: [TABLE_OR_VIEW_NOT_FOUND] The table or "
        "view `silver`.`nowhere` cannot be found. Verify the spelling and correctness of the schema and catalog. Search path: "
        "[`system`.`builtin`, `spark_catalog`.`default`]. If you did not qualify the name with a schema, verify the current_schema() output, "
        "or qualify the name with the correct schema and catalog.\nTo tolerate the error on drop use DROP VIEW IF EXISTS or DROP TABLE IF "
        "EXISTS. SQLSTATE: 42P01; line 1 pos 14;\n'Project [*]"
    )
    assert readable(said, "select * from silver.nowhere", PATH, "select * from silver.nowhere").splitlines() == [
        f"{PATH}:1: there is no table or view silver.nowhere.",
        "    1 | select * from silver.nowhere",
        "      |               ^",
    ]
    said = said.replace("TABLE_OR_VIEW", "SCHEMA").replace("table or view `silver`.`nowhere`", "schema `spark_catalog`.`nowhere`")
    assert readable(said.partition("; line")[0], "x") == "there is no schema spark_catalog.nowhere."
