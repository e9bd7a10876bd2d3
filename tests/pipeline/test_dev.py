"""A person's own schemas: clones, an edit, what it changes; and nothing of it where readers look."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from desk import Desk, Lake

from lakehouse.engines import catalog
from lakehouse.settings import ROOT
from lakehouse.tables import released

# One of each kind: merged, with periods, without an input, a tree, merged from several, and what is made of those.
KINDS = (
    "silver.int_orders__current",
    "silver.int_customers__history",
    "gold.dim_dates",
    "gold.dim_categories",
    "gold.fct_orders",
    "gold.rpt_customer_value",
)


@pytest.fixture(scope="module")
def desk(lake: Lake, tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """After `make dev`."""
    done = lake.run("dev", "--name", "ana")
    assert "24 released tables" in done.stdout
    return Desk(lake, "ana", tmp_path_factory.mktemp("desk"))


def rows(lake: Lake, query: str) -> list[tuple[object, ...]]:
    return catalog.thrift_rows(lake.settings, query)


def history(lake: Lake, table: str) -> list[object]:
    """Operations on a table, the first one first."""
    return [row[4] for row in reversed(rows(lake, f"describe history {table}"))]


def test_a_model_that_has_not_changed_begins_as_a_clone_of_what_is_released(lake: Lake, desk: Desk) -> None:
    """One of each kind; all 24 with LONG=1."""
    every = [f"{layer}.{table}" for layer in ("silver", "gold") for table in released.published(lake.settings, layer)]
    names = every if os.environ.get("LONG") else KINDS
    said = desk.build(*(name.partition(".")[2] for name in names))  # before any view of staging is there
    assert said == {name.partition(".")[2]: "UNCHANGED, CLONED" for name in names}
    counted = " union all ".join(f"select '{table}', count(*), sum(hash(*)) from {{0}}{table}" for table in names)
    assert sorted(rows(lake, counted.format("dev_ana_"))) == sorted(rows(lake, counted.format("")))
    assert all(history(lake, f"dev_ana_{table}") == ["CLONE"] for table in names)
    assert desk.build("fct_orders") == {"fct_orders": "UNCHANGED"}


def test_an_edit_builds_what_it_reaches_and_touches_no_candidate(lake: Lake, desk: Desk) -> None:
    before = {layer: released.published(lake.settings, layer) for layer in ("silver", "gold")}
    desk.edit("gold/sales/rpt_customer_value.sql", "count(*) as orders", "2 * count(*) as orders")
    said = desk.build("fct_orders+")
    assert [name for name, message in said.items() if "UNCHANGED" not in message] == ["rpt_customer_value"] and len(said) == 3
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
    desk.build("rpt_customer_value")
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

    model = "gold/sales/fct_stock_movements.sql"
    try:
        until("Save a model")
        desk.edit(model, "product_id,", "product_id + 0 as product_id,")
        said = until("from the save")
        assert "✓ fct_stock_movements" in said and "✓ rpt_stock_on_hand" in said and "warehouse" in said
        desk.edit(model, "warehouse,", "warehuose,")
        assert "Did you mean warehouse" in until("from the save")
        desk.edit(model, "warehuose,", "warehouse,")
        said = until("from the save")  # what was built before the mistake is what is wanted again
        assert "warehouse" in said and "unchanged" in said
    finally:
        watching.terminate()  # not Ctrl-C, which a run in the background has its children ignore
        watching.wait(20)


def test_a_sample_has_orders_with_all_their_lines(lake: Lake, desk: Desk) -> None:
    desk.build("fct_orders", "fct_order_lines", DEV_SAMPLE="50")
    [(orders, most)] = rows(lake, "select (select count(*) from dev_ana_gold.fct_orders), (select count(*) from gold.fct_orders)")
    assert 0 < orders < most  # type: ignore[operator]
    torn = """
        select count(*) from dev_ana_gold.fct_orders o
        left join (select order_id, count(*) as n from dev_ana_gold.fct_order_lines group by 1) l using (order_id)
        where o.line_count <> coalesce(l.n, 0)
    """
    assert rows(lake, torn) == [(0,)]
    desk.build("rpt_daily_sales")  # of what was sampled, told so
    done = lake.run("diff-models", "--name", "ana", ok=False)  # the gate fails a table of another test still
    told = {line.split("`")[1]: line for line in done.stdout.splitlines() if line.startswith("| `")}
    assert {name for name, line in told.items() if "**a part of the rows**" in line} >= {"gold.fct_orders", "gold.rpt_daily_sales"}
    desk.build("fct_orders", "fct_order_lines", "rpt_daily_sales")
    assert "a part of the rows" not in lake.run("diff-models", "--name", "ana", ok=False).stdout
    assert "DEV_SAMPLE" in str(desk.build("fct_orders", ok=False, DEV_SAMPLE="many"))


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


def test_dropped_schemas_are_gone_and_released_tables_are_not(lake: Lake, desk: Desk) -> None:
    assert "Dropped dev_ana_silver, dev_ana_gold" in lake.run("dev", "--name", "ana", "--drop").stdout
    assert rows(lake, "show schemas like 'dev_ana*'") == []
    assert rows(lake, "select count(*) > 0 from gold.fct_orders") == [(True,)]
    assert "nothing to drop" in lake.run("dev", "--name", "ana", "--drop").stdout
