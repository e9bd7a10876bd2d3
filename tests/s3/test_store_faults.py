"""A store that fails in bursts, at every kind of request, during ingest, merge and release: nothing lost, no false success, a clear end."""

import os
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import apart
import pytest
from bronze_reader import execute, query
from deltalake import DeltaTable
from faulty import AFTER, BEFORE, Counted, Plan, Proxy
from pydantic import SecretStr

from ingestion import reconcile
from ingestion import run as ingest
from ingestion.bronze import write
from lakehouse import machine
from lakehouse.engines import catalog
from lakehouse.errors import ComportaError, StorageError
from lakehouse.settings import ROOT, Settings
from lakehouse.store import lock, s3, storage
from lakehouse.tables import candidate, ledger, released
from releases import release

_SOME = Plan(every=12, burst=3)  # a quarter of all requests, three in a row
_MANY = Plan(every=6, burst=3, faults=("500", "503", "500 after", "reset", "reset after"))  # every second one
_LONG = bool(os.environ.get("LONG"))  # more rounds, and each store that stays away in both of its ways


_WRITES = ("PUT", "PUT part", "POST multipart")


@pytest.fixture
def lake(faulty: Settings, new_database: Callable[[], str]) -> Iterator[Settings]:
    """The lake behind the proxy, with a source of the test's own."""
    dsn = new_database()
    name = dsn.rpartition("/")[2]
    execute(
        dsn,
        "create table t(id int primary key, v text)",
        "create table log(v text)",
        "insert into t select n, md5(n::text) from generate_series(1, 3000) n",
        "insert into log values ('a'), ('a')",
    )
    yield faulty.model_copy(update={"source_dsn": SecretStr(dsn), "source_name": name})


def tried(settings: Settings, do: Callable[[], Any]) -> Any:
    """What `do` gives, or None if it gave up, which must be by an error that tells of the store."""
    try:
        return do()
    except Exception as error:
        told = error if isinstance(error, StorageError) else s3.failure(settings, error)
        assert told is not None, f"{type(error).__name__}: {error}"
        assert settings.lake_url in str(told) and "run again" in str(told).lower()
        return None


def latest(settings: Settings) -> list[tuple[Any, ...]]:
    """The newest version of each row of t, by bronze."""
    table = f"bronze.{settings.source_name}__t"
    newest = f"select *, row_number() over (partition by id order by _batch_id desc, _op = 'd') as n from {table}"
    return sorted(catalog.thrift_rows(settings, f"select id, v from ({newest}) where n = 1 and _op <> 'd'"))


def test_ingest_under_bursts_loses_nothing_and_takes_nothing_twice(lake: Settings, proxy: Proxy) -> None:
    """First all of it, then what changed."""
    dsn, ended, failed = lake.dsn(), list[str](), Counter[str]()
    for number, plan in enumerate([_SOME, _MANY, _SOME, _MANY] if _LONG else [_SOME, _MANY]):
        execute(
            dsn,
            f"update t set v = v || 'x' where id % 7 = {number}",
            f"delete from t where id = {number + 100}",
            f"insert into log values ('{number}')",
        )
        proxy.behave(plan)
        done = tried(lake, lambda: ingest.run(lake))
        failed.update(proxy.behave(Plan()).failed)
        ended.append("gave up" if done is None else "failed" if done.failed else "done")
        if done is not None:
            assert all("run again" in outcome.error.lower() for outcome in done.failed)
            if not done.failed:  # whoever says that it is done has done it
                assert latest(lake) == query(dsn, "select id, v from t order by id")
    assert {"GET", "PUT", "LIST"} <= {each.split(":")[0] for each in failed}, failed
    assert ingest.run(lake).failed == []
    assert latest(lake) == query(dsn, "select id, v from t order by id")
    table = f"bronze.{lake.source_name}__t"
    assert catalog.thrift_rows(lake, f"select 1 from {table} group by id, _batch_id, _op having count(*) > 1") == []
    assert [(item.word, item.batches) for item in reconcile.run(lake)] == [("equal", []), ("equal", [])]
    print(ended)


