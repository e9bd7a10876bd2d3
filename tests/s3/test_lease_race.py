"""The lease on a real S3 server: one winner, a dead holder's end, and two writers who fight for every commit."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import DeltaTable
from driver import Driver
from faulty import Plan, Proxy

from lakehouse import machine
from lakehouse.errors import LockError
from lakehouse.servers import health, server
from lakehouse.settings import ROOT, Settings
from lakehouse.store import lease, lock, s3, storage
from lakehouse.store.lease_object import Bucket

# Another machine, as far as the lease can tell: a VAR_DIR of its own, and no knowledge of who lives on this one.
_PROCESS = """
import dataclasses, json, os, sys, time
from pathlib import Path
from lakehouse import machine
from lakehouse.store import lease, lock
from lakehouse.tables import ledger
from lakehouse.errors import LockError
from lakehouse.settings import Settings
Settings.model_config["env_file"] = None
said = json.loads(sys.argv[1])
settings = Settings(lake_url=said["lake"], aws_endpoint_url=said["endpoint"], var_dir=Path(said["var"]))
lease.TERM, lease.BEAT, lease.MARGIN = said["term"], said["term"] / 4, said["term"] / 3
lease._machine = lambda: said["var"]
exec(os.environ.get("FIGHT_WITHOUT", ""))  # `lease._is_over = lambda seen: True` takes the lease from the fight: the test must fail then
"""
_HOLD = (
    _PROCESS
    + """
with machine.writing(settings, "a run that is killed"):
    print("taken", flush=True)
    time.sleep(600)
"""
)
# Takes turns, each of some commits, made as our log store for Spark makes them: under the condition that the version is not there. What
# is committed, it says; and of a version that another has written meanwhile, how long ago it had asked for its lease.
_FIGHT = (
    _PROCESS
    + """
import io, uuid
import pyarrow as pa, pyarrow.parquet as pq
from lakehouse.store import s3
client, (bucket, prefix) = s3.client(settings), s3.split(said["lake"] + "/fought_for")
def there(after):
    listed = client.list_objects_v2(Bucket=bucket, Prefix=prefix + "/_delta_log/", StartAfter=f"{prefix}/_delta_log/{after:020d}.json")
    return [int(each["Key"][-25:-5]) for each in listed.get("Contents", []) if each["Key"].endswith(".json")]
def commit(number, newest):
    rows, path = io.BytesIO(), uuid.uuid4().hex + ".parquet"
    pq.write_table(pa.table({"writer": [said["name"]], "number": [number]}), rows)
    client.put_object(Bucket=bucket, Key=f"{prefix}/{path}", Body=rows.getvalue())
    newest = max(there(newest), default=newest)
    add = {"path": path, "partitionValues": {}, "size": len(rows.getvalue()), "modificationTime": 0, "dataChange": True}
    body = json.dumps({"add": add}).encode() + b"\\n"
    while not put(f"{prefix}/_delta_log/{newest + 1:020d}.json", body):
        print(f"!{time.monotonic() - checked}", flush=True)
        newest += 1
    return newest + 1
def put(key, body):
    try:
        client.put_object(Bucket=bucket, Key=key, Body=body, IfNoneMatch="*")
    except Exception as error:
        if s3.status(error) not in (409, 412):
            raise
        return client.get_object(Bucket=bucket, Key=key)["Body"].read() == body  # ours: an answer got lost
    return True
until, number, newest = time.monotonic() + said["seconds"], 0, 0
while time.monotonic() < until:
    try:
        with machine.writing(settings, said["name"]):
            for _ in range(5):
                checked = time.monotonic()
                lock.check(settings)
                newest = commit(number, newest)
                print(number, flush=True)
                number += 1
    except LockError as refused:
        assert "is being" in str(refused) or "was lost" in str(refused), refused
        time.sleep(0.02)
"""
)
# Stands still between its check and its write, for as long as the test wants.
_PAUSED = (
    _PROCESS
    + """
from lakehouse.store import s3
client, (bucket, key) = s3.client(settings), s3.split(said["lake"] + "/paused/00000000000000000000.json")
try:
    with machine.writing(settings, "a machine that is paused"):
        lock.check(settings)
        print("checked", flush=True)
        sys.stdin.readline()
        try:
            client.put_object(Bucket=bucket, Key=key, Body=b"paused", **({"IfNoneMatch": "*"} if said["conditional"] else {}))
            print("written", flush=True)
        except Exception as error:
            print(s3.status(error), flush=True)
        lock.check(settings)
except LockError as lost:
    print(lost, flush=True)
"""
)
_SECONDS = float(os.environ.get("FIGHT_SECONDS", "24"))  # 3600 for an hour of it


def started(script: str, settings: Settings, folder: Path, **said: Any) -> "subprocess.Popen[str]":
    """The script as a process."""
    known = {"lake": settings.lake_url, "endpoint": settings.aws_endpoint_url, "var": str(folder), "term": 60.0}
    return subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", script, json.dumps(known | said)],
        cwd=ROOT,
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )


@pytest.fixture
def lake(store: Settings, tmp_path: Path, request: pytest.FixtureRequest) -> Settings:
    """A lake of the test's own on the store."""
    return store.model_copy(update={"lake_url": f"s3://comporta/{request.node.name}", "var_dir": tmp_path / "own"})


