"""What packages of dbt ask for: `target.type`, macros for Spark, the names in a schema, one row per key."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from small_dbt import Project

from lakehouse.engines import catalog
from lakehouse.settings import Settings

# The shapes of dbt_utils' macros, and of those that have one for Spark and none for us.
MACROS = """
{% macro tables_sql(schema, tables, exclude='', database=target.database) %}
    {{ return(adapter.dispatch('get_tables_by_pattern_sql', 'stranger')(schema, tables, exclude, database)) }}
{% endmacro %}
{% macro default__get_tables_by_pattern_sql(schema, tables, exclude='', database=none) %}
    select * from {{ database }}.information_schema.tables
{% endmacro %}

{% macro deduplicate(relation, partition_by, order_by) %}
    {{ return(adapter.dispatch('deduplicate', 'stranger')(relation, partition_by, order_by)) }}
{% endmacro %}
{% macro default__deduplicate(relation, partition_by, order_by) %}
    select data.* from {{ relation }} as data natural join (
        select *, row_number() over (partition by {{ partition_by }} order by {{ order_by }}) as rn from {{ relation }}
    ) as numbered where rn = 1
{% endmacro %}

{% macro same(a, b, columns) %} {{ return(adapter.dispatch('quick_are_queries_identical', 'stranger')(a, b, columns, none)) }} {% endmacro %}
{% macro in_status() %} {{ return(adapter.dispatch('_count_num_rows_in_status', 'stranger')()) }} {% endmacro %}

{% macro relations(schema, tables) %}
    {%- set found = [] -%}
    {%- for row in (run_query(stranger.tables_sql(schema, tables)) or []) -%}
        {%- do found.append(api.Relation.create(database=target.database, schema=row[0], identifier=row[1], type=row[2])) -%}
    {%- endfor -%}
    {{ return(found) }}
{% endmacro %}
{% macro relation_of(name, database=target.database) %}
    {{ return(api.Relation.create(database=database, schema=target.schema, identifier=name)) }}
{% endmacro %}

