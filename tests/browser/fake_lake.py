"""A fake lake: ledger rows, sizes and neighbour pages such as a few days of runs leave behind."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from lakehouse.settings import Settings
from lakehouse.tables import ledger

NOW = datetime(2026, 3, 14, 9, 30, tzinfo=UTC)
TABLES = {
    "bronze": ("shop__customers", "shop__order_lines", "shop__orders", "shop__payments", "shop__products"),
    "silver": ("int_customers__current", "int_order_lines__current", "int_orders__current", "int_payments__current"),
    "gold": ("dim_customers", "fct_orders", "rpt_daily_revenue"),
}
NEGATIVE_AMOUNT = {
    "check": "column_values_between",
    "column": "amount",
    "severity": "critical",
    "observed": "min -129.90 (wanted ≥ 0)",
    "unexpected_count": 37,
    "sample": [{"payment_id": 90112, "amount": "-129.90"}, {"payment_id": 90240, "amount": "-4.00"}],
}
REPEATED_EMAIL = {
    "check": "expect_column_values_to_be_unique",
    "column": "email",
    "severity": "critical",
    "owner": "crm-team",
    "why": "Two accounts of one address get each other's invoices.",
    "where": "not _is_deleted",
    "observed": "0.2 % of 1000 rows unexpected",
    "unexpected_count": 2,
    "sample": [
        {"customer_id": 771, "email": "•••• 3fa9c1"},
        {"customer_id": 902, "email": "•••• 3fa9c1"},
        {"customer_id": 31, "email": None},
    ],
}
LATE_DISPATCH = {
    "check": "freshness_below_24h",
    "column": "placed_at",
    "severity": "warning",
    "observed": "newest 26 h old",
    "unexpected_count": 1,
    "sample": ["2026-03-13T07:28:11Z"],
}


def settings(folder: Path, **changes: Any) -> Settings:
    """Settings of a lake under `folder`, whatever the machine's own environment says."""
    return Settings(_env_file=None, var_dir=folder / "var", lake_url="", **changes)  # type: ignore[call-arg]


def before(**span: float) -> datetime:
    """A time before NOW: `before(hours=2)`."""
    return NOW - timedelta(**span)


def verdict(layer: str, table: str, state: str = "passed", **changes: Any) -> dict[str, Any]:
    """A verdict row; failures are given as a list."""
    failures = changes.pop("failures", [])
    row = {
        "verdict_id": f"{layer}-{table}",
        "run_id": 48,
        "layer": layer,
        "table_name": table,
        "delta_version": 31,
        "verdict": state,
        "declared": 12,
        "ran": 12,
        "failed_critical": sum(item.get("severity") != "warning" for item in failures),
        "failed_warning": sum(item.get("severity") == "warning" for item in failures),
        "rows_seen": 1000,
        "suite_hash": "0a1b2c",
        "failures": json.dumps(failures),
        "page": f"quality/{layer}-{table}.html",
        "seconds": 1.2,
        "at": before(minutes=11),
    }
    return row | changes


def batch(table: str, **changes: Any) -> dict[str, Any]:
    """A committed batch row of bronze `table`."""
    row = {"batch_id": 48, "source": "shop", "source_table": table, "table_name": table, "mode": "incremental"}
    row |= {"status": "committed", "rows": 1204, "deletes": 3, "bytes": 88_123, "files": 2, "delta_version": 48}
    return row | {"seconds": 2.5, "error": None, "at": before(minutes=14)} | changes


def run(run_id: int, status: str = "succeeded", **changes: Any) -> dict[str, Any]:
    """A row of a run's state."""
    row = {"run_id": run_id, "command": "run", "status": status, "rows": 48_210, "seconds": 94.0, "detail": None}
    return row | {"at": NOW} | changes


def release(release_id: int, layer: str, tables: dict[str, int], **changes: Any) -> dict[str, Any]:
    """A published release row."""
    row = {"release_id": release_id, "layer": layer, "kind": "release", "status": "published"}
    return row | {"tables": json.dumps(tables), "note": None, "at": before(hours=2)} | changes


def rich(folder: Path) -> Settings:
    """A lake of some days: one table failed its silver gate, one warned, gold was rolled back."""
    lake = settings(folder)
    ledger.append(lake, "runs", _runs())
    ledger.append(lake, "batches", [batch(table) for table in TABLES["bronze"]])
    ledger.append(lake, "verdicts", _verdicts())
    ledger.append(lake, "releases", _releases())
    _sizes(lake)
    neighbours(lake)
    return lake


def healthy(folder: Path) -> Settings:
    """A lake where every gate passed."""
    lake = settings(folder)
    ledger.append(lake, "runs", [run(48, at=before(minutes=15))])
    ledger.append(lake, "batches", [batch(table) for table in TABLES["bronze"]])
    ledger.append(lake, "verdicts", [verdict(layer, table) for layer, names in TABLES.items() for table in names])
    tables = {layer: dict.fromkeys(TABLES[layer], 31) for layer in ("silver", "gold")}
    ledger.append(lake, "releases", [release(6, "silver", tables["silver"]), release(7, "gold", tables["gold"])])
    _sizes(lake)
    neighbours(lake)
    return lake


