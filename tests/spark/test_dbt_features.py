"""What dbt itself offers, tried on our server with our adapter and our materializations; each is judged by the rows that are there."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from small_dbt import MERGE, NEW, Project, placed

from lakehouse.engines import catalog
from lakehouse.settings import Settings


@pytest.fixture
def project(tmp_path: Path, spark_server: Settings) -> Iterator[Project]:
    with placed(tmp_path, spark_server) as made:
        yield made


def test_retry_runs_what_failed_and_what_waited_for_it(project: Project) -> None:
    table = "{{ config(materialized='table') }} "
    project.write("models/good.sql", table + "select id from {{ ref('stg') }}")
    project.write("models/bad.sql", table + "select if(id > 2, raise_error('too many'), id) as id from {{ ref('good') }}")
    project.write("models/below.sql", table + "select id * 10 as id from {{ ref('bad') }}")
    assert project.dbt("run", failing=True) == {"stg": "success", "good": "success", "bad": "error", "below": "skipped"}
    assert project.tables("main") == {"stg", "good"}
    before = project.version("good")
    project.write("models/bad.sql", table + "select id from {{ ref('good') }}")
    assert project.dbt("retry") == {"bad": "success", "below": "success"}
    assert (project.ids("below"), project.version("good")) == ([10, 20, 30], before)


def test_defer_reads_the_parent_of_the_other_target(project: Project) -> None:
    table = "{{ config(materialized='table') }} "
    project.write("models/parent.sql", table + "select id from {{ ref('stg') }}")
    project.write("models/child.sql", table + "select id + 100 as id from {{ ref('parent') }}")
    project.dbt("run")
    state = project.keep_state()
    deferred = ("run", "--target", "other", "--select", "child", "--defer", "--state", state)
    assert project.dbt(*deferred) == {"child": "success"}
    assert (project.tables("other"), project.ids("child", "other")) == ({"child"}, [101, 102, 103])
    project.dbt(*deferred)
    assert "UNCHANGED" in project.messages["child"]
    project.batch(2, 4)
    project.dbt("run", "--select", "parent")
    project.dbt(*deferred)
    assert project.ids("child", "other") == [101, 102, 103, 104]


def test_a_view_that_is_deferred_to_counts_by_what_it_reads(project: Project) -> None:
    project.write("models/child.sql", "{{ config(materialized='table') }} select id from {{ ref('stg') }}")
    project.dbt("run")
    deferred = ("run", "--target", "other", "--select", "child", "--defer", "--state", project.keep_state())
    project.dbt(*deferred)
    project.dbt(*deferred)
    assert "UNCHANGED" in project.messages["child"] and project.tables("other") == {"child"}
    others = f"{project.name}_bronze.others"  # which this project knows nothing of
    catalog.thrift_rows(
        project.settings,
        f"create table {others} using delta as select 8L as id",
        f"create or replace view {project.name}_main.stg as select * from {others}",
    )
    project.dbt(*deferred)
    assert project.ids("child", "other") == [8]
    catalog.thrift_rows(project.settings, f"insert into {others} values (9L)")
    project.dbt(*deferred)
    assert project.ids("child", "other") == [8, 9]


def test_state_modified_selects_what_was_edited(project: Project) -> None:
    table = "{{ config(materialized='table') }} "
    for name, parent in (("one", "stg"), ("two", "stg"), ("below", "one")):
        project.write(f"models/{name}.sql", table + f"select id from {{{{ ref('{parent}') }}}}")
    project.dbt("run")
    state = project.keep_state()
    assert project.dbt("run", "--select", "state:modified", "--state", state) == {}
    project.write("models/one.sql", table + "select id + 50 as id from {{ ref('stg') }}")
    assert project.dbt("run", "--select", "state:modified", "--state", state) == {"one": "success"}
    assert (project.ids("one"), project.ids("below")) == ([51, 52, 53], [1, 2, 3])
    assert project.dbt("run", "--select", "state:modified+", "--state", state).keys() == {"one", "below"}
    assert project.ids("below") == [51, 52, 53]


def test_unit_tests_judge_a_model_that_merges(project: Project) -> None:
    project.write(
        "models/merged.sql", MERGE + "select id, upper(told) as told, _batch_id from {{ ref('stg') }} where {{ is_new_batch() }}"
    )
    case = {"model": "merged", "given": [{"input": "ref('stg')", "rows": [{"id": 1, "told": "x", "_batch_id": 1}]}]}
    whole = case | {"name": "whole", "expect": {"rows": [{"id": 1, "told": "X"}]}}
    project.write("models/tests.yml", yaml.safe_dump({"unit_tests": [whole]}))
    project.dbt("run")
    before = project.version("merged")
    assert project.dbt("test", "--select", "test_type:unit") == {"whole": "pass"}
    # A merge takes no batch that the table holds already.
    merge = whole | {"name": "merge", "overrides": {"macros": {"is_new_batch": "_batch_id > 1"}}, "expect": {"rows": []}}
    wrong = case | {"name": "wrong", "expect": {"rows": [{"id": 1, "told": "x"}]}}
    project.write("models/tests.yml", yaml.safe_dump({"unit_tests": [whole, merge, wrong]}))
    assert project.dbt("test", "--select", "test_type:unit", failing=True) == {"whole": "pass", "merge": "pass", "wrong": "fail"}
    assert (project.version("merged"), project.ids("merged")) == (before, [1, 2, 3])


@pytest.mark.parametrize("kind", ["table", "incremental", "view"])
def test_a_contract_refuses_another_type(project: Project, kind: str) -> None:
    def model(type_: str) -> str:
        return f"{{{{ config(materialized='{kind}', unique_key='id') }}}} select id, cast(2 as {type_}) as amount from {{{{ ref('stg') }}}}"

    columns = [{"name": "id", "data_type": "bigint"}, {"name": "amount", "data_type": "decimal(14,2)"}]
    project.write(
        "models/models.yml",
        yaml.safe_dump({"models": [{"name": "kept", "config": {"contract": {"enforced": True}}, "columns": columns}]}),
    )
    project.write("models/kept.sql", model("decimal(14,2)"))
    assert project.dbt("run")["kept"] == "success"
    held = project.rows("kept")
    project.write("models/kept.sql", model("decimal(18,2)"))
    assert project.dbt("run", failing=True)["kept"] == "error"
    assert "amount decimal(14,2)" in project.messages["kept"] and "amount decimal(18,2)" in project.messages["kept"]
    assert project.rows("kept") == held and len(held) == 3


@pytest.mark.parametrize("kind", ["table", "incremental"])
def test_a_constraint_that_is_broken_fails_each_run(project: Project, kind: str) -> None:
    """Delta finds it when the table is there already, which must not be taken for a table that is as wanted."""
    columns = [
        {"name": "id", "data_type": "bigint"},
        {"name": "told", "data_type": "string", "constraints": [{"type": "not_null"}]},
    ]
    model = {"name": "kept", "config": {"contract": {"enforced": True}}, "columns": columns}
    model["constraints"] = [{"type": "check", "expression": "id > 0"}]
    project.write("models/models.yml", yaml.safe_dump({"models": [model]}))
    config = f"{{{{ config(materialized='{kind}', unique_key='id') }}}} "
    project.write("models/kept.sql", config + "select id, if(id = 3, null, told) as told from {{ ref('stg') }}")
    for _ in range(2):
        assert project.dbt("run", failing=True)["kept"] == "error"
        assert "violate the new CHECK constraint (told is not null)" in project.messages["kept"].replace("`", "")
    project.write("models/kept.sql", config + "select id, told from {{ ref('stg') }}")
    project.dbt("run")
    assert project.rows("kept") == [(1, "b1"), (2, "b1"), (3, "b1")]
    project.dbt("run")
    assert "UNCHANGED" in project.messages["kept"]


def test_an_owners_table_is_never_built_whole(project: Project) -> None:
    """`full_refresh: false`: it keeps what its input no longer holds, whatever becomes of that, and with the flag too."""
    project.write("models/owned.sql", MERGE.replace(")", ", full_refresh=false)") + NEW)
    project.dbt("run")
    catalog.thrift_rows(project.settings, f"delete from {project.name}_bronze.events where id = 1")  # no longer only growing
    project.batch(2, 4)
    project.dbt("run")
    assert project.ids("owned") == [1, 2, 3, 4]
    project.dbt("run", "--full-refresh")
    assert project.ids("owned") == [1, 2, 3, 4]


def test_clones_are_made_anew_over_tables_that_have_rows(project: Project) -> None:
    project.write("models/whole.sql", "{{ config(materialized='table') }} select id from {{ ref('stg') }}")
    project.dbt("run")
    state = project.keep_state()
    clone = ("clone", "--select", "whole", "--state", state, "--target", "other")
    project.dbt(*clone)
    project.batch(2, 4)
    project.dbt("run")
    project.dbt(*clone)
    assert project.ids("whole", "other") == [1, 2, 3]  # it is there: nothing to do
    project.dbt(*clone, "--full-refresh")
    assert project.ids("whole", "other") == [1, 2, 3, 4]


def test_versions_of_a_model_stand_side_by_side(project: Project) -> None:
    table = "{{ config(materialized='table') }} "
    project.write("models/dim_v1.sql", table + "select id from {{ ref('stg') }}")
    project.write("models/dim_v2.sql", table + "select id + 200 as id from {{ ref('stg') }}")
    project.write("models/old.sql", table + "select id from {{ ref('dim', v=1) }}")
    project.write("models/new.sql", table + "select id from {{ ref('dim') }}")
    versions = {"name": "dim", "latest_version": 2, "versions": [{"v": 1}, {"v": 2}]}
    project.write("models/models.yml", yaml.safe_dump({"models": [versions]}))
    assert project.dbt("run").keys() == {"stg", "dim_v1", "dim_v2", "old", "new"}
    assert (project.ids("old"), project.ids("new")) == ([1, 2, 3], [201, 202, 203])
    project.write("models/models.yml", yaml.safe_dump({"models": [versions | {"latest_version": 1}]}))
    project.dbt("run")
    assert (project.ids("dim_v2"), project.ids("new")) == ([201, 202, 203], [1, 2, 3])


def test_full_refresh_builds_what_has_not_changed(project: Project) -> None:
    project.write("models/merged.sql", MERGE + NEW)
    project.write("models/whole.sql", "{{ config(materialized='table') }} select id from {{ ref('merged') }}")
    project.dbt("run")
    before = project.version("merged"), project.version("whole")
    project.dbt("run")
    assert (project.version("merged"), project.version("whole")) == before
    project.dbt("run", "--full-refresh")
    assert project.version("merged") > before[0] and project.version("whole") > before[1]
    assert project.ids("merged") == project.ids("whole") == [1, 2, 3]


def _models(project: Project) -> list[str]:
    project.write("models/merged.sql", MERGE + NEW)
    project.write("models/straight.sql", MERGE + NEW.replace("ref('stg')", "source('bronze', 'events')"))
    project.write("models/whole.sql", "{{ config(materialized='table') }} select id from {{ ref('merged') }}")
    return ["stg", "merged", "straight", "whole"]


@pytest.mark.parametrize(
    "part", [["--empty"], ["--sample", "{'start': '2026-01-02', 'end': '2026-01-03'}"]], ids=["empty", "sample"]
)
def test_a_part_is_never_taken_for_the_whole(project: Project, part: list[str]) -> None:
    """--empty and --sample: a plain run afterwards builds with all rows, whatever was there before and came meanwhile."""
    models = _models(project)
    seen = [] if part == ["--empty"] else [2]
    project.dbt("run", *part)
    assert {name: project.ids(name) for name in models} == dict.fromkeys(models, seen)
    project.dbt("run")
    assert {name: project.ids(name) for name in models} == dict.fromkeys(models, [1, 2, 3])
    project.batch(2, 4, 5)
    project.dbt("run", *part)
    project.dbt("run")
    assert {name: project.ids(name) for name in models} == dict.fromkeys(models, [1, 2, 3, 4, 5])
    project.batch(3, 6)
    project.dbt("run", *part, "--select", "stg")  # the view alone: who merges from it now sees no batch or the one of that day
    project.dbt("run", "--select", "merged")
    project.batch(4, 2)
    project.dbt("run")
    models.remove("stg")  # which has both versions of 2
    assert {name: project.ids(name) for name in models} == dict.fromkeys(models, [1, 2, 3, 4, 5, 6])
    assert [row for row in project.rows("merged", "id, told") if row[0] == 2] == [(2, "b4")]
    project.dbt("run")
    assert all("UNCHANGED" in said for said in project.messages.values()) and len(project.messages) == 4


@pytest.mark.parametrize(("kind", "place"), [("var", "model"), ("env_var", "model"), ("var", "ephemeral parent")])
def test_a_variable_has_another_value(project: Project, monkeypatch: pytest.MonkeyPatch, kind: str, place: str) -> None:
    """Rows that were merged under the old value do not stay."""
    marked = f'id, told || \'{{{{ {kind}("MARK", "?") }}}}\' as told'
    if place == "model":
        project.write("models/merged.sql", MERGE + NEW.replace("id, told", marked))
    else:
        ephemeral = "{{ config(materialized='ephemeral') }} select " + marked + ", at, _batch_id from {{ ref('stg') }}"
        project.write("models/way.sql", ephemeral)
        project.write("models/merged.sql", MERGE + NEW.replace("'stg'", "'way'"))
    project.dbt("run")
    project.batch(2, 4)
    said: list[str] = []
    if kind == "var":
        said = ["--vars", "{MARK: '!'}"]
    else:
        monkeypatch.setenv("MARK", "!")
    project.dbt("run", *said)
    assert project.rows("merged", "id, told") == [(1, "b1!"), (2, "b1!"), (3, "b1!"), (4, "b2!")]
    before = project.version("merged")
    project.dbt("run", *said)
    assert project.version("merged") == before


@pytest.mark.parametrize("between", ["view", "ephemeral"])
def test_what_stands_between_was_edited(project: Project, between: str) -> None:
    """Rows that are merged already are by the old rule: an incremental model is fully refreshed if a view that it reads is edited."""
    config = f"{{{{ config(materialized='{between}') }}}} "
    project.write("models/stg.sql", config + "select * from {{ source('bronze', 'events') }}")
    project.write("models/merged.sql", MERGE + NEW)
    project.dbt("run")
    project.batch(2, 4)
    project.dbt("run")
    assert project.rows("merged", "id, told") == [(1, "b1"), (2, "b1"), (3, "b1"), (4, "b2")]
    project.batch(3, 5)
    project.write("models/stg.sql", config + "select * except (told), told || '!' as told from {{ source('bronze', 'events') }}")
    project.dbt("run")
    assert project.rows("merged", "id, told") == [(1, "b1!"), (2, "b1!"), (3, "b1!"), (4, "b2!"), (5, "b3!")]


def test_append_and_insert_overwrite_and_microbatch(project: Project) -> None:
    def model(strategy: str, more: str = "") -> str:
        return (
            f"{{{{ config(materialized='incremental', incremental_strategy='{strategy}', on_schema_change='ignore'{more}) }}}} "
            "select id, told, at, cast(at as date) as day from {{ source('bronze', 'events') }} "
        )

    project.write(
        "models/appended.sql", model("append") + "{% if is_incremental() %} where id > (select max(id) from {{ this }}) {% endif %}"
    )
    project.write(
        "models/overwritten.sql",
        model("insert_overwrite", ", partition_by='day', file_format='parquet'")
        + "{% if is_incremental() %} where id >= 3 {% endif %}",
    )
    project.write(
        "models/by_day.sql",
        model(
            "microbatch",
            ", partition_by='day', file_format='parquet', event_time='at', batch_size='day', "
            "begin=modules.datetime.datetime(2026, 1, 1)",
        ),
    )
    until = ("--event-time-start", "2026-01-01", "--event-time-end", "2026-01-04")
    project.dbt("run", *until)
    assert project.ids("appended") == project.ids("overwritten") == project.ids("by_day") == [1, 2, 3]
    project.batch(2, 3, 4)
    project.dbt("run", "--event-time-start", "2026-01-03", "--event-time-end", "2026-01-05")
    assert project.ids("appended") == [1, 2, 3, 4]
    assert (
        project.rows("overwritten", "id, told")
        == project.rows("by_day", "id, told")
        == [
            (1, "b1"),
            (2, "b1"),
            (3, "b1"),
            (3, "b2"),
            (4, "b2"),
        ]
    )


def test_a_merge_into_a_large_table_writes_few_files_anew(project: Project) -> None:
    """Rows near in their keys lie in one file, whatever order they came in."""
    project.batch(2, *range(100, 60_000))
    project.write(
        "models/merged.sql",
        MERGE
        + """
        select cast(pmod(id * 7919, 60013) as bigint) as id, repeat(sha2(told || id, 256), 4) as told
        from {{ ref('stg') }} where {{ is_new_batch() }}
    """,
    )
    large = ("run", "--vars", "{large_table_bytes: 0}")
    project.dbt(*large)
    built = project.ranges("merged", "id")
    assert len(built) > 1
    assert all(one[1] < other[0] for one, other in itertools.pairwise(sorted(built.values())))
    project.batch(3, 200)
    project.dbt(*large)
    assert len(built.keys() - project.ranges("merged", "id").keys()) == 1
