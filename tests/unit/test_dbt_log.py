"""dbt's closing lines as short ones. The texts are dbt 1.11's."""

from lakehouse.dbt import _failed
from lakehouse.dbt_log import failures

START = "10:38:06  10 of 14 ERROR creating sql view model small1_main.m8 .......................... [ERROR in 0.66s]\n"
MODEL = """\
10:38:19  Failure in model m{0} (models/m{0}.sql)
10:38:19    Database Error in model m{0} (models/m{0}.sql)
  models/m{0}.sql:1: there is no table or view silver.nowhere.
      1 | select * from silver.nowhere
        |               ^
  compiled code at target/run/comporta/models/m{0}.sql
10:38:19  \n10:38:19    compiled code at target/compiled/comporta/models/m{0}.sql
10:38:19  \n"""
OTHERS = """\
10:38:19  Failure in model comp (models/comp.sql)
10:38:19    Compilation Error in model comp (models/comp.sql)
  no way
10:38:19  \n10:38:19  Failure in test accepted_values_stg_id__7 (models/s.yml)
10:38:19    Got 3 results, configured to fail if != 0
10:38:19  \n10:38:19    compiled code at target/compiled/comporta/models/s.yml/accepted_values_stg_id__7.sql
10:38:19  \n10:38:19  Done. PASS=1 WARN=0 ERROR=11 SKIP=2 NO-OP=0 TOTAL=14
"""


def test_each_failure_is_one_line_with_file_and_reason() -> None:
    lines = [line.rstrip() for line in (START + MODEL.format(0) + OTHERS).splitlines()]  # as they are read
    assert failures(lines) == [
        ("accepted_values_stg_id__7", "models/s.yml: accepted_values_stg_id__7: Got 3 results, configured to fail if != 0"),
        ("comp", "models/comp.sql: no way"),
        ("m0", "models/m0.sql:1: there is no table or view silver.nowhere."),
    ]


def test_what_dbt_could_not_read_names_the_file() -> None:
    said = "10:38:34  Encountered an error:\nCompilation Error in model comp (models/comp.sql)\n  no way\n\n"
    assert failures(said.splitlines()) == [("", "models/comp.sql: no way")]
    said = "10:38:34  Encountered an error:\nCompilation Error\n  Model 'model.comporta.bad' (models/bad.sql) depends on a node named 'x' which was not found\n"
    assert failures(said.splitlines()) == [
        ("", "Compilation Error: Model 'model.comporta.bad' (models/bad.sql) depends on a node named 'x' which was not found")
    ]
    assert failures(["10:38:34  Running with dbt=1.11.16"]) == []


def test_nine_broken_models_are_three_lines_and_a_sum(capsys) -> None:  # type: ignore[no-untyped-def]
    said = _failed((START + "".join(map(MODEL.format, range(9)))).splitlines(), "See dbt.log")
    assert str(said) == "dbt: 9 models or tests failed: m0, m1, m2 and 6 more. See dbt.log."
    assert capsys.readouterr().out.splitlines() == [
        *(f"✗ models/m{number}.sql:1: there is no table or view silver.nowhere." for number in range(3)),
        "  … and 6 more",
    ]


def test_one_is_told_in_the_error_and_a_long_one_is_cut() -> None:
    assert (
        str(_failed(MODEL.format(0).splitlines(), "See it"))
        == "dbt: models/m0.sql:1: there is no table or view silver.nowhere. See it."
    )
    long = MODEL.format(0).replace("nowhere.", "x" * 900)
    assert len(failures(long.splitlines())[0][1]) == 300
    assert str(_failed([], "See it")) == "dbt: said nothing. See it."
