"""A model is left alone only if nothing that it is made of has changed; what can't be known is built, and the log says why."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from small_dbt import MERGE, Project, placed
from sql_names import NAMED

from lakehouse.engines import catalog
from lakehouse.engines.sparkfunctions import EACH_TIME, KNOWN
from lakehouse.engines.sqlnames import named
from lakehouse.settings import Settings

TABLE = "{{ config(materialized='table') }} "


@pytest.fixture
def project(tmp_path: Path, spark_server: Settings) -> Iterator[Project]:
    with placed(tmp_path, spark_server) as made:
        yield made


def left_alone(project: Project) -> set[str]:
    return {name for name, said in project.messages.items() if "UNCHANGED" in said}


def log(project: Project) -> str:
    return (project.folder / "logs" / "dbt.log").read_text()


def test_functions_are_those_of_this_spark(spark_server: Settings) -> None:
    known = {row[0] for row in catalog.thrift_rows(spark_server, "show system functions") if re.fullmatch(r"\w+", row[0])}
    assert known == KNOWN | EACH_TIME


def test_names_are_those_that_spark_parses(spark_server: Settings) -> None:
    for sql, _ in NAMED:
        told = catalog.thrift_rows(spark_server, "explain extended " + sql)[0][0].partition("== Analyzed")[0].lower()
        parsed = {name.replace(", ", ".") for name in re.findall(r"unresolvedrelation \[(.*?)\], \[", told)}
        defined = {name.strip() for names in re.findall(r"cte \[(.*?)\]", told) for name in names.split(",")}
        assert parsed, sql
        assert {".".join(each.parts).lower() for each in named(sql)} - defined == parsed - defined, sql


def test_tables_that_a_query_names_by_itself_are_inputs(project: Project) -> None:
    """Whoever names them: the model, its macro, a view of dbt's, one made by hand; and those that can't be known are built."""
    name = project.name
    others, capitals = f"{name}_bronze.others", f"`{name.upper()}_bronze`.`OTHERS`"
    place = f"{project.settings.var_dir}/{name}/by_path"
    catalog.thrift_rows(
        project.settings,
        f"create table {others} using delta as select 1L as id, 'x' as `user`, date'2026-01-01' as day",
        f"create table {name}_bronze.quiet using delta as select 1L as id",
        f"create table {name}_bronze.no_delta using parquet as select 1L as id",
        f"create table delta.`{place}` using delta as select 1L as id",
        f"create view {name}_bronze.by_hand as select id from {others} where id < 100",
    )
    models = {
        "capitals": f"select id from {capitals} o -- from nowhere.at_all",
        "within": f"with o as (select * from spark_catalog.{others}) select id from {{{{ ref('stg') }}}} where id in (select id from o) or exists (select 1 from {others} where id = 9)",
        "by_hand": f"select id from {name}_bronze.by_hand",
        "of_view": "select id from {{ ref('a_view') }}",
        "path": f"select id from delta.`{place}`",
        "still": f"select q.id, 'from {others}' as said from {name}_bronze.quiet as q, range(1)",
        "column": f"select id, user, 1 as now, `user` as current_date from {others}",
        "who": f"select id, current_user as who from {others}",
        "no_delta": f"select id from {name}_bronze.no_delta",
        "day": f"select id from {others} where day < 'today'",
    }
    for model, query in models.items():
        project.write(f"models/{model}.sql", TABLE + query)
    project.write("models/a_view.sql", f"{{{{ config(materialized='view') }}}} select * from {others}")
    project.write("models/merged.sql", MERGE + f"select id from {{{{ ref('stg') }}}} where id not in (select id from {others})")
    each_time = {"who", "no_delta", "day"}
    project.dbt("run")
    project.write("models/of_dbts.sql", TABLE + f"select id from {name}_main.capitals")
    project.dbt("run")
    project.dbt("run")
    assert {*models, "stg", "a_view", "merged", "of_dbts"} - left_alone(project) == each_time
    said = log(project)
    for model, why in {
        "who": "it asks for current_user",
        "day": "it asks for cast(today as date",
        "no_delta": "is no Delta table",
    }.items():
        assert f"{model} is built at every run: " in said and why in said, (model, why)
    catalog.thrift_rows(
        project.settings, f"insert into {others} values (2L, 'y', date'2026-01-02')", f"insert into delta.`{place}` values (7L)"
    )
    catalog.thrift_rows(project.settings, f"insert into {name}_bronze.no_delta values (8L)")
    project.dbt("run", "--threads", "1")  # of_dbts, of which dbt does not know that it comes after
    project.dbt("run", "--select", "of_dbts")
    for model in ("capitals", "within", "by_hand", "of_view", "of_dbts", "column", "who", "day"):
        assert project.ids(model) == [1, 2], model
    assert project.ids("merged") == [3]
    assert (project.ids("path"), project.ids("no_delta"), project.ids("still")) == ([1, 7], [1, 8], [1])
    assert "merged needs a full refresh: " + others in log(project)
    catalog.thrift_rows(project.settings, f"alter view {name}_bronze.by_hand as select id + 50 as id from {others}")
    project.dbt("run", "--select", "by_hand", "still")
    assert project.ids("by_hand") == [51, 52] and left_alone(project) == {"still"}


def test_what_macros_render_is_what_was_built(project: Project) -> None:
    """A package whose name begins with dbt; macros that are passed on, looked up, dispatched, or called only as a model is run."""
    helpers = "packages/dbt_helpers"
    project.write(f"{helpers}/dbt_project.yml", "{name: dbt_helpers, version: '1.0', config-version: 2, macro-paths: [macros]}")
    project.write("packages.yml", yaml.safe_dump({"packages": [{"local": helpers}]}))

    def macros(mark: str) -> None:
        named = ("plain", "passed", "in_jinja", "looked_up", "at_run", "merging", "default__dispatched")
        text = "".join(f"{{% macro {name}(x) %}}{{{{ x }}}} || '{mark}'{{% endmacro %}}" for name in named)
        project.write(
            f"{helpers}/macros/m.sql",
            text
            + (
                "{% macro apply(f, x) %}{{ f(x) }}{% endmacro %}"
                "{% macro dispatched(x) %}{{ adapter.dispatch('dispatched', 'dbt_helpers')(x) }}{% endmacro %}"
            ),
        )

    calls = {
        "plain": "{{ dbt_helpers.plain('told') }}",
        "passed": "{{ dbt_helpers.apply(dbt_helpers.passed, 'told') }}",
        "in_jinja": "{% set f = dbt_helpers.in_jinja %}{{ f('told') }}",
        "looked_up": "{{ context['dbt_helpers'][('looked', 'up') | join('_')]('told') }}",
        "at_run": "{% if execute %}{{ dbt_helpers.at_run('told') }}{% else %}told{% endif %}",
        "dispatched": "{{ dbt_helpers.dispatched('told') }}",
    }
    for name, call in calls.items():
        query = f"select id, {call} as told, _batch_id from {{{{ ref('stg') }}}} "
        project.write(f"models/m_{name}.sql", MERGE + query + "where {{ is_new_batch() }}")
        project.write(f"models/t_{name}.sql", TABLE + query)
    project.write(
        "models/in_merge.sql",
        MERGE + "select id, told, _batch_id from {{ ref('stg') }} where {{ is_new_batch() }} "
        "{% if is_incremental() %} and {{ dbt_helpers.merging('told') }} <> '' {% endif %}",
    )
    macros("!")
    project.dbt("deps")
    project.dbt("run")
    project.dbt("run")
    assert len(left_alone(project)) == 14
    project.batch(2, 4)
    macros("?")
    project.dbt("run")
    for name in calls:
        expected = [(1, "b1?"), (2, "b1?"), (3, "b1?"), (4, "b2?")]
        assert project.rows(f"m_{name}", "id, told") == project.rows(f"t_{name}", "id, told") == expected, name
    assert "in_merge needs a full refresh: the model has changed" in log(project)  # which dbt does not know to have this macro


def test_an_incremental_model_that_asks_for_the_time_is_merged(project: Project) -> None:
    """Each row keeps the time at which it was first loaded; only a parent that was rewritten has it fully refreshed, and the log says so."""
    stamped = "*, current_timestamp() as first_loaded_at, current_timestamp as loaded_at"
    merge = MERGE.replace(")", ", merge_exclude_columns=['First_Loaded_At'])")
    latest = "qualify row_number() over (partition by id order by _batch_id desc) = 1"
    project.write("models/ours.sql", merge + f"select {stamped} from {{{{ ref('stg') }}}} where {{{{ is_new_batch() }}}} {latest}")
    project.write(
        "models/dbts.sql",
        merge + f"with new as (select * from {{{{ ref('stg') }}}} {latest}) select {stamped} from new "
        "{% if is_incremental() %} where _batch_id > (select max(_batch_id) from {{ this }}) {% endif %}",
    )
    project.write("models/by_day.sql", MERGE + f"select id, told from {{{{ ref('stg') }}}} where at < current_date() {latest}")
    project.write(
        "models/hooked.sql",
        MERGE.replace(")", ", post_hook='select 1')")
        + f"select id, uuid() as u, _batch_id from {{{{ ref('stg') }}}} where {{{{ is_new_batch() }}}} {latest}",
    )
    project.write(
        "models/below.sql", MERGE + "select id, first_loaded_at, _batch_id from {{ ref('ours') }} where {{ is_new_batch() }}"
    )
    project.write("models/stamped.sql", TABLE + "select id, now() as at from {{ ref('ours') }}")
    project.dbt("run")
    names = ("ours", "dbts", "hooked")
    columns = {"ours": "id, first_loaded_at", "dbts": "id, first_loaded_at", "hooked": "id, u"}
    first = {name: dict(project.rows(name, columns[name])) for name in names}
    table = project.rows("stamped")
    project.dbt("run")  # nothing new
    assert {name: dict(project.rows(name, columns[name])) for name in names} == first
    assert left_alone(project) == {"stg", "below"} and project.rows("stamped") != table
    project.batch(2, 3, 4)
    project.dbt("run")
    for name in names:
        now = dict(project.rows(name, columns[name]))
        assert {1: now[1], 2: now[2]} == {1: first[name][1], 2: first[name][2]} and set(now) == {1, 2, 3, 4}, name
    for name in ("ours", "dbts"):
        now = {row[0]: row[1:] for row in project.rows(name, "id, told, first_loaded_at, loaded_at")}
        assert now[3][:2] == ("b2", first[name][3]) and now[3][2] > now[3][1] and now[1][2] == now[1][1], name
    assert project.ids("below") == project.ids("by_day") == [1, 2, 3, 4]
    whole = re.findall(
        r"(\w+) needs a full refresh: (.*)", log(project)
    )  # `ours` does not say that it keeps rows, so who reads it is
    assert {name for name, reason in whole if reason != "its table is not there yet"} == {"below"}, whole
    catalog.thrift_rows(project.settings, f"delete from {project.name}_bronze.events where id = 1")
    project.dbt("run")
    assert project.ids("ours") == project.ids("dbts") == [2, 3, 4]
    assert "ours needs a full refresh: " in log(project) and "was rebuilt, set back, changed by hand" in log(project)


def test_snapshots_with_each_way_of_hard_deletes(project: Project) -> None:
    """And a model that reads them is built when they change."""
    strategies: dict[str, dict[str, Any]] = {
        "at": {"strategy": "timestamp", "updated_at": "at"},
        "told": {"strategy": "check", "check_cols": ["told"]},
    }
    # What is gone is told by the same macro whatever the strategy; only that of a key that comes back differs, with ignore.
    ways = [("told", "ignore"), ("told", "invalidate"), ("told", "new_record"), ("at", "ignore")]
    names = [f"past_{column}_{way}" for column, way in ways]
    project.write(
        "snapshots/s.yml",
        yaml.safe_dump(
            {
                "snapshots": [
                    {
                        "name": f"past_{column}_{way}",
                        "relation": "ref('now')",
                        "config": {"unique_key": "id", "hard_deletes": way} | strategies[column],
                    }
                    for column, way in ways
                ]
            }
        ),
    )
    project.write("models/now.sql", TABLE + "select id, told, at from {{ ref('stg') }}")
    union = " union all ".join(
        f"select '{name}' as of, id, told, dbt_valid_to is null as is_current from {{{{ ref('{name}') }}}}" for name in names
    )
    project.write("models/below.sql", TABLE + union)
    project.dbt("build")
    project.write(
        "models/now.sql",
        TABLE + "select id, if(id = 1, 'new', told) as told, if(id = 1, at + interval 1 day, at) as at "
        "from {{ ref('stg') }} where id <> 2",
    )
    project.dbt("build")
    project.dbt("build")  # what is gone already is not told again
    assert left_alone(project) == {"stg", "now", "below"}
    changed = [(1, "b1", False), (1, "new", True)]
    gone = {"ignore": [(2, "b1", True)], "invalidate": [(2, "b1", False)], "new_record": [(2, "b1", False), (2, "b1", True)]}
    for name in names:
        expected = [*changed, *gone[name.split("_", 2)[2]], (3, "b1", True)]
        assert project.rows(name, "id, told, dbt_valid_to is null") == expected, name
        below = sorted(
            catalog.thrift_rows(project.settings, f"select id, told, is_current from {project.name}_main.below where of = '{name}'")
        )
        assert below == expected, name
    project.write(
        "models/now.sql",
        TABLE + "select id, if(id = 1, 'new', told) as told, at + make_dt_interval(if(id = 1, 1, if(id = 2, 2, 0))) as at "
        "from {{ ref('stg') }}",
    )
    project.dbt("build")
    back = {"ignore": 1, "invalidate": 2, "new_record": 3}  # rows of a key that is there again; one of them is so now
    for name in names:
        found = [row for row in project.rows(name, "id, told, dbt_valid_to is null") if row[0] == 2]
        wanted = 2 if name == "past_at_ignore" else back[name.split("_", 2)[2]]
        assert len(found) == wanted and sum(row[2] for row in found) == 1, (name, found)