@pytest.fixture(scope="module")
def proxies(own_store: Settings) -> Iterator[dict[str, Proxy]]:
    """One for each fault: most of what a fault costs is waiting, which goes on side by side."""
    with ExitStack() as opened:
        yield {fault: opened.enter_context(Proxy(own_store.s3_port)) for fault in (*BEFORE, *AFTER)}


@pytest.mark.parametrize("kind", ["GET", "HEAD", "PUT", "LIST", "DELETE"])
def test_a_burst_of_each_fault_at_each_kind_of_request_is_outlasted(store: Settings, proxies: dict[str, Proxy], kind: str) -> None:
    """By our own client, by delta-rs and by DuckDB's or boto3's reading of the ledger; Spark's are tried with its merges."""

    numbers = [0, 1] if kind == "PUT" else [0]  # of what there are few

    def outlasted(fault: str) -> Counted:
        place, proxy = f"s3://comporta/{kind}-{fault.replace(' ', '-')}", proxies[fault]
        home = store.model_copy(update={"lake_url": place, "aws_endpoint_url": proxy.url})
        ledger.create_missing(home)
        proxy.behave(Plan(every=4, burst=2, faults=(fault,), kinds=(kind,)))
        try:
            for number in numbers:
                ledger.append(home, "runs", [{"run_id": number, "command": "x", "status": "y"}])
            for _ in range(3):
                machine.check(home)
            storage.remove(home, [f"{home.lake_url}/nothing{number}" for number in range(4)])
            held = ledger.rows(home, "runs")
        finally:
            counted = proxy.behave(Plan())
        assert [row["run_id"] for row in held] == [row["run_id"] for row in ledger.rows(home, "runs")] == numbers, fault
        return counted

    with ThreadPoolExecutor(len(proxies)) as pool:
        counted = dict(zip(proxies, pool.map(outlasted, proxies), strict=True))
    print(counted)
    assert all(each.failed for each in counted.values()), counted


@pytest.mark.parametrize("fault", [*BEFORE, *AFTER])
def test_a_large_file_goes_in_parts_and_arrives_whole(store: Settings, proxy: Proxy, tmp_path: Path, fault: str) -> None:
    home = store.model_copy(update={"lake_url": "s3://comporta/large", "aws_endpoint_url": proxy.url})
    sent = tmp_path / f"{fault.replace(' ', '-')}.parquet"
    sent.write_bytes(random.Random(1).randbytes(20 * 2**20))
    proxy.behave(Plan(every=3, burst=1, kinds=("PUT part", "POST multipart"), faults=(fault,)))
    for _ in range(2):  # the third word on parts is in the second
        write._upload(sent, f"{home.lake_url}/t", storage.options(home))
    counted = proxy.behave(Plan())
    assert {each.split(":")[0] for each in counted.failed} == {"PUT part", "POST multipart"}, counted
    assert storage.read(home, f"{home.lake_url}/t/{sent.name}") == sent.read_bytes()


