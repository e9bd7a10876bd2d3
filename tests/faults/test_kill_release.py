"""kill -9 of a release at moments of chance: readers of several tables see one release at any time, and the next command finishes it."""

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass, field

import pytest

from lakehouse.engines import catalog
from lakehouse.servers import process
from lakehouse.settings import ROOT, Settings
from lakehouse.tables import candidate, ledger, released
from releases import release

_LAYER, _TABLES = "silver", ("told_a", "told_b", "told_c", "told_d")
_KILLS = int(os.environ.get("KILLS") or 4)  # each of the releases once
# A release that is about to be killed is a fork of one process that has imported everything.
_RUN = """
import json, os, sys
from lakehouse import machine
from releases import release
loaded = machine.load()
for line in sys.stdin:
    child = os.fork()
    if child == 0:
        try:
            release.publish(loaded, "silver", json.loads(line))
        finally:
            os._exit(0)
    print(child, flush=True)
    os.waitpid(child, 0)
    print("ended", flush=True)
"""
_ASK = " union all ".join(f"select '{table}', made from silver.{table}" for table in _TABLES)


@dataclass
class Seen:
    """What a reader has met."""

    releases: set[int] = field(default_factory=set)
    reads: int = 0
    mixed: list[object] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


@pytest.fixture
def tables(lake_settings: Settings) -> dict[int, dict[str, int]]:
    """Four tables with five versions each, of which the last has a column more: release number to versions."""
    ledger.create_missing(lake_settings)
    for table in _TABLES:
        place = candidate.location(lake_settings, _LAYER, table)
        made = f"silver_candidate.{table}"
        catalog.thrift_rows(
            lake_settings,
            f"create table {made} using delta location {catalog.literal(place)} as select id, 0 as made from range(3)",
            *(f"insert overwrite {made} select id, {number} from range({3 + number})" for number in range(1, 4)),
            f"alter table {made} add column more string",
            f"insert overwrite {made} select id, 5, 'new' from range(8)",
        )
    newest = {table: candidate.version(lake_settings, _LAYER, table) or 0 for table in _TABLES}
    return {number: {table: last - 5 + number for table, last in newest.items()} for number in (0, 1, 2, 3, 5)}


@pytest.fixture(autouse=True)
def gone_afterwards(lake_settings: Settings) -> object:
    """The views and tables of these tests are in the catalog that all share."""
    yield
    for table in _TABLES:
        catalog.thrift_rows(lake_settings, f"drop view if exists silver.{table}", f"drop table if exists silver_candidate.{table}")


def _poll(settings: Settings, seen: Seen, stop: threading.Event) -> None:
    with catalog.cursor(settings) as opened:
        while not stop.is_set():
            try:
                catalog.execute(opened, _ASK)
                rows = Counter(opened.fetchall())
            except Exception as error:
                seen.errors.append(str(error))
                continue
            seen.reads += 1
            made = {number for _, number in rows}
            seen.releases |= made
            if len(made) != 1 or rows != {(table, number): 3 + number for table in _TABLES for number in made}:
                seen.mixed.append(rows)


@pytest.mark.slow
def test_readers_see_one_release_whatever_is_killed(
    lake_settings: Settings, environment: dict[str, str], tables: dict[int, dict[str, int]]
) -> None:
    release.publish(lake_settings, _LAYER, tables[0])
    seen, stop, chance = Seen(), threading.Event(), random.Random(1711)
    readers = [threading.Thread(target=_poll, args=(lake_settings, seen, stop)) for _ in range(2)]
    ours = environment | {"LAKE_URL": lake_settings.lake_url}
    runs = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", _RUN], cwd=ROOT, env=ours, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    for reader in readers:
        reader.start()
    try:
        _until_seen(seen, 0)
        for number in range(_KILLS):
            shown = [1, 5, 2, 3][number % 4]
            wanted = tables[shown]
            _killed_after(runs, wanted, chance.uniform(0.3, 4))
            release.recover(lake_settings)
            made = release.publish(lake_settings, _LAYER, wanted)
            assert (made.tables, made.status) == (wanted, "published")
            assert [row for row in released.history(lake_settings, _LAYER) if row.status == "pending"] == []
            _until_seen(seen, shown)
    finally:
        stop.set()
        for reader in readers:
            reader.join()
        assert runs.stdin is not None
        runs.stdin.close()
        runs.wait()
    assert (seen.mixed, seen.errors) == ([], [])
    assert seen.reads >= 10 and seen.releases == {0, 1, 5, 2, 3}
    text = catalog.thrift_rows(lake_settings, "show create table silver.told_a")[0][0]
    assert "union all" not in text.lower()


def _until_seen(seen: Seen, release: int) -> None:
    """A busy machine reads slower than we release."""
    for _ in process.wait(120):
        if release in seen.releases or seen.errors:
            return


def _killed_after(runs: "subprocess.Popen[str]", wanted: dict[str, int], seconds: float) -> None:
    assert runs.stdin is not None and runs.stdout is not None
    runs.stdin.write(json.dumps(wanted) + "\n")
    runs.stdin.flush()
    child = int(runs.stdout.readline())
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    assert runs.stdout.readline() == "ended\n"