{% macro answer() %} {{ return(adapter.dispatch('answer', 'stranger')()) }} {% endmacro %}
{% macro default__answer() %} {{ return('anybody') }} {% endmacro %}
{% macro spark__answer() %} {{ return('spark') }} {% endmacro %}
"""
FOUND = "select concat_ws(' ', table_schema, table_name, table_type) as found from ({{ stranger.tables_sql(%s) }})"


@pytest.fixture(scope="module")
def project(spark_server: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    folder: Path = tmp_path_factory.mktemp("packages")
    made = Project(folder, spark_server)
    made.write(
        "dbt_packages/stranger/dbt_project.yml",
        "name: stranger\nversion: '1.0'\nmodels: {+materialized: \"{{ 'table' if target.type in "
        "('spark', 'databricks') else 'view' }}\"}",
    )
    made.write("dbt_packages/stranger/macros/all.sql", MACROS)
    made.write(
        "dbt_packages/stranger/models/of_package.sql",
        "select '{{ target.type }} {{ stranger.answer() }}' as said, * from {{ ref('stg') }}",
    )
    said = yaml.safe_load((folder / "dbt_project.yml").read_text())
    said["dispatch"] = [
        {"macro_namespace": name, "search_order": ["stranger", name]} for name in ("dbt", "stranger")
    ]  # as manuals have it
    made.write("dbt_project.yml", yaml.safe_dump(said))
    made.write("models/told.sql", "select '{{ target.type }} {{ adapter.type() }}' as told")
    found = {
        "pattern": "target.schema, 'EVENTS\\\\_%', '%_old'",
        "prefix": "target.schema ~ '%', 'stg%'",
        "nothing": "'no such', '%'",
    }
    for name, asked in found.items():
        made.write(
            f"models/by_{name}.sql", f"-- depends_on: {{{{ ref('stg') }}}}\n{{{{ config(materialized='table') }}}} {FOUND % asked}"
        )
    made.write(
        "models/united.sql",
        "select id from {{ stranger.relation_of('stg') }} {% for each in stranger.relations(target.schema, 'events__') %}"
        "union all select id from {{ each }} {% endfor %}",
    )
    made.write("models/rows.sql", "select * from values (1, null, 'a'), (1, 2, 'b'), (2, 3, null), (2, 3, null) as t (id, n, said)")
    made.write(
        "models/newest.sql", "with kept as ({{ stranger.deduplicate(ref('rows'), 'id', 'n nulls first') }}) select * from kept"
    )
    made.write(
        "models/counted.sql",
        "select dbt_audit_row_status as status, {{ stranger.in_status() }} as n from values "
        "('a', 1, 1), ('a', 1, 1), ('a', 1, 2), ('a', 2, 1), ('b', 1, 1) as t (dbt_audit_row_status, dbt_audit_surrogate_key, dbt_audit_pk_row_num)",
    )
    rows = {"a": "(1, null), (1, null), (2, 'x')", "b": "(2, 'x'), (1, null), (1, null)", "c": "(1, null), (2, 'x'), (2, 'x')"}
    queries = {name: f'"select * from values {said} as t (id, told)"' for name, said in rows.items()}
    for other in "bc":
        made.write(f"models/same_{other}.sql", f"{{{{ stranger.same({queries['a']}, {queries[other]}, ['id', 'told']) }}}}")
    made.write(
        "models/starred.sql",
        "select {% for each in adapter.get_columns_in_relation(ref('sampled')) %}{{ each.quoted }}, {% endfor %} "
        "1 as more from {{ ref('sampled') }}",
    )
    made.write("models/sampled.sql", "{{ config(meta={'sample_by': 'id'}) }} select id, said from {{ ref('rows') }}")
    schema = f"{made.name}_main"
    catalog.thrift_rows(
        spark_server,
        f"create schema {schema}",
        f"create table {schema}.events_1 (id int)",
        f"create table {schema}.events_old (id int)",
        f"create view {schema}.events_2 as select 1 as id",
        f"create table {schema}.eventsx3 (id int)",
    )
    yield made
    made.drop()


def test_dbt_packages_are_told_that_this_is_spark(project: Project) -> None:
    project.dbt("run")
    schema = f"{project.name}_main"
    assert project.rows("told") == [("spark comporta",)]
    assert project.rows("of_package", "distinct said") == [("spark spark",)]
    properties = dict(catalog.thrift_rows(project.settings, f"show tblproperties {schema}.told"))
    assert properties["comporta.stamp"]  # our macros are used, whatever order of packages is said
    assert {"of_package"} <= _tables(project)  # its own project file asks for the type
    assert project.rows("by_pattern") == [(f"{schema} events_1 table",), (f"{schema} events_2 view",)]
    assert project.rows("by_prefix") == [(f"{schema} stg view",)]
    assert project.rows("by_nothing") == []
    assert project.rows("counted") == [("a", 3)] * 4 + [("b", 1)]
    assert project.rows("same_b") == [(True,)] and project.rows("same_c") == [(False,)]
    assert project.ids("united") == [1, 1, 2, 3]
    assert project.rows("newest") == [(1, None, "a"), (2, 3, None)]


def test_dbt_packages_see_the_columns_of_what_gives_no_rows(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    project.dbt("run", "--empty", "--select", "+starred")
    assert project.rows("starred") == []
    targets = yaml.safe_load((project.folder / "profiles.yml").read_text())
    targets["small"]["outputs"]["dev"] = targets["small"]["outputs"]["main"]
    project.write("profiles.yml", yaml.safe_dump(targets))
    monkeypatch.setenv("DEV_SAMPLE", "99.9999")
    project.dbt("run", "--target", "dev", "--select", "rows sampled starred")
    assert len(project.rows("starred")) == 4


def _tables(project: Project) -> set[str]:
    """Names of tables that are no views."""
    views = {row[1] for row in catalog.thrift_rows(project.settings, f"show views in {project.name}_main")}
    return project.tables("main") - views
