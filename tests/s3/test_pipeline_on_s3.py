"""The whole way with the lake on S3, by `STORE=s3` alone: gold equals the source, also after kills; no secret leaves its file."""

import json
import shlex
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import replace

import psutil
import pytest
from shop import Shop

from lakehouse import lease, postgres, release, s3, server, weed
from lakehouse.settings import ROOT, Settings

_POLL = "select count(*), sum(total_amount), max(_batch_id) from gold.fct_orders"


@pytest.fixture(scope="module")
def shop(own_store: Settings) -> Iterator[Shop]:
    """The shop after its first demo."""
    made = Shop(own_store)
    try:
        made.run("demo")
        yield made
    finally:
        server.stop(own_store)
        postgres.of(own_store).stop()


def keys(shop: Shop, prefix: str, url: str = "") -> list[str]:
    bucket, home = s3.split(url or shop.settings.lake_url)
    pages = s3.client(shop.settings).get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"{home}/{prefix}")
    return [each["Key"].removeprefix(f"{home}/") for page in pages for each in page.get("Contents", [])]


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


def test_no_secret_is_told(shop: Shop) -> None:
    access, secret = weed._credentials(shop.settings)
    for found in (server.running(shop.settings), weed.running(shop.settings)):
        assert found is not None
        told = " ".join(part for each in (found, *found.children(recursive=True)) for part in each.cmdline())
        assert secret not in told and access not in told
    page = f"http://127.0.0.1:{shop.settings.spark_ui_port}/api/v1/applications"
    with urllib.request.urlopen(page, timeout=10) as answer:
        number = json.load(answer)[0]["id"]
    with urllib.request.urlopen(f"{page}/{number}/environment", timeout=10) as answer:
        shown = answer.read().decode()
    assert "fs.s3a.endpoint" in shown and secret not in shown
    assert shop.ask("set fs.s3a.secret.key") and secret not in str(shop.ask("set -v"))
    assert secret not in str(shop.ask("set fs.s3a.secret.key"))
    held = [path for path in shop.settings.var_dir.rglob("*") if path.is_file() and "data" not in path.parts]  # the store's own
    with_it = [path.name for path in held if path.stat().st_size < 50_000_000 and secret.encode() in path.read_bytes()]
    assert with_it == ["identity.json"]
    assert (weed._identity(shop.settings).stat().st_mode & 0o777) == 0o600
    listening = [each for each in weed.running(shop.settings).net_connections() if each.status == psutil.CONN_LISTEN]
    assert listening and {each.laddr.ip for each in listening} == {"127.0.0.1"}


def test_an_ingestion_that_is_killed_and_run_again_ends_equal_to_the_source(shop: Shop) -> None:
    shop.run("traffic", "--days", "1")
    for seconds in (2.5, 4.0):
        killed = shop.start("ingest")
        time.sleep(seconds)
        killed.kill()
        killed.communicate()
    shop.run("demo")  # at once: nobody waits for the lease of a dead process of this machine
    assert shop.differs() == []
    assert "equal" in shop.run("reconcile")
    assert shop.ask(
        "select count(*) from (select order_id, _batch_id from bronze.shop__orders group by all having count(*) > 1)"
    ) == [(0,)]


def test_rollback_shows_an_earlier_release_and_a_killed_release_is_finished(shop: Shop) -> None:
    made = [each for each in release.history(shop.settings, "gold") if each.status == "published"]
    now = shop.ask(_POLL)
    shop.run("rollback", "--release", str(made[0].release_id))
    assert shop.ask(_POLL) != now
    for seconds in (1.5, 2.5):
        killed = shop.start("release", "--layer", "gold")
        time.sleep(seconds)
        killed.kill()
        killed.communicate()
    shop.run("release", "--layer", "gold")
    assert shop.ask(_POLL) == now and shop.differs() == []
    assert {each.status for each in release.history(shop.settings)} == {"published"}


def test_questions_about_rows_and_releases_are_answered(shop: Shop) -> None:
    made = [each.release_id for each in release.history(shop.settings, "gold")]
    assert "fct_orders" in shop.run("diff", "--release", f"{made[0]}..{made[-1]}", "--rows", "2")
    [(order,)] = shop.ask("select max(order_id) from gold.fct_orders")
    assert "bronze.shop__orders" in shop.run("why", "--table", "gold.fct_orders", "--key", str(order))
    assert "does not exist" in shop.run("rollback", "--release", "999", code=8)


def test_dbt_works_from_somebodys_own_shell(shop: Shop) -> None:
    shop.run("dev", "--name", "ana")
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


def test_status_and_down_know_the_store(shop: Shop) -> None:
    told = shop.run("status")
    assert "S3 server" in told and shop.settings.lake_url in told
