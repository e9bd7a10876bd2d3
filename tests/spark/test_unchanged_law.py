"""Whatever happens between runs to what models read and how they are written: each holds what a rebuild holds.

The models name tables in SQL, call macros of a package through others, ask for the time, read snapshots and views made by hand,
and have names in capitals. What happens is drawn at random (LAW_SEED shows it again).
"""

import os
import random
from pathlib import Path
from typing import Any

import pytest
import yaml
from small_dbt import MERGE, Project

from lakehouse.engines import catalog
from lakehouse.settings import Settings

STEPS = 2
TABLE = "{{ config(materialized='table') }} "
LATEST = "qualify row_number() over (partition by id order by _batch_id desc) = 1"
COLUMNS = {"SumsOfAll": "*", "merged": "*", "loaded": "id, told", "today": "id, told", "handed": "*", "below": "*"}


class World:
    """A project, and what may happen to it."""

    def __init__(self, project: Project, rng: random.Random) -> None:
        self.project, self.rng, self.story = project, rng, list[str]()
        self.bronze, self.batches, self.mark = f"{project.name}_bronze", 1, "a"
        self.happens = [
            self.batch,
            self.batch,
            self.insert,
            self.delete,
            self.rewrite,
            self.edit_macro,
            self.edit_view,
            self.set_back,
        ]
        project.write("h/dbt_project.yml", "{name: dbt_helpers, version: '1.0', config-version: 2, macro-paths: [macros]}")
        project.write("packages.yml", yaml.safe_dump({"packages": [{"local": "h"}]}))
        self.sql(
            f"create table {self.bronze}.others using delta as select 2L as id, 'o' as `user`",
            f"create view {self.bronze}.by_hand as select id, `user` from {self.bronze}.others",
        )
        self.write_macros()
        models = {
            "Sums": "{{ config(materialized='table', alias='SumsOfAll') }} select s.id, max(user) as user from {{ ref('stg') }} s "
            f"left join `{self.bronze.upper()}`.Others as o using (id) group by s.id",
            "merged": MERGE
            + "select id, {{ dbt_helpers.apply(dbt_helpers.passed, 'told') }} as told, _batch_id from {{ ref('stg') }} "
            f"where {{{{ is_new_batch() }}}} and id not in (select id from {self.bronze}.others) {LATEST}",
            "loaded": MERGE.replace(")", ", merge_exclude_columns=['loaded_at'])")
            + "select id, told, _batch_id, current_timestamp() as "
            f"loaded_at from {{{{ ref('stg') }}}} where {{{{ is_new_batch() }}}} {LATEST}",
            "today": TABLE + f"select id, `user` as told, current_user as me, now() as at from {self.bronze}.others",
            "handed": TABLE + f"with others as (select * from {self.bronze}.by_hand) select id, user, 1 as now from others",
            "below": TABLE
            + "select l.id, l.told, s.user, p.held from {{ ref('loaded') }} l left join {{ ref('Sums') }} s using (id) "
            "left join (select id, count(*) as held from {{ ref('past') }} group by id) p using (id)",
        }
        for name, query in models.items():
            project.write(f"models/{name}.sql", query)
        config = {
            "unique_key": "id",
            "strategy": "check",
            "check_cols": ["user"],
            "hard_deletes": self.rng.choice(["ignore", "invalidate", "new_record"]),
        }
        project.write(
            "snapshots/s.yml", yaml.safe_dump({"snapshots": [{"name": "past", "relation": "ref('handed')", "config": config}]})
        )
        project.dbt("deps")

    def sql(self, *statements: str) -> None:
        self.story += statements
        catalog.thrift_rows(self.project.settings, *statements)

    def write_macros(self) -> None:
        self.project.write(
            "h/macros/m.sql",
            f"{{% macro passed(x) %}}{{{{ x }}}} || '{self.mark}'{{% endmacro %}}"
            "{% macro apply(f, x) %}{{ f(x) }}{% endmacro %}",
        )

    def batch(self) -> None:
        self.batches += 1
        ids = self.rng.sample(range(1, 9), 3)
        self.story.append(f"batch {self.batches}: {ids}")
        self.project.batch(self.batches, *ids)

    def insert(self) -> None:
        self.sql(f"insert into {self.bronze}.others values ({self.rng.randrange(10, 99)}L, 'i')")

    def delete(self) -> None:
        self.sql(f"delete from {self.bronze}.others where id % 2 = {self.rng.randrange(2)}")

    def rewrite(self) -> None:
        self.sql(f"update {self.bronze}.events set told = told || '!' where id = {self.rng.randrange(1, 4)}")

    def edit_macro(self) -> None:
        self.mark += "x"
        self.story.append(f"the macro says {self.mark}")
        self.write_macros()

    def edit_view(self) -> None:
        self.sql(
            f"alter view {self.bronze}.by_hand as select id, `user` || '{self.rng.randrange(9)}' as `user` from {self.bronze}.others"
        )

    def set_back(self) -> None:
        self.sql(f"restore table {self.project.name}_main.{self.rng.choice(['merged', 'loaded'])} to version as of 0")

    def run(self, *said: str) -> None:
        self.story.append(f"build {said}")
        self.project.dbt("build", *said)

    def first_loaded(self) -> dict[int, Any]:
        return dict(self.project.rows("loaded", "id, loaded_at"))


@pytest.mark.slow
def test_what_is_left_alone_is_what_a_rebuild_gives(tmp_path: Path, spark_server: Settings) -> None:
    seed = int(os.environ.get("LAW_SEED") or random.SystemRandom().randrange(2**32))
    rng = random.Random(seed)
    project = Project(tmp_path, spark_server)
    try:
        world = World(project, rng)
        world.run()
        for step in range(STEPS):
            before, merged = world.first_loaded(), len(_log(project).split("loaded needs a full refresh"))
            for happens in rng.sample(world.happens, 2):
                happens()
            world.run(*([] if step == STEPS - 1 else ["--exclude", rng.choice(["stg", "merged", "loaded", "Sums", "past"])]))
            now = world.first_loaded()
            if "restore" not in " ".join(world.story) and len(_log(project).split("loaded needs a full refresh")) == merged:
                assert before.items() <= now.items(), (seed, world.story)
        held = {name: project.rows(name, columns) for name, columns in COLUMNS.items()}
        project.dbt("run", "--full-refresh")
        for name, columns in COLUMNS.items():
            assert held[name] == project.rows(name, columns), (seed, name, world.story)
        assert all(held.values()) or "delete" in " ".join(world.story), (seed, world.story)
    finally:
        project.drop()


def _log(project: Project) -> str:
    return (project.folder / "logs" / "dbt.log").read_text()
