"""The whole way: gold equals PostgreSQL, a failed gate keeps readers where they were, a rollback brings them back."""

import json
import re
import subprocess
import threading
import time
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import psycopg2
import pytest
from desk import Desk, Lake
from gold import differs, plain

from lakehouse import dbt
from lakehouse.engines import catalog
from lakehouse.tables import ledger, released
from releases import release
from workspaces import dev

# The polled question: any unaudited row would change it.
pytestmark = pytest.mark.timeout(1500)  # a fixture is a run or two
_POLL = "select count(*), sum(total_amount), max(_batch_id) from gold.fct_orders"


def ask(lake: Lake, statement: str) -> list[tuple[Any, ...]]:
    return catalog.thrift_rows(lake.settings, statement)


def change(lake: Lake, *statements: str) -> None:
    with closing(psycopg2.connect(lake.dsn)) as shop, shop, shop.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


@pytest.fixture(scope="module")
def first(lake: Lake) -> list[tuple[Any, ...]]:
    """What readers saw after the first run."""
    return ask(lake, _POLL)


@pytest.fixture(scope="module")
def desk(lake: Lake, first: object, tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """Somebody who writes models, and began after the first run."""
    lake.run("dev", "--name", "ben")
    return Desk(lake, "ben", tmp_path_factory.mktemp("desk"))


@pytest.fixture(scope="module")
def refused(lake: Lake, desk: Desk) -> tuple[list[Any], "subprocess.CompletedProcess[str]"]:
    """Two days of traffic and a line of an order with an impossible price: what readers saw meanwhile, and what the run said."""
    seen: list[Any] = []
    done = threading.Event()

    def poll() -> None:
        while not done.is_set():
            seen.append(ask(lake, _POLL))
            time.sleep(0.1)

    lake.run("traffic", "--days", "2")
    change(lake, "update order_lines set unit_price = -unit_price where order_id in (select max(order_id) from order_lines)")
    poller = threading.Thread(target=poll)
    poller.start()
    try:
        failed = lake.start("demo", ok=False)
    finally:
        done.set()
        poller.join()
    return seen, failed


@pytest.fixture(scope="module")
def mended(lake: Lake, refused: object) -> None:
    """Bronze after the price was put right, stage by stage."""
    change(lake, "update order_lines set unit_price = abs(unit_price) where unit_price < 0")
    more = Lake(lake.settings, lake.environment | {"SOURCE_DSN": lake.dsn})
    for arguments in (["ingest"], ["gate", "--layer", "bronze"], ["release", "--layer", "bronze"]):
        more.run(*arguments)


@dataclass
class Edited:
    """What was changed before a run whose gate of gold failed; what readers saw before it, and what it said."""

    on_time: int  # numbers of customers
    late: int
    tree: list[tuple[Any, ...]]
    shown: dict[str, dict[str, int]]
    failed: "subprocess.CompletedProcess[str]"


_TREE = "select max(category_level), count(*) from {}.dim_categories"


@pytest.fixture(scope="module")
def edited(lake: Lake, mended: None) -> Edited:
    """Somebody changed a candidate by hand, and an order that is in it; two customers changed, of whom one has an impossible time.

    And a chain of categories that each have a parent, as bronze and silver want it, and that is too long for gold.
    """
    [(order_id,)] = ask(lake, "select min(order_id) from gold_candidate.fct_orders")
    ask(lake, f"update gold_candidate.fct_orders set total_amount = -1 where order_id = {order_id}")
    [(on_time, late)] = ask(lake, "select min(customer_id), max(customer_id) from gold.dim_customers")
    change(
        lake,
        "update orders set note = 'touched' where order_id = (select max(order_id) from orders)",
        f"update customers set is_vip = not is_vip, updated_at = '2001-01-01' where customer_id = {late}",
        f"update customers set is_vip = not is_vip, updated_at = clock_timestamp() where customer_id = {on_time}",
        "insert into categories (category_id, parent_id, name, slug) select 9000 + n, nullif(8999 + n, 9000), 'deep', 'deep-' || n "
        "from generate_series(1, 25) as n",
    )
    tree, shown = ask(lake, _TREE.format("gold")), {layer: released.published(lake.settings, layer) for layer in ("silver", "gold")}
    return Edited(on_time, late, tree, shown, lake.run("demo", ok=False))


@pytest.fixture(scope="module")
def healed(lake: Lake, edited: Edited) -> None:
    """The run after the chain is gone."""
    change(lake, "delete from categories where category_id > 9000")
    lake.run("demo")


def test_first_run_gives_gold_equal_to_the_source(lake: Lake, first: object) -> None:
    assert differs(lake.settings) == []


def test_failed_bronze_gate_keeps_readers_where_they_were(
    lake: Lake, first: list[tuple[Any, ...]], refused: tuple[list[Any], "subprocess.CompletedProcess[str]"]
) -> None:
    seen, failed = refused
    assert failed.returncode == 7
    assert "unit_price" in failed.stdout and "shop__order_lines failed" in failed.stderr
    assert len(seen) > 10 and all(answer == first for answer in seen)
    index = (lake.settings.site_dir / "index.html").read_text()
    assert "unit_price" in index and "failed" in index


def test_a_persons_merge_goes_on_from_a_clone(lake: Lake, desk: Desk, mended: None) -> None:
    """Of what is released, with what bronze has brought since."""
    clones = "dim_dates", "rpt_daily_sales"
    said = desk.build("stg_shop__payments", "int_payments__current", *clones)
    assert [name for name, message in said.items() if message == "UNCHANGED, CLONED"] == [*clones]
    mine, query = "dev_ben_silver.int_payments__current", "select count(*), sum(hash(*)) from {} version as of {}"
    desk.build("int_payments__current", whole=True)
    history = [row[4] for row in reversed(ask(lake, f"describe history {mine}"))]
    assert history == ["CLONE", "MERGE", "CREATE OR REPLACE TABLE AS SELECT"]
    shown, merged, whole = (ask(lake, query.format(mine, version)) for version in range(3))
    assert merged == whole != shown


def test_failed_gold_gate_sets_the_candidate_back(lake: Lake, first: list[tuple[Any, ...]], edited: Edited) -> None:
    """Bronze's gate passes, after the mending, and so does silver's."""
    assert edited.failed.returncode == 7 and "dim_categories failed" in edited.failed.stderr
    assert ask(lake, _POLL) == first
    assert released.published(lake.settings, "gold") == edited.shown["gold"]
    assert released.published(lake.settings, "silver") != edited.shown["silver"]
    assert ask(lake, _TREE.format("gold")) == ask(lake, _TREE.format("gold_candidate")) == edited.tree
    assert [row[1] for row in ask(lake, "show tables in quarantine") if row[1].startswith("dim_categories__v")]


def test_after_traffic_and_the_fixes_gold_equals_the_source_again(
    lake: Lake, first: list[tuple[Any, ...]], edited: Edited, healed: None
) -> None:
    assert ask(lake, _POLL) != first
    assert differs(lake.settings) == []
    assert ask(lake, _TREE.format("gold")) == edited.tree


def test_a_candidate_that_was_changed_by_hand_is_built_anew(lake: Lake, healed: None) -> None:
    assert differs(lake.settings) == []
    assert ask(lake, "select count(*) from gold_candidate.fct_orders where total_amount < 0") == [(0,)]


def test_clones_of_an_older_release_are_dropped(lake: Lake, desk: Desk, healed: None) -> None:
    own, now = dev.whose("ben"), released.published(lake.settings, "gold")
    held = {table: dev.cloned_from(lake.settings, own, "gold", table) for table in ("dim_dates", "rpt_daily_sales")}
    assert held["dim_dates"] == now["dim_dates"] and held["rpt_daily_sales"] not in (None, now["rpt_daily_sales"])
    lake.run("dev", "--name", "ben")
    kept = {table: dev.cloned_from(lake.settings, own, "gold", table) for table in held}
    assert kept == {"dim_dates": now["dim_dates"], "rpt_daily_sales": None}
    lake.run("dev", "--name", "ben", "--drop")


def test_every_record_names_its_run(lake: Lake, healed: None) -> None:
    runs = {row["run_id"]: row["command"] for row in ledger.rows(lake.settings, "runs")}
    for table in ("batches", "verdicts", "releases"):
        named = {runs.get(row["run_id"], "no run").split()[0] for row in ledger.rows(lake.settings, table)}
        assert "run" in named and named <= {"run", "ingest", "gate", "release"}, table
    lake.run("gate", "--layer", "gold", "--tables", "no_such_table", ok=False)
    lake.run("release", "--layer", "gold")
    last = sorted(ledger.rows(lake.settings, "runs"), key=lambda row: row["at"])[-1]
    assert (last["command"], last["status"]) == ("release gold", "succeeded") and last["run_id"] not in runs


def test_rollback_shows_an_earlier_release_and_a_release_moves_on(lake: Lake, first: list[tuple[Any, ...]], healed: None) -> None:
    history = [made for made in released.history(lake.settings, "gold") if made.status == "published"]
    now = ask(lake, _POLL)
    lake.run("rollback", "--release", str(history[0].release_id))
    assert ask(lake, _POLL) == first != now
    assert "does not exist" in lake.run("rollback", "--release", "999", ok=False).stderr
    lake.run("release", "--layer", "gold")
    assert ask(lake, _POLL) == now


def test_release_cut_off_before_its_first_view_is_finished_by_the_next_command(lake: Lake, healed: None) -> None:
    current = released.current(lake.settings, "gold")
    assert current is not None
    older = next(made for made in released.history(lake.settings, "gold") if made.tables != current.tables)
    number = max(made.release_id for made in released.history(lake.settings)) + 1
    release._record(lake.settings, released.Release(number, "gold", "rollback", "pending", older.tables, "cut off"))
    lake.run("up")
    finished = released.current(lake.settings, "gold")
    assert finished is not None and (finished.release_id, finished.status) == (number, "published")
    lake.run("release", "--layer", "gold")


def test_history_dates_a_change_by_what_was_seen(lake: Lake, edited: Edited, healed: None) -> None:
    """A version whose own time is impossible begins when it was seen; what the source holds is always the current one."""
    on_time, late = edited.on_time, edited.late
    of = "from gold.dim_customers_history where customer_id ="
    rows = {
        number: ask(lake, f"select is_vip, _valid_from, _valid_to {of} {number} order by _valid_from") for number in (late, on_time)
    }
    for number, periods in rows.items():
        (was, began, ended), (now, since, until) = periods[-2:]
        assert was != now and began < ended == since and until is None, number
    [(stamped,)] = ask(lake, f"select updated_at from silver.int_customers__current where customer_id = {on_time}")
    [(seen,)] = ask(lake, f"select _ingested_at from silver.int_customers__current where customer_id = {late}")
    assert rows[on_time][-1][1] == stamped and rows[late][-1][1] == seen
    current = "select customer_id, is_vip, country_code from gold.dim_customers_history where _is_current"
    with closing(psycopg2.connect(lake.dsn)) as shop, shop.cursor() as cursor:
        cursor.execute("select customer_id, is_vip, country_code from customers")
        assert plain(ask(lake, current)) == plain(cursor.fetchall())


# What each metric of _sales__metrics.yml must come to, by currency, said in the words of the shop's own database.
_METRICS = """
with lines as (select order_id, sum(quantity) as items, sum(line_total) as total from order_lines group by order_id),
refunded as (select order_id, sum(amount) as total from payments where refunded_at is not null group by order_id),
known as (
    select orders.*, coalesce(items, 0) as items, coalesce(lines.total, 0) as total, coalesce(refunded.total, 0) as back,
        status <> 'cancelled' as sale, status not in ('cancelled', 'returned') as kept
    from orders left join lines using (order_id) left join refunded using (order_id)
)
select currency, count(*) filter (where sale) as orders, sum(items) filter (where sale) as items_sold,
    sum(total) filter (where sale) as sales, sum(shipping_cost) filter (where sale) as shipping,
    sum(total) filter (where kept) as revenue, sum(back) as refunds,
    sum(total) filter (where sale) / count(*) filter (where sale) as average_order_value
from known group by currency order by currency
"""


def test_metrics_come_to_what_the_shop_says(lake: Lake) -> None:
    manifest = json.loads((lake.settings.var_dir / "dbt" / "target" / "semantic_manifest.json").read_text())
    with closing(psycopg2.connect(lake.dsn)) as shop, shop.cursor() as cursor:
        cursor.execute(_METRICS)
        names = [column.name for column in cursor.description or []][1:]
        wanted = {row[0]: dict(zip(names, map(float, row[1:]), strict=True)) for row in cursor.fetchall()}
    metrics = {metric["name"]: metric for metric in manifest["metrics"]}
    assert sorted(metrics) == sorted(names) and len(wanted) > 1
    said = ", ".join(f"{_expression(name, metrics, manifest)} as {name}" for name in names)
    found = ask(lake, f"select currency, {said} from gold.fct_orders group by currency")
    assert {row[0] for row in found} == set(wanted)
    for currency, *values in found:
        assert dict(zip(names, map(float, values), strict=True)) == pytest.approx(wanted[currency], rel=1e-9), currency


def _expression(name: str, metrics: dict[str, Any], manifest: dict[str, Any]) -> str:
    """SQL of a metric over its model, as MetricFlow would say it."""
    metric, parameters = metrics[name], metrics[name]["type_params"]
    if metric["type"] == "ratio":
        over, under = (_expression(parameters[part]["name"], metrics, manifest) for part in ("numerator", "denominator"))
        return f"{over} / {under}"
    [(model, measure)] = [
        (model, measure)
        for model in manifest["semantic_models"]
        for measure in model["measures"]
        if measure["name"] == parameters["measure"]["name"]
    ]
    assert model["node_relation"]["alias"] == "fct_orders"
    filters = (metric.get("filter") or {}).get("where_filters", [])
    where = " and ".join(re.sub(r"\{\{ *Dimension\('order__(\w+)'\) *\}\}", r"\1", each["where_sql_template"]) for each in filters)
    return f"{measure['agg']}({measure['expr']})" + (f" filter (where {where})" if where else "")


def test_dbt_tests_pass_on_the_candidates(lake: Lake, healed: None) -> None:
    dbt.invoke(lake.settings, "test", "--select", "tag:silver", "tag:gold")
