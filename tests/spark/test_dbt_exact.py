"""Seeds, names, types, ends of queries, descriptions and fixtures as dbt brings them: what is there afterwards is what was written."""

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml
from small_dbt import Project, placed

from lakehouse.engines import catalog
from lakehouse.settings import Settings

NAMES = ["order id", "ação", "select", "it's", "From", "# of", "x.y"]
MAPPED = ", tblproperties={'delta.columnMapping.mode': 'name'}"
TOLD = 'it\'s "q" \\ and\nnew; {x}\nType: VIEW\nProvider: hudi\nLocation: /x'


@pytest.fixture
def project(tmp_path: Path, spark_server: Settings) -> Iterator[Project]:
    with placed(tmp_path, spark_server) as made:
        yield made


def test_a_seed_s_rows_are_those_of_its_file(project: Project) -> None:
    """Numbers keep their digits and zeros, times their zone; what fails leaves the rows that were there."""
    project.write(
        "seeds/s.csv",
        '\ufeffid,price,zip,at,"order id",note\n1234567890123456789,1234567890123456789.123,007,'
        '2020-01-01T00:00:00.123456+02:00,5%,"it\'s ""q"" \\ ${env:HOME}\n{{ x }}; é😀"\n2,.5,1,,null,\n',
    )
    project.dbt("seed")
    rows = [
        (2, Decimal("0.500"), "1", None, None, None),
        (
            1234567890123456789,
            Decimal("1234567890123456789.123"),
            "007",
            datetime(2019, 12, 31, 22, 0, 0, 123456),
            "5%",
            'it\'s "q" \\ ${env:HOME}\n{{ x }}; é😀',
        ),
    ]
    assert project.rows("s") == rows
    project.write("seeds/s.yml", yaml.safe_dump({"seeds": [{"name": "s", "config": {"column_types": {"ID": "int"}}}]}))
    project.write("seeds/s.csv", "id\n1\nx\n")
    project.dbt("seed", failing=True)
    assert "The value 'x'" in project.messages["s"] and "cast(r[0] as int) as `id`" in project.messages["s"]
    assert project.rows("s") == rows
    project.write("seeds/s.csv", "id\n1\n2,3\n")
    project.dbt("seed", "--full-refresh", failing=True)
    assert "seeds/s.csv:3: 2 values" in project.messages["s"] and project.rows("s") == rows


def _models(project: Project) -> None:
    """Models that merge by any kind of name, each with its query ended by a semicolon, and what reads them."""

    def quoted(name: str) -> str:
        return catalog.quote(name)

    def merged(name: str, key: Any, more: str = "") -> None:
        config = f"{{{{ config(materialized='incremental', unique_key={key!r}{MAPPED}{more}) }}}} "
        project.write(f"models/{name}.sql", config + query + ";  -- the end; of it\n")

    others = ", ".join(f"cast(id as string) as {quoted(name)}" for name in NAMES[1:])
    query = (
        f"select id as `order id`, {others}, array(told) as `tags of`, told, _batch_id from {{{{ ref('stg') }}}} "
        "where {{ is_new_batch() }} qualify row_number() over (partition by id order by _batch_id desc) = 1"
    )
    merged("by_all", [*NAMES[:-1], "`x.y`"], ", meta={'on_tombstone': 'ignore', 'union_columns': ['TAGS of']}")
    merged("by_one", "ORDER ID", ", merge_exclude_columns=['TOLD', '# of']")
    merged("by_quoted", "`order id`", ", merge_update_columns=['told', 'it\\'s']")
    table = f"{{{{ config(materialized='table'{MAPPED}) }}}} "
    project.write("models/seen.sql", "{{ config(materialized='view') }} select *, ';' as semi from {{ ref('by_all') }};\n-- done;")
    project.write("models/way.sql", "{{ config(materialized='ephemeral') }} select * from {{ ref('by_all') }} ;")
    project.write("models/below.sql", table + "select * from {{ ref('way') }};")
    project.write(
        "models/past.sql",
        "{{ config(materialized='view') }} select id as `order id`, told as `select`, told as `ação`, at as `From`, _batch_id, "
        "at as _ingested_at, 'u' as _op, false as _is_deleted, 1L as _source_lsn, map('a', 'b') as _flags from {{ ref('stg') }};",
    )
    key = "['order id', 'select']"
    project.write("models/history.sql", table + f"{{{{ versions_over_time(ref('past'), {key}, ['ação'], 'From') }}}}")
    project.write("models/joined.sql", table + f"{{{{ joined_periods(ref('history'), {key}, ['ação']) }}}}")
    project.write("models/latest.sql", table + f"{{{{ latest_per_key(ref('past'), {key}) }}}}")
    project.write("tests/none.sql", "select * from {{ ref('below') }} where false;\n-- none")


