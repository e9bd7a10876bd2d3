"""No verdict depends on where the machine stands: every lane says the same in any zone and any language."""

import json
import os
import shutil
import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import write_deltalake
from verdicts_elsewhere import CHECKS, judge

from lakehouse.settings import ROOT, Settings

_UTC = pa.timestamp("us", tz="UTC")
SCHEMA = pa.schema(
    [("id", pa.int64()), ("at", _UTC), ("local", pa.timestamp("us")), ("day", pa.date32()), ("old", _UTC), ("name", pa.string())]
)
PLACES = [("America/Sao_Paulo", "de_DE"), ("Asia/Tokyo", "tr_TR")]
HOME = "here"  # the tests' own process, in UTC


@pytest.fixture(scope="module")
def said(spark_server: Settings, environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> dict[Any, Any]:
    """Of home and each place, what the lanes say."""
    folder = tmp_path_factory.mktemp("anywhere")
    moments = [datetime(2026, 3, 1, hour, tzinfo=UTC) for hour in (0, 3)]
    rows = [
        {
            "id": n,
            "at": at,
            "local": at.replace(tzinfo=None),
            "day": date(2026, 3, 1 + n),
            "old": datetime(1, 1, 1, tzinfo=UTC),
            "name": "İI"[n],
        }
        for n, at in enumerate(moments)
    ]
    table = str(folder / "table")
    write_deltalake(table, pa.Table.from_pylist(rows, schema=SCHEMA))
    started = {
        place: subprocess.Popen(
            [sys.executable, "-W", "ignore", str(Path(__file__).with_name("verdicts_elsewhere.py")), table],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=ROOT,
            text=True,
            encoding="utf-8",
            env=environment | {"TZ": place[0], "PYTHONPATH": str(ROOT)} | _language(folder, place[1]),
        )
        for place in PLACES
    }
    home = json.loads(json.dumps(judge(spark_server, table), default=str))
    ended = {place: (*process.communicate(timeout=240), process.returncode) for place, process in started.items()}
    assert {place: error for place, (_, error, code) in ended.items() if code} == {}
    return {HOME: home} | {place: json.loads(out.splitlines()[-1]) for place, (out, _, _) in ended.items()}


def _language(folder: Path, name: str) -> dict[str, str]:
    """A locale of an old encoding, made here where the machine can make one: few have it."""
    made = folder / f"{name}.ISO-8859-9"
    tools = shutil.which("localedef") and Path("/usr/share/i18n/locales", name).exists()
    if not tools:
        return {"LC_ALL": name, "LANG": name}
    subprocess.run(["localedef", "-i", name, "-f", "ISO-8859-9", str(made)], check=False, capture_output=True)
    return {"LOCPATH": str(folder), "LC_ALL": made.name, "LANG": made.name, "PYTHONIOENCODING": "utf-8"}


def test_each_lane_says_the_same_in_any_zone_and_language(said: dict[Any, Any]) -> None:
    for place in PLACES:
        for lane, found in said[HOME].items():
            assert len(said[place][lane]) == len(found) >= len(CHECKS) - 1
            for check, here, there in zip(CHECKS, found, said[place][lane], strict=False):
                assert _lasting(there) == _lasting(here), (place, lane, check)


def test_each_lane_is_right(said: dict[Any, Any]) -> None:
    """Among themselves, and where no two lanes ask each other."""
    failing = [0, 1, 0, 1, 1, 0, 1, 0, 0, 1, 1, 0, 1, 1, 1, 1, 1, 1, 1, 1]
    for lane, found in said[HOME].items():
        assert [not outcome[0] for outcome in found] == [bool(each) for each in failing[: len(found)]], lane
        said_so = json.dumps(found).replace("\\", "")  # what stands quoted in a string too
        assert "raised_exception': True" not in said_so and '"error"' not in said_so, lane


def _lasting(outcome: list[Any]) -> str:
    """Without how old something is now."""
    return json.dumps(outcome, sort_keys=True).partition(" UTC, ")[0]


def test_whatever_imports_us_counts_in_utc() -> None:
    asked = "import lakehouse, datetime, os; print(datetime.datetime(2026, 1, 1).astimezone().isoformat(), os.environ['TZ'])"
    done = subprocess.run(
        [sys.executable, "-c", asked], env={**os.environ, "TZ": "Asia/Tokyo"}, cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["2026-01-01T00:00:00+00:00", "UTC"]
