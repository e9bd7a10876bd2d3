"""A suite with the slightest fault is refused in one line that says where, what and how to mend it."""

from datetime import date
from pathlib import Path

import pytest

from expectations import registry
from expectations.suite import LAYERS, SUITES, check_cover, find, load
from lakehouse.errors import SettingsError

HEAD = "table: t\ndescription: One row per thing.\nowner: me\n"
CHECK = "  - {expect: expect_column_values_to_not_be_null, column: a}\n"


def written(folder: Path, text: str, name: str = "t.yml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        ("- a\n", "holds a list"),
        ("table: t\n\tchecks: [\n", "not valid YAML"),
        (HEAD + "checks: [{expect: x, expect: y}]\n", "not valid YAML"),
        (HEAD + "checks: []\n", "declares no checks"),
        (HEAD, "has no `checks`"),
        ("table: t\nowner: me\nchecks:\n" + CHECK, "has no `description`"),
        (HEAD + "cheks: 1\nchecks:\n" + CHECK, "unknown key `cheks`"),
        (HEAD.replace("table: t", "table: other") + "checks:\n" + CHECK, "says table: 'other'"),
        (HEAD + "checks:\n" + CHECK + CHECK, "check 2: repeats check 1"),
        (HEAD + "checks:\n" + CHECK + CHECK.replace("}", ", severity: warning}"), "check 2: repeats check 1"),
        (HEAD + "checks:\n  - {column: a}\n", "check 1: has no `expect`"),
        (HEAD + "checks:\n  - expect_something\n", "check 1: a check is a mapping"),
        (HEAD + "checks:\n" + CHECK.replace("}", ", severity: bad}"), "check 1: `severity` is 'bad'"),
        (HEAD + "checks:\n" + CHECK.replace("}", ", mostly: 2}"), "check 1: `mostly` is 2"),
        (HEAD + "checks:\n" + CHECK.replace("}", ", args: {column: b}}"), "both inline and under `args`"),
        (HEAD + "allow_empty: perhaps\nchecks:\n" + CHECK, "`allow_empty` is 'perhaps'"),
        (HEAD + "exempt: {until: 2026-01-01}\nchecks:\n" + CHECK, "has no `exempt.reason`"),
        (HEAD + "exempt: {until: 2026-01-01}\n", "has no `exempt.reason`"),
        (HEAD + "exempt: {reason: so}\n", "has no `exempt.until`"),
        (HEAD + "exempt: {until: soon, reason: so}\n", "`exempt.until` is 'soon'"),
        (HEAD + "exempt: {until: 2026-01-01, reason: so}\nchecks: []\n", "declares no checks"),
        (HEAD.replace("me", "unassigned") + "checks:\n" + CHECK, "name who is told"),
    ],
)
def test_a_faulty_file_is_refused(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(SettingsError) as refusal:
        load(written(tmp_path, text))
    assert said in str(refusal.value)
    assert "t.yml" in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("check", "said"),
    [
        ("{expect: expect_column_values_to_not_be_nul, column: a}", "Did you mean expect_column_values_to_not_be_null?"),
        ("{expect: not_a_thing_at_all}", "is not an expectation type"),
        ("{expect: expect_column_values_to_be_between, column: a, min_valu: 1}", "Did you mean `min_value`?"),
        ("{expect: expect_column_values_to_not_be_null}", "column"),
        ("{expect: expect_column_values_to_not_be_null, column: a, result_format: BASIC}", "no argument `result_format`"),
        ("{expect: expect_column_values_to_be_in_set, column: a, value_set: 3}", "value_set"),
        ("{expect: expect_table_row_count_to_equal, value: 3, mostly: 0.5}", "does not take `mostly`"),
        ("{expect: expect_table_columns_to_match_set, column_set: [a], where: a > 1}", "does not take `where`"),
    ],
)
def test_what_great_expectations_would_skip_or_refuse_is_refused(tmp_path: Path, check: str, said: str) -> None:
    path = written(tmp_path, HEAD + "checks:\n" + CHECK + f"  - {check}\n")
    with pytest.raises(SettingsError) as refusal:
        registry.validate(load(path), path)
    assert "check 2" in str(refusal.value)
    assert said in str(refusal.value)


def test_norway_stays_a_country(tmp_path: Path) -> None:
    text = HEAD + "checks:\n  - {expect: expect_column_values_to_be_in_set, column: a, value_set: [NO, SE]}\n"
    assert load(written(tmp_path, text)).checks[0].args["value_set"] == ["NO", "SE"]


def test_hash_follows_meaning_and_not_wording(tmp_path: Path) -> None:
    plain = load(written(tmp_path, HEAD + "checks:\n" + CHECK))
    reworded = load(written(tmp_path, HEAD.replace("me", "you") + "checks:\n" + CHECK.replace("}", ", why: so}")))
    stricter = load(written(tmp_path, HEAD + "checks:\n" + CHECK.replace("}", ", mostly: 0.5}")))
    assert plain.hash == reworded.hash != stricter.hash


def test_default_suite_repeats_its_key_check_for_each_key_column() -> None:
    suite = find("bronze", "crm__people", ["a", "b"])
    assert suite is not None
    asked = [column for check in suite.checks for column in check.columns]
    assert suite.table == "crm__people"
    assert {"a", "b"} < set(asked)
    keyless = find("bronze", "crm__log", [])
    assert keyless is not None and len(keyless.checks) == len(suite.checks) - 2
    assert not any("{key}" in check.columns for check in (*suite.checks, *keyless.checks))


def test_tables_without_checks_are_refused_all_at_once_unless_an_exemption_holds(tmp_path: Path) -> None:
    exempt = load(written(tmp_path, HEAD + "exempt: {until: 2026-06-30, reason: rebuilt next month}\n"))
    judged = load(written(tmp_path, HEAD + "exempt: {until: 2026-06-30, reason: x}\nchecks:\n" + CHECK))
    check_cover("silver", {"a": exempt, "b": judged}, date(2026, 6, 30))
    check_cover("silver", {"b": judged}, date(2026, 7, 1))
    with pytest.raises(SettingsError) as refusal:
        check_cover("silver", {"a": exempt, "b": judged, "c": None, "d": None}, date(2026, 7, 1))
    said = str(refusal.value)
    assert "3 of 4 tables have no suite: a (its exemption ended on 2026-06-30), c, d" in said
    assert "make suite TABLE=silver.a" in said


def test_silver_and_gold_have_no_default() -> None:
    assert find("silver", "int_unheard_of", []) is None
    assert find("gold", "rpt_unheard_of", []) is None


@pytest.mark.parametrize("path", sorted(SUITES.glob("*/*.yml")), ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_every_suite_of_this_repository_can_run(path: Path) -> None:
    suite = load(path)
    registry.validate(suite, path)
    assert path.parent.name in LAYERS
    assert any(check.severity == "critical" for check in suite.checks)