def test_of_eight_who_take_it_at_once_one_wins(lake: Settings) -> None:
    for number in range(10):
        takers, at_once = [lease.of(lake) for _ in range(8)], threading.Barrier(8)

        def take(one: lease.Lease, at_once: threading.Barrier = at_once) -> str:
            at_once.wait()
            try:
                one.take("eight")
            except LockError as refused:
                return "refused" if "being" in str(refused) else str(refused)
            return "won"

        with ThreadPoolExecutor(8) as pool:
            assert Counter(pool.map(take, takers)) == {"won": 1, "refused": 7}, number
        seen = Bucket(lake).look()
        assert seen is not None and seen.holder.term == number + 1
        [winner] = [one for one in takers if one.token]
        assert winner.token == seen.holder.token
        winner.release()


def test_a_holder_that_was_killed_is_waited_for_until_its_term_ends(lake: Settings, tmp_path: Path) -> None:
    holder = started(_HOLD, lake, tmp_path / "elsewhere", term=6.0)
    assert holder.stdout is not None and holder.stdout.readline() == "taken\n"
    time.sleep(8)  # longer than its term: it is renewed
    with pytest.raises(LockError, match=r"a run that is killed \(pid \d+ on .*\) since"), machine.writing(lake, "the next"):
        pass
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    killed, term = time.monotonic(), lease.TERM
    try:
        lease.TERM = 6.0
        while True:
            try:
                with machine.writing(lake, "the next"):
                    waited = time.monotonic() - killed
                    break
            except LockError:
                time.sleep(0.1)
    finally:
        lease.TERM = term
    assert 3.4 < waited < 9, waited  # six seconds after its last renewal, which was at most a beat ago; times are whole seconds


def test_a_holder_that_was_killed_on_this_machine_is_not_waited_for(lake: Settings, tmp_path: Path) -> None:
    here = _HOLD.replace('lease._machine = lambda: said["var"]', "")
    holder = started(here, lake, tmp_path / "beside")
    assert holder.stdout is not None and holder.stdout.readline() == "taken\n"
    with pytest.raises(LockError), machine.writing(lake, "the next"):
        pass
    holder.kill()
    holder.wait()
    with machine.writing(lake, "the next"):
        lock.check(lake)


def test_a_holder_whose_lease_was_taken_writes_no_more(lake: Settings) -> None:
    with pytest.raises(LockError, match="taken over by a usurper"), machine.writing(lake, "a sleeper"):
        seen = Bucket(lake).look()
        assert seen is not None
        usurper = lease.Holder("t", "a usurper", "db7", 7, "now", term=9)
        assert Bucket(lake).put(usurper, seen.etag)
        with pytest.raises(LockError):
            lock._leases[lake.lake_url].renew()
        raise OSError("what came of it")  # the reason is told, not what came of it
    seen = Bucket(lake).look()
    assert seen is not None and seen.holder.token == "t" and not seen.holder.free


def test_losing_it_stops_our_spark_server(lake: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "BEAT", 0.2)
    spark = subprocess.Popen(["sleep", "600"])  # what it runs would be committed by it, not by us
    server.pid_file(lake).note(spark.pid)
    try:
        with pytest.raises(LockError, match="lost"), machine.writing(lake, "a sleeper"):
            seen = Bucket(lake).look()
            assert seen is not None
            while not Bucket(lake).put(lease.Holder("t", "a usurper", "db7", 7, "now", term=9), seen.etag):
                seen = Bucket(lake).look() or seen  # renewed in between
            with suppress(subprocess.TimeoutExpired):
                spark.wait(10)
            stopped = spark.poll() is not None
            lock.check(lake)
        assert stopped
    finally:
        spark.kill()
        spark.wait()


