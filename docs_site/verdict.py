"""Verdict rows of the ledger into what the page shows of them."""

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import quote

from docs_site.page import Failure, Instant, State, VerdictSummary
from docs_site.words import ago, value
from lakehouse.pages import address

Row = Mapping[str, Any]
_SAMPLES = 5


def latest(rows: Iterable[Row], layer: str, now: datetime, exists: Callable[[str], bool]) -> dict[str, VerdictSummary]:
    """The newest verdict of each table of `layer`; `rows` come oldest first."""
    newest = {row["table_name"].split(".", 1)[-1]: row for row in rows if row["layer"] == layer}
    return {table: _verdict(row, now, exists) for table, row in newest.items()}


def _verdict(row: Row, now: datetime, exists: Callable[[str], bool]) -> VerdictSummary:
    return VerdictSummary(
        state=state(row),
        declared=row["declared"] or 0,
        ran=row["ran"] or 0,
        version=row["delta_version"],
        at=Instant(row["at"], ago(row["at"], now)),
        href=href(row["page"] or "", exists),
        failures=failures(row),
        path=address.verdict(row) if exists(address.verdict(row)) else "",
    )


def failures(row: Row) -> tuple[Failure, ...]:
    """The failed checks of a verdict; of a row that can't be read, that it can't."""
    return tuple(_failure(item) for item in _listed(row["failures"]))


def state(row: Row) -> State:
    """What a verdict amounts to. Only `passed` and `failed` are taken at their word: anything else, or fewer checks than declared, has errored."""
    if row["verdict"] == "failed":
        return "failed"
    if row["verdict"] == "passed" and not row["declared"] and row["failed_warning"]:
        return "warned"  # exempt and without checks: the warning says why and until when
    if row["verdict"] != "passed" or not row["ran"] or row["ran"] < (row["declared"] or 0):
        return "errored"
    return "warned" if row["failed_warning"] else "passed"


def href(path: str, exists: Callable[[str], bool]) -> str:
    """A link to the verdict's page if it is a file of the site, else nothing: a ledger row can't lead elsewhere."""
    inside = path and not PurePosixPath(path).is_absolute() and ".." not in PurePosixPath(path).parts
    # "./" keeps a colon in a file's name from being read as a URL scheme.
    return "./" + quote(path) if inside and exists(path) else ""


def _listed(text: str | None) -> list[Mapping[str, Any]]:
    try:
        found = json.loads(text or "[]")
    except ValueError:
        return [{"check": "unreadable ledger row", "observed": text}]
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []


def _failure(item: Mapping[str, Any]) -> Failure:
    sample = item.get("sample")
    listed = sample if isinstance(sample, list) else [] if sample is None else [sample]
    count = item.get("unexpected_count")
    columns = _columns(listed)
    return Failure(
        check=value(item.get("check") or "a check"),
        column=value(item.get("column") or ""),
        severity=value(item.get("severity") or "critical"),
        observed="" if item.get("observed") is None else value(item["observed"]),
        unexpected_count=count if isinstance(count, int) else None,
        sample=tuple(value(seen) for seen in listed[:_SAMPLES]),
        columns=tuple(value(name) for name in columns),
        rows=tuple(tuple(value(seen.get(name)) for name in columns) for seen in listed[:_SAMPLES]) if columns else (),
        notes=tuple((name, value(item[name])) for name in ("owner", "where", "why", "error") if item.get(name)),
        quarantined=item.get("quarantined") is True,
    )


def _columns(listed: list[Any]) -> list[str]:
    """The columns of a sample of rows; none if it is of single values, or its rows differ."""
    names = [list(seen) if isinstance(seen, dict) else [] for seen in listed[:_SAMPLES]]
    return names[0] if names and all(each == names[0] for each in names) else []
