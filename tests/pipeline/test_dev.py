"""A person's own schemas: clones, an edit, what it changes; and nothing of it where readers look."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import Lake  # type: ignore[attr-defined]

from lakehouse.engines import catalog
from lakehouse.settings import ROOT
from lakehouse.tables import released
from workspaces import dev


class Desk:
    """Ana's shell, with a copy of the project to edit."""

    def __init__(self, lake: Lake, folder: Path) -> None:
        self.lake, self.project = lake, folder / "dbt_project"
        shutil.copytree(ROOT / "dbt_project", self.project)
        shell = (lake.settings.var_dir / "dev" / "ana" / "env").read_text()
        said = dict(line.removeprefix("export ").split("=", 1) for line in shell.splitlines() if line.startswith("export "))
        self.environment = lake.environment | {name: value.strip("'") for name, value in said.items()} | {"DBT_USE_COLORS": "0"}

    def dbt(self, *arguments: str, ok: bool = True, **more: str) -> str:
        """What dbt prints."""
        command = [Path(sys.executable).with_name("dbt"), "--no-version-check", *arguments]
        done = subprocess.run(command, cwd=self.project, env=self.environment | more, capture_output=True, text=True)
        assert (done.returncode == 0) == ok, done.stdout[-3000:]
        return done.stdout

    def edit(self, model: str, old: str, new: str) -> None:
        path = self.project / "models" / model
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))


