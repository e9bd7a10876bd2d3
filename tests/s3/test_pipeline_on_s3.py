"""The whole way with the lake on S3, by `STORE=s3` alone: gold equals the source, also after kills; no secret leaves its file.

One lake, and few runs: what the tests ask about, the first of them bring (fixture `runs`).
"""

import http.server
import json
import os
import shlex
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import quote, urlsplit

import canary
import psutil
import psycopg2
import pytest
from shop import Shop

from lakehouse.servers import postgres, seaweedfs, server
from lakehouse.settings import ROOT, Settings
from lakehouse.store import lease, s3, storage
from lakehouse.tables import ledger, released
from samples.shop import load as loader

# The first test waits for the runs that all of them ask about: on a busy machine seven minutes.
pytestmark = pytest.mark.timeout(1500)
_POLL = "select count(*), sum(quantity), max(_batch_id) from gold.fct_stock_movements"


class Hook(http.server.BaseHTTPRequestHandler):
    """A webhook that is told things, and fails."""

    told: list[str] = []

    def do_POST(self) -> None:
        self.told.append(self.rfile.read(int(self.headers["Content-Length"])).decode() + str(self.headers))
        self.send_error(500, "no")

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def hook() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hook) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/{quote(canary.secret('webhook'), safe='')}"
        server.shutdown()


def keys(shop: Shop, prefix: str, url: str = "") -> list[str]:
    bucket, home = s3.split(url or shop.settings.lake_url)
    pages = s3.client(shop.settings).get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"{home}/{prefix}")
    return [each["Key"].removeprefix(f"{home}/") for page in pages for each in page.get("Contents", [])]


def change(shop: Shop, statement: str, *values: str) -> None:
    with closing(psycopg2.connect(shop.dsn)) as admin, admin, admin.cursor() as cursor:
        cursor.execute(statement, values)


@dataclass
class Runs:
    """What was seen of the first runs, and what they said, by what each was for."""

    said: dict[str, str]
    watch: canary.Watch


@pytest.fixture(scope="module")
def own_shop(own_store: Settings) -> Iterator[Shop]:
    """The shop's database, with a line of an order that bronze's gate refuses; no server runs but the store's."""
    made, database = Shop(own_store), postgres.of(own_store)
    try:
        database.start()
        loader.load(database.create_database("shop"), own_store.scale)
        change(made, "create role keeper login password %s; grant pg_read_all_data to keeper", canary.secret("dsn"))
        change(made, "update order_lines set unit_price = -unit_price where order_id in (select max(order_id) from order_lines)")
        yield made
    finally:
        server.stop(own_store)
        database.stop()


@pytest.fixture(scope="module")
def runs(own_shop: Shop, hook: str) -> Runs:
    """The first runs, with a secret in all that has one: killed ones, one that a gate ends, ones that fail on purpose, a whole one."""
    shop, parts = own_shop, urlsplit(own_shop.dsn)
    dsn = f"postgresql://keeper:{quote(canary.secret('dsn'), safe='')}@127.0.0.1:{{port}}/shop"
    mail = f"smtp://me:{quote(canary.secret('mail'), safe='')}@{hook.split('/')[2]}"
    given = {"SOURCE_DSN": dsn.format(port=parts.port), "GATE_WEBHOOK": hook, "SMTP_URL": mail, "GATE_MAIL_TO": "us@example.org"}
    said = {}

    def fails(code: int, *words: str, **other: str) -> str:
        return shop.run("--debug", *words, code=code, **given | other)

    with canary.watching(os.environ["COMPORTA_TESTS"]) as watch:
        said["killed at its first file"] = killed_once_there_is(shop, "bronze/", ".parquet", "ingest", **given)
        said["killed at its first commit"] = killed_once_there_is(shop, "bronze/", ".json", "ingest", **given)
        said["gate"] = shop.run("run", code=7, **given)  # at once: nobody waits for the lease of a dead process of this machine
        change(shop, "update order_lines set unit_price = abs(unit_price)")
        said["no SSL"] = fails(3, "ingest", SOURCE_DSN=dsn.format(port=parts.port) + "?sslmode=require")
        said["refused"] = fails(3, "ingest", SOURCE_DSN=dsn.format(port=1), SOURCE_PATIENCE="1")
        said["nobody"] = fails(3, "ingest", SOURCE_DSN=given["SOURCE_DSN"].replace("keeper", "nobody"))
        said["no table"] = fails(4, "sql", "--execute", "select * from nowhere")
        for words in (("run",), ("reconcile",), ("status",), ("sql", "--execute", "set -v")):
            said[words[0]] = shop.run(*words, **given)
    return Runs(said, watch)


