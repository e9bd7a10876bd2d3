"""A lake with a long history, written by the project's own ledger functions, one gate after the other."""

import json
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from ingestion.bronze import maintenance
from lakehouse.settings import Settings
from lakehouse.tables import ledger

TABLES = (
    *(("bronze", f"shop__table_{number}") for number in range(6)),
    *(("silver", f"int_table_{number}__current") for number in range(7)),
    *(("gold", f"fct_table_{number}") for number in range(7)),
)
CHECKS = [
    (f"expect_column_values_to_{what}", f"column_{number}")
    for number in range(4)
    for what in ("not_be_null", "be_unique", "match_regex")
]
_LAST = datetime(2026, 3, 1, tzinfo=UTC)
_TIDIED = 40  # gates: what ingestion's upkeep does to the ledger
_KEPT = 100  # of Great Expectations' pages of a table


def make(settings: Settings, verdicts: int) -> None:
    """Fill an empty ledger with `verdicts` verdicts over TABLES, and what else the same gates would have left."""
    gates = verdicts // len(TABLES)
    for number in range(gates):
        gate(settings, number, _LAST - timedelta(hours=gates - number))
        if number % _TIDIED == _TIDIED // 2:  # so that half of what it lets pile up is there in the end
            maintenance._tidy_ledger(settings)
    for layer, table in TABLES:
        for number in range(max(gates - _KEPT, 0), gates):
            page = settings.site_dir / _page(layer, table, number)
            page.parent.mkdir(parents=True, exist_ok=True)
            page.write_text("<!doctype html><title>Great Expectations</title>", encoding="utf-8")


def gate(settings: Settings, number: int, at: datetime) -> None:
    """One run: bronze is copied, every table judged, silver and gold released."""
    ledger.append(settings, "runs", [{"run_id": number, "command": "run", "status": "running", "at": at}])
    ledger.append(settings, "batches", [_batch(number, table, at) for layer, table in TABLES if layer == "bronze"])
    for layer in ("bronze", "silver", "gold"):
        tables = [table for own, table in TABLES if own == layer]
        ledger.append(settings, "verdicts", [_verdict(number, layer, table, at) for table in tables])
        pinned = json.dumps(dict.fromkeys(tables, number))
        release = {
            "release_id": 3 * number + len(layer),
            "layer": layer,
            "kind": "release",
            "status": "published",
            "tables": pinned,
        }
        ledger.append(settings, "releases", [release | {"at": at}])
    done = {"run_id": number, "command": "run", "status": "succeeded", "seconds": 60.0, "at": at + timedelta(minutes=1)}
    ledger.append(settings, "runs", [done])


def _page(layer: str, table: str, number: int) -> str:
    return f"quality/validations/{layer}.{table}/{number}/version-{number}.html"


def _batch(number: int, table: str, at: datetime) -> dict[str, Any]:
    row = {"batch_id": number, "source": "shop", "source_table": table, "table_name": table, "mode": "incremental", "key": '["id"]'}
    return row | {"status": "committed", "rows": 1000 + number, "deletes": 0, "delta_version": number, "at": at}


def _verdict(number: int, layer: str, table: str, at: datetime) -> dict[str, Any]:
    chance = random.Random(f"{number} {layer} {table}")
    bad = [place for place in range(len(CHECKS)) if chance.random() < 0.005]  # about one verdict in 17
    critical = sum(place % 2 for place in bad)
    rows = 10_000 + 13 * number + chance.randrange(500)
    checks = [[check, column, place not in bad, 7 if place in bad else 0, rows] for place, (check, column) in enumerate(CHECKS)]
    return {
        "verdict_id": f"{chance.getrandbits(128):032x}",
        "run_id": number,
        "layer": layer,
        "table_name": table,
        "delta_version": number,
        "verdict": "failed" if critical else "passed",
        "declared": len(CHECKS),
        "ran": len(CHECKS),
        "failed_critical": critical,
        "failed_warning": len(bad) - critical,
        "rows_seen": rows,
        "suite_hash": "0a1b2c3d4e5f6071",
        "owner": f"team-{number % 3}",
        "failures": json.dumps([_failure(place, rows) for place in bad]),
        "checks": json.dumps(checks, separators=(",", ":")),
        "page": _page(layer, table, number),
        "judged_by": "ci@build",
        "seconds": 1.2,
        "at": at + timedelta(seconds=chance.random()),
    }


def _failure(place: int, rows: int) -> dict[str, Any]:
    check, column = CHECKS[place]
    sample = [{"id": number, column: f"•••• {number:06x}"} for number in range(5)]
    said = {
        "check": check,
        "column": column,
        "severity": "critical" if place % 2 else "warning",
        "owner": "team-1",
        "sample": sample,
    }
    return said | {
        "observed": f"{700 / rows:.4g} % of {rows} rows unexpected",
        "unexpected_count": 7,
        "why": "A reader would be misled.",
    }


def settings(folder: Path, **changes: Any) -> Settings:
    """Settings of the lake in `folder`, whatever the environment says."""
    return Settings(_env_file=None, var_dir=folder, lake_url="", **changes)  # type: ignore[call-arg]