def test_a_file_that_can_not_be_sent_is_an_error_that_tells_of_the_store(
    store: Settings, proxy: Proxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = store.model_copy(update={"lake_url": "s3://comporta/unsent", "aws_endpoint_url": proxy.url})
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    proxy.behave(Plan(always="503", kinds=("PUT",)))
    (tmp_path / "a.parquet").write_bytes(b"rows")
    with pytest.raises(OSError, match="SlowDown") as refused:
        write._upload(tmp_path / "a.parquet", f"{home.lake_url}/t", storage.options(home))
    assert isinstance(s3.failure(home, refused.value), StorageError)


def test_merge_under_bursts_is_all_there_or_not_at_all(lake: Settings, proxy: Proxy) -> None:
    name = f"silver_candidate.{lake.source_name}"
    catalog.thrift_rows(lake, f"create table {name} using delta as select id, 0 as n from range(2000)")
    rows, ended = (2000, 0), []
    ask = f"select count(*), sum(n) from {name}"
    for number, plan in enumerate([_SOME, _MANY] * (3 if _LONG else 1), start=1):
        merged = f"merge into {name} t using (select id, 1 as n from range(500, {2000 + number})) s on t.id = s.id"
        merged += " when matched then update set n = t.n + s.n when not matched then insert *"
        proxy.behave(plan)
        done = tried(lake, lambda: catalog.thrift_rows(lake, merged))  # noqa: B023
        proxy.behave(Plan())
        wanted = (2000 + number, rows[1] + 1500 + number)
        [found] = catalog.thrift_rows(lake, ask)
        ended.append("gave up" if done is None else "done")
        # Who gives up may have been done: the answer to the commit was lost. Half of it is never there.
        assert found in ((wanted,) if done is not None else (wanted, rows)), (number, ended)
        if found != wanted:
            catalog.thrift_rows(lake, merged)
            [found] = catalog.thrift_rows(lake, ask)
            assert found == wanted
        rows = wanted
    place = candidate.place(lake, "silver_candidate", str(lake.source_name))
    table = DeltaTable(place, storage_options=storage.options(lake))
    assert len(table.history()) == table.version() + 1
    print(ended)


def test_release_under_bursts_is_seen_whole_or_not_and_is_finished(lake: Settings, proxy: Proxy) -> None:
    names, rounds = [f"{lake.source_name}_{each}" for each in "ab"], 4 if _LONG else 2
    ask = " union all ".join(f"select made from silver.{name}" for name in names)
    for name in names:
        catalog.thrift_rows(
            lake,
            f"create table silver_candidate.{name} using delta as select 0 as made",
            *(f"insert overwrite silver_candidate.{name} select {number}" for number in range(1, rounds + 1)),
        )
    release.publish(lake, "silver", dict.fromkeys(names, 0))
    ended = []
    for number in range(1, rounds + 1):
        proxy.behave(_SOME if number % 2 else _MANY)
        made = tried(lake, lambda: release.publish(lake, "silver", dict.fromkeys(names, number)))  # noqa: B023
        proxy.behave(Plan())
        ended.append("gave up" if made is None else "done")
        seen = catalog.thrift_rows(lake, ask)
        assert seen in ([(number,)] * 2, *([[(number - 1,)] * 2] if made is None else [])), (number, ended)
        release.recover(lake)
        release.publish(lake, "silver", dict.fromkeys(names, number))
        assert catalog.thrift_rows(lake, ask) == [(number,)] * 2
        assert released.published(lake, "silver") == dict.fromkeys(names, number)
    assert {each.status for each in released.history(lake)} == {"published"}
    print(ended)


@pytest.mark.parametrize(
    ("fault", "kinds"),
    [("503", ()), ("reset", _WRITES), *([("reset", ()), ("503", _WRITES)] if _LONG else [])],
    ids=["503 everything", "reset writes", *(["reset everything", "503 writes"] if _LONG else [])],
)
def test_a_store_that_stays_away_is_told_with_code_5_and_the_next_run_heals(
    lake: Settings, proxy: Proxy, fault: str, kinds: tuple[str, ...]
) -> None:
    ours = apart.variables(lake)
    ours |= {"SOURCE_DSN": lake.dsn()}
    proxy.behave(Plan(always=fault, kinds=kinds))
    told = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "comporta", "ingest"],
        cwd=ROOT,
        env=os.environ | ours,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=240,
    )
    proxy.behave(Plan())
    assert told.returncode == 5, told.stdout[-1000:] + told.stderr[-1000:]
    assert told.stderr.startswith("✗ s3://comporta") and "Traceback" not in told.stderr, told.stderr
    assert ingest.run(lake).failed == []
    assert latest(lake) == query(lake.dsn(), "select id, v from t order by id")


def test_a_lease_outlasts_a_burst_and_is_let_go(store: Settings, proxy: Proxy) -> None:
    home = store.model_copy(update={"lake_url": "s3://comporta/leased", "aws_endpoint_url": proxy.url})
    for number in range(6):
        proxy.behave(Plan(every=3, burst=1, faults=("500", "500 after", "reset", "reset after")))
        with machine.writing(home, f"run {number}"):
            lock._leases[home.lake_url].renew()
            lock.check(home)
    with pytest.raises(ComportaError, match="can't be read or written"):
        proxy.behave(Plan(always="reset"))
        with machine.writing(home, "nobody"):
            pass