def test_a_child_stops_when_its_parent_has_lost_the_lease(lake: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    with machine.writing(lake, "the pipeline"):
        monkeypatch.setenv(lock.HELD, lock.for_child(lake)[lock.HELD])
        token = os.environ[lock.HELD]
        assert len(token) == 32
        held = lock._leases.pop(lake.lake_url)  # as in the child
        try:
            lock.check(lake)
            held.release()
            lock._verified.clear()
            with pytest.raises(LockError, match="is free"):
                lock.check(lake)
        finally:
            lock._leases[lake.lake_url] = held
            lock._verified.clear()


@pytest.mark.parametrize("conditional", [True, False])
def test_a_machine_that_is_paused_between_its_check_and_its_write(
    lake: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, conditional: bool
) -> None:
    """No lease prevents it. Its write is refused where it has a condition; without one, the other's commit is gone."""
    monkeypatch.setattr(lease, "TERM", 3.0)
    paused = started(_PAUSED, lake, tmp_path / "elsewhere", term=3.0, conditional=conditional)
    assert paused.stdout is not None and paused.stdin is not None
    bucket, key = s3.split(f"{lake.lake_url}/paused/00000000000000000000.json")
    try:
        assert paused.stdout.readline() == "checked\n"
        paused.send_signal(signal.SIGSTOP)
        _wait_and_write(lake, lambda: s3.client(lake).put_object(Bucket=bucket, Key=key, Body=b"the next", IfNoneMatch="*"))
        paused.send_signal(signal.SIGCONT)
        said, _ = paused.communicate("go on\n", timeout=60)
    finally:
        paused.kill()
        paused.wait()
    there = s3.client(lake).get_object(Bucket=bucket, Key=key)["Body"].read()
    wrote, stopped = said.splitlines()
    assert "the lease to write it was lost" in stopped
    assert (wrote, there) == (("412", b"the next") if conditional else ("written", b"paused"))


def _wait_and_write(lake: Settings, write: Callable[[], object]) -> None:
    while True:
        try:
            with machine.writing(lake, "the next"):
                write()
                return
        except LockError:
            time.sleep(0.1)


def test_spark_is_gone_before_another_may_begin(lake: Settings, proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    """A real driver, in the middle of statements, whose holder does not reach the store any more; Spark itself does."""
    for name, seconds in (("TERM", 9.0), ("MARGIN", 3.0), ("BEAT", 1.0)):
        monkeypatch.setattr(lease, name, seconds)
    ours = lake.model_copy(update={"aws_endpoint_url": proxy.url})
    table = f"delta.`{storage.for_spark(lake.lake_url)}/cut off`"
    with ThreadPoolExecutor(1) as pool, Driver(lake) as driver:  # who inserts ends with it
        driver.sql(f"create table {table} (number int) using delta")
        health.pid_file(lake).note(driver.process.pid)

        def insert() -> None:
            with suppress(Exception):  # as its driver dies
                while True:
                    driver.sql(f"insert into {table} values (1)")

        with pytest.raises(LockError, match="could not be renewed in time"), machine.writing(ours, "a run that is cut off"):
            work = pool.submit(insert)
            proxy.behave(Plan(always="reset"))
            cut = time.monotonic()
            with suppress(subprocess.TimeoutExpired):
                driver.process.wait(30)
            gone = time.monotonic() - cut
            work.result(30)
            lock.check(ours)
        print(f"gone {gone:.2f} s after the last renewal could have been answered, {gone - 6:.2f} s after the hold ended")
        assert gone < 9  # another may begin then
        proxy.behave(Plan())


@pytest.mark.slow
def test_two_writers_who_fight_lose_no_commit(lake: Settings, tmp_path: Path) -> None:
    """For FIGHT_SECONDS. Each is killed now and then; whatever it said is there, once, and versions have no gap.

    They meet only where one stood still between its check and its write for longer than the lease allows, as on a busy machine.
    """
    columns = pa.schema([("writer", pa.string()), ("number", pa.int64())])
    DeltaTable.create(f"{lake.lake_url}/fought_for", columns, storage_options=storage.options(lake))
    said: dict[str, list[int]] = {"one": [], "two": []}
    met: list[float] = []
    kills = Counter[str]()
    until = time.monotonic() + _SECONDS

    def fight(name: str) -> None:
        while (left := until - time.monotonic()) > 1:
            seconds = min(left, 20.0) if name == "two" else left
            writer = started(
                _FIGHT, lake, tmp_path / f"{name}{kills[name]}", name=f"{name}.{kills[name]}", seconds=seconds, term=6.0
            )
            assert writer.stdout is not None
            for line in writer.stdout:
                if line.startswith("!"):
                    met.append(float(line[1:]))
                    continue
                said[name].append(int(line))
                if name == "two" and len(said[name]) % 12 == 11:  # in the middle of a turn
                    writer.kill()
                    break
            writer.wait()
            kills[name] += 1

    fighters = [threading.Thread(target=fight, args=(name,)) for name in said]
    for fighter in fighters:
        fighter.start()
    for fighter in fighters:
        fighter.join()
    table = DeltaTable(f"{lake.lake_url}/fought_for", storage_options=storage.options(lake))
    bucket, prefix = s3.split(f"{lake.lake_url}/fought_for/_delta_log/")
    pages = s3.client(lake).get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    keys = [each["Key"].rpartition("/")[2] for page in pages for each in page["Contents"]]
    logged = sorted(int(name.removesuffix(".json")) for name in keys if name.endswith(".json"))
    assert logged == list(range(table.version() + 1))
    rows = table.to_pyarrow_table().to_pylist()
    counted = Counter((row["writer"], row["number"]) for row in rows)
    assert set(counted.values()) == {1}
    by_side = Counter(row["writer"].split(".")[0] for row in rows)
    # Whoever was killed may have committed a row that it did not come to say; nobody said one that is not there.
    assert len(said["one"]) == by_side["one"] and len(said["two"]) <= by_side["two"] <= len(said["two"]) + kills["two"]
    assert min(by_side.values()) > 5 and kills["two"] >= 2, (by_side, kills)
    assert all(stood_still > 6.0 / 3 - 1 for stood_still in met), met  # the margin; the store tells whole seconds
    print(f"{table.version() + 1} commits, {dict(by_side)} rows, {kills['two']} writers killed or ended, met {met}")