def long(folder: Path, gates: int = 230) -> Settings:
    """A lake with a past: each gate judged three tables; rows grow, and now and then something fails."""
    lake = settings(folder)
    tables = (("bronze", "shop__customers"), ("silver", "int_customers__current"), ("gold", "dim_customers"))
    rows = [_past(layer, table, gate, gates) for gate in range(gates) for layer, table in tables]
    ledger.append(lake, "verdicts", rows)
    ledger.append(lake, "runs", [run(48, at=before(minutes=15))])
    _sizes(lake)
    neighbours(lake)
    return lake


def _past(layer: str, table: str, gate: int, gates: int) -> dict[str, Any]:
    hours, count = gates - gate, 1000 + 9 * gate + 40 * (gate % 7)
    repeated = layer == "silver" and gate % 23 == 7
    late = layer == "gold" and gate % 11 == 5
    failures = [REPEATED_EMAIL | {"unexpected_count": gate}] if repeated else [LATE_DISPATCH] if late else []
    checks = [
        ["expect_column_values_to_not_be_null", "customer_id", True, 0, count],
        ["expect_column_values_to_be_unique", "email", not repeated, gate if repeated else 0, count],
        ["expect_column_mean_to_be_between", "credit_limit", True, None, None, 50 + (gate * 7 % 13)],
        ["fresh", "placed_at", not late],
    ]
    changes = {"owner": "data-platform", "checks": json.dumps(checks), "rows_seen": count, "declared": 4, "ran": 4}
    own = {"verdict_id": f"{gate:04d}{layer}", "delta_version": gate, "at": before(hours=hours), "judged_by": "dana@build"}
    page = f"quality/{layer}-{table}.html" if hours == 1 else ""
    return verdict(layer, table, "failed" if repeated else "passed", failures=failures, page=page, **changes, **own)


def neighbours(lake: Settings) -> None:
    """The pages that other parts of the pipeline write into the site."""
    pages = ["quality/index.html", "dbt/index.html"]
    pages += [f"quality/{layer}-{table}.html" for layer, tables in TABLES.items() for table in tables]
    for page in pages:
        path = lake.site_dir / page
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("<!doctype html><title>neighbour</title>", encoding="utf-8")


def _runs() -> list[dict[str, Any]]:
    found = [run(number, at=before(hours=48 - number)) for number in range(24, 46)]
    found += [run(46, "running", rows=None, seconds=None, command="ingest", at=before(hours=2))]
    told = "gold back to release 11: revenue counted twice"
    found += [run(47, rows=0, seconds=3.4, command="rollback", detail=told, at=before(hours=1))]
    found += [run(48, "running", rows=None, seconds=None, at=before(minutes=15))]
    gate = "silver gate failed: int_payments__current, amount below 0 in 37 rows"
    return [*found, run(48, "failed", seconds=187.0, detail=gate, at=before(minutes=11))]


def _verdicts() -> list[dict[str, Any]]:
    found = [verdict("bronze", table, page=f"quality/bronze-{table}.html") for table in TABLES["bronze"]]
    found += [verdict("silver", table) for table in TABLES["silver"][:2]]
    found += [verdict("silver", "int_orders__current", failures=[LATE_DISPATCH])]
    found += [verdict("silver", "int_payments__current", "failed", failures=[NEGATIVE_AMOUNT])]
    return found + [verdict("gold", table, at=before(hours=3)) for table in TABLES["gold"]]


def _releases() -> list[dict[str, Any]]:
    silver, gold = TABLES["silver"], TABLES["gold"]
    return [
        release(9, "silver", dict.fromkeys(silver, 28), at=before(days=2)),
        release(10, "silver", dict.fromkeys(silver, 30), at=before(hours=3)),
        release(11, "gold", dict.fromkeys(gold, 17), at=before(days=1, hours=4)),
        release(12, "gold", dict.fromkeys(gold, 18), at=before(hours=3)),
        release(13, "gold", dict.fromkeys(gold, 17), kind="rollback", note="Revenue was counted twice.", at=before(hours=1)),
    ]


def _sizes(lake: Settings) -> None:
    sizes: dict[str, dict[str, int]] = {}
    for layer, tables in TABLES.items():
        prefix = "bronze" if layer == "bronze" else f"{layer}_candidate"
        for rank, table in enumerate(tables, start=1):
            sizes[f"{prefix}.{table}"] = {"rows": 734_219 * rank, "bytes": 41_870_200 * rank}
    state = lake.var_dir / "state"
    state.mkdir(parents=True, exist_ok=True)
    (state / "tables.json").write_text(json.dumps(sizes), encoding="utf-8")