def killed_once_there_is(shop: Shop, place: str, ending: str, *words: str, **more: str) -> str:
    """What a command said that was killed as soon as a new object was in the lake."""

    def found() -> set[str]:
        return {key for key in keys(shop, place) if key.endswith(ending)}

    before, started = found(), shop.start(*words, **more)
    while found() <= before and started.poll() is None:
        time.sleep(0.02)
    started.kill()
    said = "".join(started.communicate())
    assert started.returncode == -signal.SIGKILL, f"it ended before it could be killed: {said}"
    return said


@pytest.fixture(scope="module")
def shop(own_shop: Shop, runs: Runs) -> Shop:
    """The shop after its first runs."""
    return own_shop


@pytest.fixture(scope="module")
def moved(shop: Shop) -> Shop:
    """After another run, as a demo, which merges what came meanwhile."""
    columns = "product_id, quantity, reason, warehouse"
    change(shop, f"insert into stock_movements ({columns}, moved_at) select {columns}, now() from stock_movements limit 1")
    change(
        shop,
        "update stock_movements set quantity = quantity + 1 where movement_id = (select min(movement_id) from stock_movements)",
    )
    shop.run("demo")
    return shop


def test_first_run_gives_gold_equal_to_the_source_and_leaves_nothing_in_a_folder(shop: Shop) -> None:
    assert shop.differs() == []
    assert not list(shop.settings.var_dir.rglob("*.parquet")) and not (shop.settings.var_dir / "lake").exists()
    for place in ("bronze/shop__orders/", "ops/releases/"):
        assert any(key.endswith(".parquet") for key in keys(shop, place)), place
    for url, table in ((shop.settings.silver_url, "int_orders__current/"), (shop.settings.gold_url, "fct_orders/")):
        assert any(key.endswith(".parquet") for key in keys(shop, table, url)), url
    assert not [key for key in keys(shop, "warehouse/") if "_candidate" in key], "silver and gold have buckets of their own"


def test_the_site_stands_beside_the_tables(shop: Shop) -> None:
    found = keys(shop, "site/")
    assert {"site/index.html", "site/dbt/index.html", "site/quality/index.html"} <= set(found)
    assert any(key.startswith("site/quality/validations/") for key in found)
    local = {
        f"site/{path.relative_to(shop.settings.site_dir).as_posix()}"
        for path in shop.settings.site_dir.rglob("*")
        if path.is_file()
    }
    assert set(found) == local


def test_the_store_listens_on_loopback_and_lets_nobody_in_behind_its_door(shop: Shop) -> None:
    listening = [each for each in seaweedfs.running(shop.settings).net_connections() if each.status == psutil.CONN_LISTEN]
    assert listening and {each.laddr.ip for each in listening} == {"127.0.0.1"}
    inner = seaweedfs._known_ports(shop.settings)
    for name, path in (("filer", "/buckets/comporta/lake/"), ("volume", "/ui/index.html")):
        with pytest.raises(urllib.error.HTTPError, match="401"):
            urllib.request.urlopen(f"http://127.0.0.1:{inner[name]}{path}", timeout=10)


def test_an_ingestion_that_is_killed_and_run_again_ends_equal_to_the_source(shop: Shop, runs: Runs) -> None:
    assert len(runs.said["reconcile"].split("equal")) > len(loader.TABLES)
    for table, key in (("orders", "order_id"), ("order_lines", "order_id, line_number"), ("stock_movements", "movement_id")):
        twice = f"select 1 from bronze.shop__{table} group by {key}, _batch_id having count(*) > 1"
        assert shop.ask(f"select count(*) from ({twice})") == [(0,)], table


def test_a_demo_goes_on_with_what_came_meanwhile(moved: Shop) -> None:
    assert moved.differs() == []


def test_rollback_shows_an_earlier_release_and_a_killed_release_is_finished(moved: Shop) -> None:
    shop = moved
    made = [each for each in released.history(shop.settings, "gold") if each.status == "published"]
    now = shop.ask(_POLL)
    shop.run("rollback", "--release", str(made[0].release_id))
    assert shop.ask(_POLL) != now
    killed_once_there_is(shop, "ops/releases/_delta_log/", ".json", "release", "--layer", "gold")
    assert "pending" in {each.status for each in released.history(shop.settings)}
    shop.run("release", "--layer", "gold")
    assert shop.ask(_POLL) == now and shop.differs() == []
    assert {each.status for each in released.history(shop.settings)} == {"published"}


def test_questions_about_rows_and_releases_are_answered(moved: Shop) -> None:
    made = [each.release_id for each in released.history(moved.settings, "gold")]
    assert "fct_stock_movements" in moved.call("diff", "--release", f"{made[0]}..{made[-1]}", "--rows", "2")
    [(order,)] = moved.ask("select max(order_id) from gold.fct_orders")
    assert "bronze.shop__orders" in moved.call("why", "--table", "gold.fct_orders", "--key", str(order))
    assert "does not exist" in moved.call("rollback", "--release", "999", code=8)