@pytest.fixture(scope="module")
def desk(lake: Lake, tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """After `make dev`."""
    done = lake.run("dev", "--name", "ana")
    assert "24 released tables" in done.stdout
    return Desk(lake, tmp_path_factory.mktemp("desk"))


def rows(lake: Lake, query: str) -> list[tuple[object, ...]]:
    return catalog.thrift_rows(lake.settings, query)


def history(lake: Lake, table: str) -> list[object]:
    """Operations on a table, the first one first."""
    return [row[4] for row in reversed(rows(lake, f"describe history {table}"))]


def test_a_model_that_has_not_changed_begins_as_a_clone_of_what_is_released(lake: Lake, desk: Desk) -> None:
    selected = "gold.fct_orders", "silver.int_orders__current"
    said = desk.dbt("run", "-s", *(name.partition(".")[2] for name in selected))  # before any view of staging is there
    assert said.count("[UNCHANGED, CLONED") == 2
    for table in selected:
        assert rows(lake, f"select count(*), sum(hash(*)) from dev_ana_{table}") == rows(
            lake, f"select count(*), sum(hash(*)) from {table}"
        )
        assert history(lake, f"dev_ana_{table}") == ["CLONE"]
    assert desk.dbt("run", "-s", "fct_orders").count("[UNCHANGED in") == 1
    said = desk.dbt("run")
    assert [
        line for line in said.splitlines() if " OK created" in line and "view model" not in line and "UNCHANGED" not in line
    ] == []
    assert said.count("[UNCHANGED") == 24 and said.count("[UNCHANGED in") == 2


def test_an_edit_builds_what_it_reaches_and_touches_no_candidate(lake: Lake, desk: Desk) -> None:
    before = {layer: released.published(lake.settings, layer) for layer in ("silver", "gold")}
    desk.edit("gold/sales/rpt_customer_value.sql", "count(*) as orders", "2 * count(*) as orders")
    said = desk.dbt("run", "-s", "fct_orders+")
    built = [line for line in said.splitlines() if " OK created" in line and "UNCHANGED" not in line]
    assert len(built) == 1 and "rpt_customer_value" in built[0] and said.count("[UNCHANGED") >= 2
    [(ours, theirs)] = rows(
        lake,
        "select sum(a.orders), sum(b.orders) from dev_ana_gold.rpt_customer_value a join gold.rpt_customer_value b using (customer_id, currency)",
    )
    assert ours == 2 * theirs > 0  # type: ignore[operator]
    assert {layer: released.published(lake.settings, layer) for layer in ("silver", "gold")} == before
    lake.run("dev", "--name", "ana")  # leaves it alone
    assert rows(lake, "select sum(orders) from dev_ana_gold.rpt_customer_value") == [(ours,)]


def test_what_the_branch_changes_is_told(lake: Lake, desk: Desk) -> None:
    done = lake.run("diff-models", "--name", "ana", "--rows", "2", "--show")
    [line] = [line for line in done.stdout.splitlines() if line.startswith("| `gold.rpt_customer_value`")]
    [(count,)] = rows(lake, "select count(*) from gold.rpt_customer_value")
    assert line.replace(" ", "").startswith(f"|`gold.rpt_customer_value`|0|{count}|0|passed|orders")
    assert "~ customer_id=" in done.stdout and "orders: " in done.stdout and "→" in done.stdout
    page = (lake.settings.var_dir / "dev" / "ana" / "diff.html").read_text()
    assert "1 model would change" in page and "http://" not in page and "https://" not in page


def test_a_gate_that_would_not_pass_is_told(lake: Lake, desk: Desk) -> None:
    desk.edit("gold/sales/rpt_customer_value.sql", "2 * count(*) as orders", "-count(*) as orders")
    desk.dbt("run", "-s", "rpt_customer_value")
    done = lake.run("diff-models", "--name", "ana", ok=False)
    assert done.returncode == 7 and "| failed |" in done.stdout and "would not pass the gate" in done.stderr


def test_a_saved_model_is_built_and_shown(lake: Lake, desk: Desk) -> None:
    """`make watch`: a save, a mistake, its mending; nothing where readers look."""
    script = (
        "import sys; from pathlib import Path; from workspaces import dev, watch; from lakehouse.machine import load\n"
        "watch.follow(load(), dev.whose('ana'), 3, Path(sys.argv[1]))"
    )
    watching = subprocess.Popen(
        [sys.executable, "-u", "-W", "ignore", "-c", script, str(desk.project)],
        cwd=ROOT,
        env=lake.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert watching.stdout is not None
    told = watching.stdout

    def until(end: str) -> str:
        said = ""
        while end not in said:
            line = told.readline()
            assert line, said
            said += line
        return said

    model = "gold/sales/dim_categories.sql"
    try:
        until("Save a model")
        desk.edit(model, "1 as category_level", "1 + 0 as category_level")
        said = until("from the save")
        assert "✓ dim_categories" in said and "top_category_name" in said
        desk.edit(model, "concat(tree.category_path", "concat(tree.category_paht")
        assert "Did you mean category_path" in until("from the save")
        desk.edit(model, "concat(tree.category_paht", "concat(tree.category_path")
        said = until("from the save")  # what was built before the mistake is what is wanted again
        assert "top_category_name" in said and "unchanged" in said
    finally:
        watching.terminate()  # not Ctrl-C, which a run in the background has its children ignore
        watching.wait(20)


def test_a_sample_has_orders_with_all_their_lines(lake: Lake, desk: Desk) -> None:
    desk.dbt("run", "-s", "fct_orders", "fct_order_lines", DEV_SAMPLE="50")
    [(orders, most)] = rows(lake, "select (select count(*) from dev_ana_gold.fct_orders), (select count(*) from gold.fct_orders)")
    assert 0 < orders < most  # type: ignore[operator]
    torn = """
        select count(*) from dev_ana_gold.fct_orders o
        left join (select order_id, count(*) as n from dev_ana_gold.fct_order_lines group by 1) l using (order_id)
        where o.line_count <> coalesce(l.n, 0)
    """
    assert rows(lake, torn) == [(0,)]
    desk.dbt("run", "-s", "rpt_daily_sales", "rpt_customer_value")  # one of what was sampled, told so; and read from all
    done = lake.run("diff-models", "--name", "ana", ok=False)  # the gate fails it still
    told = {line.split("`")[1]: line for line in done.stdout.splitlines() if line.startswith("| `")}
    assert {name for name, line in told.items() if "**a part of the rows**" in line} >= {"gold.fct_orders", "gold.rpt_daily_sales"}
    desk.dbt("run", "-s", "fct_orders", "fct_order_lines", "rpt_daily_sales", "rpt_customer_value")
    assert "a part of the rows" not in lake.run("diff-models", "--name", "ana", ok=False).stdout
    assert "DEV_SAMPLE" in desk.dbt("run", "-s", "fct_orders", ok=False, DEV_SAMPLE="many")


def test_two_writers_are_one_too_many(lake: Lake, desk: Desk) -> None:
    script = "import time\nfrom lakehouse import machine\nfrom lakehouse.machine import load\nwith machine.writing(load(), 'a test'):\n    print('held', flush=True)\n    time.sleep(120)"
    holder = subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, env=lake.environment, stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout is not None and holder.stdout.readline() == "held\n"
        plain = {name: value for name, value in desk.environment.items() if not name.startswith(("DBT_", "DEV_"))}
        done = subprocess.run(
            [Path(sys.executable).with_name("dbt"), "--no-version-check", "run", "-s", "dim_categories"],
            cwd=desk.project,
            env=plain | {"DBT_TARGET_PATH": str(desk.project / "t"), "DBT_LOG_PATH": str(desk.project / "l")},
            capture_output=True,
            text=True,
        )
        assert done.returncode != 0 and "is being written by a test (pid" in done.stdout, done.stdout[-2000:]
        assert holder.poll() is None
    finally:
        holder.kill()
        holder.wait()


def test_a_merge_goes_on_from_a_clone_and_clones_of_an_older_release_are_dropped(lake: Lake, desk: Desk) -> None:
    own, more = dev.whose("ana"), Lake(lake.settings, lake.environment | {"SOURCE_DSN": lake.dsn})
    for arguments in (
        ["dev", "--name", "ana", "--anew"],
        ["traffic"],
        ["ingest"],
        ["gate", "--layer", "bronze"],
        ["release", "--layer", "bronze"],
    ):
        more.run(*arguments)
    clones = "dim_dates", "rpt_daily_sales"
    said = desk.dbt("run", "-s", "int_payments__current", *clones)
    assert said.count("[UNCHANGED, CLONED") == len(clones)
    mine, query = "dev_ana_silver.int_payments__current", "select count(*), sum(hash(*)) from {} version as of {}"
    desk.dbt("run", "--full-refresh", "-s", "int_payments__current")
    assert history(lake, mine) == ["CLONE", "MERGE", "CREATE OR REPLACE TABLE AS SELECT"]
    shown, merged, whole = (rows(lake, query.format(mine, version)) for version in range(3))
    assert merged == whole != shown

    lake.run("demo")  # all in step again
    now = released.published(lake.settings, "gold")
    held = {table: dev.cloned_from(lake.settings, own, "gold", table) for table in clones}
    assert held["rpt_daily_sales"] != now["rpt_daily_sales"]
    lake.run("dev", "--name", "ana")
    for table, version in held.items():
        assert dev.cloned_from(lake.settings, own, "gold", table) == (version if version == now[table] else None)


def test_dropped_schemas_are_gone_and_released_tables_are_not(lake: Lake, desk: Desk) -> None:
    assert "Dropped dev_ana_silver, dev_ana_gold" in lake.run("dev", "--name", "ana", "--drop").stdout
    assert rows(lake, "show schemas like 'dev_ana*'") == []
    assert rows(lake, "select count(*) > 0 from gold.fct_orders") == [(True,)]
    assert "nothing to drop" in lake.run("dev", "--name", "ana", "--drop").stdout