def _contracts(project: Project) -> None:
    """A table and a view whose contracts say types by other names, with descriptions of all kinds, and checks."""
    columns: list[dict[str, Any]] = [{"name": "order id", "data_type": "LONG", "description": TOLD}]
    columns += [{"name": name, "data_type": "varchar(10)"} for name in NAMES[1:]]
    columns += [{"name": "tags of", "data_type": "array<text>"}, {"name": "told", "data_type": "String"}]
    columns += [{"name": "_batch_id", "data_type": "long"}, {"name": "amount", "data_type": "Numeric(10, 2)"}]
    columns.append({"name": "s", "data_type": "struct<`a b`: integer, B: Array<long>>", "description": TOLD})
    for name, kind in (("kept", "table"), ("shown", "view")):
        config = f"{{{{ config(materialized='{kind}', persist_docs={{'relation': true, 'columns': true}}{MAPPED}) }}}} "
        query = "select *, cast(1 as dec(10,2)) as amount, named_struct('a b', 1, 'b', array(1L)) as s from {{ ref('by_all') }};"
        project.write(f"models/{name}.sql", config + query)
    config = {"contract": {"enforced": True}}
    models = [{"name": name, "description": TOLD, "config": config, "columns": columns} for name in ("kept", "shown")]
    fields = ", ".join(f"'f{number}', 1" for number in range(30))  # more than Spark prints of a struct, left to itself
    project.write(
        "models/checked.sql",
        f"{{{{ config(materialized='table'{MAPPED}) }}}} select `order id`, named_struct({fields}) as "
        "wide from {{ ref('by_all') }}",
    )
    checks = [
        {"type": "check", "expression": "`order id` > 0", "name": "my check"},
        {"type": "check", "expression": "`order id` > -1"},
    ]
    wide = "struct<" + ",".join(f"f{number}: integer" for number in range(30)) + ">"
    said = [{"name": "ORDER ID", "data_type": "long", "constraints": [{"type": "not_null"}]}, {"name": "wide", "data_type": wide}]
    models.append({"name": "checked", "config": config, "constraints": checks, "columns": said})
    project.write(
        "models/nested.sql", "{{ config(materialized='table', persist_docs={'columns': true}) }} select named_struct('a', 1) as s"
    )
    models.append({"name": "nested", "columns": [{"name": "s.a", "description": TOLD}]})
    project.write("models/models.yml", yaml.safe_dump({"models": models}))


def test_names_types_and_ends_of_any_kind(project: Project) -> None:
    """Merges, histories, contracts, comments: by names with blanks, accents, quotes, dots, capitals and reserved words."""
    _models(project)
    _contracts(project)
    project.dbt("build")
    project.batch(2, 3, 4)
    project.dbt("build")
    first, second = [(number, ["b1"]) for number in (1, 2)], [(3, ["b1", "b2"]), (4, ["b2"])]
    assert project.rows("by_all", "`order id`, size(`tags of`)") == [(number, len(tags)) for number, tags in first + second]
    assert project.rows("by_one", "`order id`, told, _batch_id") == [(1, "b1", 1), (2, "b1", 1), (3, "b1", 2), (4, "b2", 2)]
    assert project.rows("by_quoted", "`order id`, told, _batch_id") == [(1, "b1", 1), (2, "b1", 1), (3, "b2", 1), (4, "b2", 2)]
    for name in ("seen", "below", "kept", "shown", "checked"):
        assert [row[0] for row in project.rows(name, "`order id`")] == [1, 2, 3, 4], name
    assert [len(project.rows(name)) for name in ("history", "joined", "latest")] == [5, 5, 5]
    project.dbt("build")
    assert {name for name, said in project.messages.items() if "UNCHANGED" not in said} == {"none"}
    for name in ("kept", "shown"):
        said = catalog.thrift_rows(project.settings, f"describe extended {project.name}_main.{name}")
        assert [row[2] for row in said if row[0] in ("order id", "s")] == [TOLD, TOLD]
        assert [row[1] for row in said if row[0] == "Comment"] == [TOLD]
    field = project._delta("nested").schema().fields[0].type.fields[0]
    assert field.metadata["comment"] == TOLD
    project.batch(3, 4, 5)
    project.dbt("run", "--vars", "{large_table_bytes: 0}")  # a merge that asks first which keys its batch has
    assert [row[0] for row in project.rows("by_quoted", "`order id`")] == [1, 2, 3, 4, 5]


def test_values_of_fixtures_are_what_is_written(project: Project) -> None:
    project.write(
        "models/src.sql",
        "{{ config(materialized='table') }} select 1 as id, cast(1 as decimal(38,3)) as big, "
        "cast('x' as binary) as b, date '2020-01-01' as d, timestamp '2020-01-01' as t, 'x' as txt, array('a') as arr, "
        "named_struct('a', 1, 'b', 'x') as st, map('k', 1) as m",
    )
    project.write("models/copy.sql", "select * from {{ ref('src') }};")
    row = {
        "id": -1,
        "big": "12345678901234567890.123",
        "b": "X'00ff'",
        "d": "2020-02-29",
        "t": "2020-01-01 01:02:03.123456",
        "txt": 'it\'s "q" \\ back\nnew; {x} -- c',
        "arr": ["it's", "b\\"],
        "st": {"a": None, "b": "it's \\"},
        "m": {"k'\\": -1},
    }
    same = row | {"arr": "array(\"it's\", 'b\\\\')", "st": "named_struct('a', cast(null as int), 'b', 'it\\'s \\\\')"}

    def case(name: str, given: Any, expected: Any) -> dict[str, Any]:
        return {"name": name, "model": "copy", "given": [{"input": "ref('src')", "rows": given}], "expect": {"rows": expected}}

    cases = [
        case("exact", [row], [same]),
        case("wrong", [row], [row | {"txt": "it's"}]),
        case("nulls", [{"id": 1}], [{"st": None}]),
    ]
    project.write("models/tests.yml", yaml.safe_dump({"unit_tests": cases}))
    project.dbt("run", "--select", "src")
    assert project.dbt("test", failing=True) == {"exact": "pass", "wrong": "fail", "nulls": "pass"}