def test_dbt_works_from_somebodys_own_shell(shop: Shop) -> None:
    shop.call("dev", "--name", "ana")
    shell = f"set -e; . {shlex.quote(str(shop.settings.var_dir / 'dev/ana/env'))}; cd {shlex.quote(str(ROOT / 'dbt_project'))}; "
    command = f"{shlex.quote(sys.executable)} -m dbt.cli.main --no-version-check --no-use-colors run -s fct_orders"
    done = subprocess.run(["sh", "-c", shell + command], env=shop.environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0 and "UNCHANGED, CLONED" in done.stdout, done.stdout[-4000:] + done.stderr[-2000:]
    counted = "select count(*), sum(hash(*)) from {}"
    assert shop.ask(counted.format("dev_ana_gold.fct_orders")) == shop.ask(counted.format("gold.fct_orders")) != [(0, None)]


def test_a_writer_of_another_machine_keeps_this_one_out(shop: Shop) -> None:
    bucket = lease.Bucket(shop.settings)
    seen = bucket.look()
    assert seen is not None and seen.holder.free
    other = replace(seen.holder, free=False, token="other", host="db7", pid=77, machine="another", what="the pipeline")
    etag = bucket.put(other, seen.etag)
    told = shop.run("release", "--layer", "gold", code=6)
    assert "being written by the pipeline (pid 77 on db7)" in told
    assert bucket.put(replace(other, free=True), etag)
    shop.run("release", "--layer", "gold")


def test_no_secret_is_in_what_whole_runs_leave_or_say(moved: Shop, runs: Runs) -> None:
    shop, said, watch = moved, runs.said, runs.watch
    assert "GATE_WEBHOOK: nobody was told" in said["gate"] and "GATE_MAIL_TO: nobody was told" in said["gate"]
    assert len(Hook.told) >= 3
    assert "SSL" in said["no SSL"] and "refused" in said["refused"] and "authentication failed" in said["nobody"]
    assert canary.seen("\n".join([*said.values(), *Hook.told])) == set()

    assert {name for name, kinds in watch.arguments.items() if kinds} == set()
    store = {"store", "token"}
    # Of what the tests themselves start beside these nothing is asked.
    allowed: dict[str, set[str]] = {
        "command": {*canary.KINDS},
        "dbt": store,
        "spark": store,
        "worker": store,
        "s3": set(),
        "postgres": set(),
    }
    assert allowed.keys() <= watch.environments.keys()
    assert {
        name: watch.environments[name] - kinds for name, kinds in allowed.items() if not watch.environments[name] <= kinds
    } == {}

    var = shop.settings.var_dir
    assert canary.in_files(var) == {"run/spark.token": {"token"}, "s3/identity.json": {"store"}}
    lake = [(url, key) for url in shop.settings.places for key in keys(shop, "", url)]
    assert len(lake) > 100
    assert [key for url, key in lake if canary.seen(storage.read(shop.settings, storage.join(url, key)))] == []
    records = {name: ledger.rows(shop.settings, name) for name in ledger.SCHEMAS}
    assert {"runs", "batches", "verdicts", "releases"} <= {name for name, rows in records.items() if rows}
    assert canary.seen(str(records)) == set()
    with urllib.request.urlopen(f"http://127.0.0.1:{shop.settings.spark_ui_port}/api/v1/applications", timeout=10) as answer:
        number = json.load(answer)[0]["id"]
    for page in (
        f"api/v1/applications/{number}/environment",
        f"api/v1/applications/{number}/sql?details=true&length=2000",
        "environment/",
        "jobs/",
    ):
        with urllib.request.urlopen(f"http://127.0.0.1:{shop.settings.spark_ui_port}/{page}", timeout=30) as answer:
            shown = answer.read()
        assert len(shown) > 1000 and canary.seen(shown) == set(), page

    assert var.stat().st_mode & 0o066 == 0 and [*_open_to_others(var)] == []


def _open_to_others(folder: Path) -> Iterator[Path]:
    """What other users of this machine can read or write below a folder that they may pass through, as PostgreSQL's own user may."""
    for path in folder.iterdir():
        mode = path.stat().st_mode
        if mode & 0o066:
            yield path
        elif path.is_dir() and mode & 0o011:
            yield from _open_to_others(path)


def test_status_and_down_know_the_store(shop: Shop) -> None:
    told = shop.call("status")
    assert "S3 server" in told and shop.settings.lake_url in told
