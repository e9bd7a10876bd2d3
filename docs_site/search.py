"""What the search looks through: each table with its checks, and every verdict with what failed in it."""

from collections.abc import Mapping, Sequence
from typing import Any

from docs_site import record, verdict
from lakehouse.pages import address

Row = Mapping[str, Any]
_WORDS = 300  # characters of what a verdict's failures said


def head(newest: Mapping[tuple[str, str], Sequence[Row]], files: Sequence[str], count: int) -> dict[str, Any]:
    """Tables with their checks, and which files hold the verdicts, newest first."""
    return {"tables": [_table(name, rows) for name, rows in sorted(newest.items())], "files": list(files), "count": count}


def _table(name: tuple[str, str], rows: Sequence[Row]) -> list[Any]:
    owners = [row["owner"] for row in rows if row["owner"]]
    checks = [[each.check, each.column, each.anchor] for each in record.courses(rows[-1:])]
    return [*name, verdict.state(rows[-1]), address.table(*name), owners[-1] if owners else "", checks]


def chunk(rows: Sequence[Row]) -> dict[str, Any]:
    """Verdicts, newest first: [page, index of its table, state, seconds since 1970, rows, version, failed checks, words]."""
    tables: dict[tuple[str, str, str], int] = {}
    found = []
    for row in reversed(rows):
        name = (row["layer"], row["table_name"], row["owner"] or "")
        found.append(_verdict(row, tables.setdefault(name, len(tables))))
    return {"tables": list(tables), "verdicts": found}


def _verdict(row: Row, table: int) -> list[Any]:
    page = address.verdict(row).removeprefix("verdicts/").removesuffix(".html")
    failures = verdict.failures(row) if row["failures"] not in (None, "[]") else ()
    failed = [[each.check, each.column, dict(each.notes).get("owner", "")] for each in failures]
    words = " ".join(" ".join([*(said for _, said in each.notes), each.observed, *each.sample]) for each in failures)
    return [
        page,
        table,
        verdict.state(row),
        int(row["at"].timestamp()),
        row["rows_seen"],
        row["delta_version"],
        failed,
        words[:_WORDS],
    ]
