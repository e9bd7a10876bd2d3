"""The whole way: gold equals PostgreSQL, a failed gate keeps readers where they were, a rollback brings them back."""

import threading
import time
from contextlib import closing
from typing import Any

import psycopg2
import pytest
from conftest import Lake

from lakehouse import catalog, release
from samples.shop.truth import TRUTH

# The polled question: any unaudited row would change it.
_POLL = "select count(*), sum(total_amount), max(_batch_id) from gold.fct_orders"


def ask(lake: Lake, statement: str) -> list[tuple[Any, ...]]:
    return catalog.thrift_rows(lake.settings, statement)


def change(lake: Lake, *statements: str) -> None:
    with closing(psycopg2.connect(lake.dsn)) as shop, shop, shop.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def truth(lake: Lake, name: str) -> tuple[list[str], list[tuple[Any, ...]]]:
    with closing(psycopg2.connect(lake.dsn)) as shop, shop.cursor() as cursor:
        cursor.execute("set timezone = 'UTC'")
        cursor.execute(TRUTH[name])
        return [column.name for column in cursor.description], cursor.fetchall()


def plain(rows: list[tuple[Any, ...]]) -> list[tuple[str, ...]]:
    """Rows as text: Thrift gives dates, times and decimals as text or objects, psycopg2 as objects."""
    return sorted(tuple(_plain(cell) for cell in row) for row in rows)


def _plain(cell: Any) -> str:
    text = str(cell)
    if hasattr(cell, "astimezone"):
        text = f"{cell:%Y-%m-%d %H:%M:%S.%f}"
    if len(text) > 18 and text[10] == " " and text[13] == ":":
        head, _, fraction = text.partition(".")
        return f"{head}.{fraction:0<6}"
    return text


def assert_gold_equals_source(lake: Lake) -> None:
    for name in TRUTH:
        columns, wanted = truth(lake, name)
        found = ask(lake, f"select {', '.join(columns)} from gold.rpt_{name}")
        assert plain(found) == plain(wanted), name
        assert found


def test_first_run_gives_gold_equal_to_the_source(lake: Lake) -> None:
    assert_gold_equals_source(lake)


def test_after_traffic_gold_equals_the_source_again(lake: Lake) -> None:
    before = ask(lake, _POLL)
    lake.run("traffic", "--days", "2")
    lake.run("demo")
    assert ask(lake, _POLL) != before
    assert_gold_equals_source(lake)


def test_failed_bronze_gate_keeps_readers_where_they_were_and_the_fix_heals(lake: Lake) -> None:
    before = ask(lake, _POLL)
    seen: list[Any] = []
    done = threading.Event()

    def poll() -> None:
        while not done.is_set():
            seen.append(ask(lake, _POLL))
            time.sleep(0.1)

    change(lake, "update order_lines set unit_price = -unit_price where order_id in (select max(order_id) from order_lines)")
    poller = threading.Thread(target=poll)
    poller.start()
    try:
        failed = lake.run("demo", ok=False)
    finally:
        done.set()
        poller.join()
    assert failed.returncode == 7
    assert "unit_price" in failed.stdout and "shop__order_lines failed" in failed.stderr
    assert len(seen) > 10 and all(answer == before for answer in seen)
    index = (lake.settings.site_dir / "index.html").read_text()
    assert "unit_price" in index and "failed" in index
    change(lake, "update order_lines set unit_price = abs(unit_price) where unit_price < 0")
    lake.run("demo")
    assert_gold_equals_source(lake)


def test_failed_gold_gate_sets_the_candidate_back_and_the_next_run_heals(lake: Lake) -> None:
    before, tree = ask(lake, _POLL), ask(lake, "select max(category_level), count(*) from gold.dim_categories")
    # A chain of categories that each have a parent, as bronze and silver want it, and that is too long for gold.
    change(
        lake,
        "insert into categories (category_id, parent_id, name, slug) select 9000 + n, nullif(8999 + n, 9000), 'deep', 'deep-' || n "
        "from generate_series(1, 25) as n",
    )
    assert lake.run("demo", ok=False).returncode == 7
    assert ask(lake, _POLL) == before
    assert ask(lake, "select max(category_level), count(*) from gold.dim_categories") == tree
    assert ask(lake, "show tables in quarantine")
    change(lake, "delete from categories where category_id > 9000")
    lake.run("demo")
    assert_gold_equals_source(lake)
    assert ask(lake, "select max(category_level), count(*) from gold.dim_categories") == tree


def test_a_candidate_that_was_changed_by_hand_is_built_anew(lake: Lake) -> None:
    [(order_id,)] = ask(lake, "select min(order_id) from gold_candidate.fct_orders")
    ask(lake, f"update gold_candidate.fct_orders set total_amount = -1 where order_id = {order_id}")
    change(lake, "update orders set note = 'touched' where order_id = (select max(order_id) from orders)")
    lake.run("demo")
    assert_gold_equals_source(lake)
    assert ask(lake, "select count(*) from gold_candidate.fct_orders where total_amount < 0") == [(0,)]


def test_rollback_shows_an_earlier_release_and_a_release_moves_on(lake: Lake) -> None:
    history = [made for made in release.history(lake.settings, "gold") if made.status == "published"]
    assert len(history) >= 3
    first, now = history[0], ask(lake, _POLL)
    lake.run("rollback", "--release", str(first.release_id))
    back = ask(lake, _POLL)
    assert back != now
    assert "does not exist" in lake.run("rollback", "--release", "999", ok=False).stderr
    lake.run("release", "--layer", "gold")
    assert ask(lake, _POLL) == now


def test_release_cut_off_before_its_first_view_is_finished_by_the_next_command(lake: Lake) -> None:
    current = release.current(lake.settings, "gold")
    assert current is not None
    older = next(made for made in release.history(lake.settings, "gold") if made.tables != current.tables)
    number = max(made.release_id for made in release.history(lake.settings)) + 1
    release._record(lake.settings, release.Release(number, "gold", "rollback", "pending", older.tables, "cut off"))
    lake.run("up")
    finished = release.current(lake.settings, "gold")
    assert finished is not None and (finished.release_id, finished.status) == (number, "published")
    lake.run("release", "--layer", "gold")


@pytest.mark.parametrize("layer", ["silver", "gold"])
def test_dbt_tests_pass_on_the_candidates(lake: Lake, layer: str) -> None:
    from lakehouse import dbt

    dbt.invoke(lake.settings, "test", "--select", f"tag:{layer}")
