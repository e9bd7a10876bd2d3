"""Which tables of a layer a gate judges, at which versions, by which suites, and what earlier verdicts are worth."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

from expectations.compile import changed, frame
from expectations.reference_tables import ReferenceTables, place
from expectations.suite import LAYERS, Suite, check_cover, find
from expectations.verdict import Verdict
from lakehouse.errors import SettingsError
from lakehouse.settings import Settings
from lakehouse.tables import candidate, lake, ledger
from lakehouse.tables.released import published

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


class Job:
    """One table to be judged."""

    def __init__(self, layer: str, table: str, place: tuple[str, int] | None, suite: Suite | None, within: frame.Scope) -> None:
        self.layer, self.table, self.place, self.suite, self.within = layer, table, place, suite, within
        self.odd = ""  # why no release can show it
        self.earlier: dict[str, Any] | None = None  # the latest ledger row, if it is about the released version
        self.stands = False  # nothing else that it rests on has changed
        self.history: tuple[int, ...] = ()  # rows that earlier verdicts saw
        self.verdicts: list[dict[str, Any]] = []  # the table's rows of the ledger

    def known(self) -> Verdict | None:
        """The verdict, if the same suite has passed this very version before and it was released."""
        row, suite, place = self.earlier, self.suite, self.place
        if not (row and suite and place):
            return None
        if (row["verdict"], row["delta_version"], row["suite_hash"]) != ("passed", place[1], suite.hash) or not self.stands:
            return None
        declared, warned = row["declared"], row["failed_warning"]
        return Verdict(
            layer=self.layer,
            table=self.table,
            delta_version=place[1],
            verdict="passed",
            reason="unchanged since its last verdict",
            declared=declared,
            ran=row["ran"],
            passed_checks=declared - warned,
            failed_warning=warned,
            rows_seen=row["rows_seen"],
            suite_hash=suite.hash,
            page=row["page"] or "",
            unchanged=True,
            verdict_id=row["verdict_id"] or "",
        )

    def errored(self, reason: str, seconds: float = 0.0) -> Verdict:
        """The verdict when nothing could be judged."""
        suite = self.suite
        return Verdict(
            layer=self.layer,
            table=self.table,
            delta_version=self.place[1] if self.place else None,
            verdict="errored",
            reason=reason,
            declared=len(suite.checks) if suite else 0,
            suite_hash=suite.hash if suite else "",
            seconds=seconds,
            owner=suite.owner if suite else "",
        )


def of_layer(settings: Settings, spark: "SparkSession", layer: str, tables: list[str] | None, suites: Path) -> list[Job]:
    """The layer's tables whose names match a glob of `tables`, each with its suite and what is known of it.

    Raises:
        SettingsError: a suite is wrong, a table has none and no exemption, or no table matches.
    """
    if layer not in LAYERS:
        raise SettingsError("--layer", f"is {layer!r}", ", ".join(LAYERS))
    released = published(settings, layer)
    batches = [row for row in ledger.rows(settings, "batches") if layer == "bronze"]
    copied = sorted({row["table_name"] for row in batches if row["status"] == "committed"})
    names, odd = (copied, {}) if layer == "bronze" else candidate.listed(settings, layer)
    verdicts = [row for row in ledger.rows(settings, "verdicts") if row["layer"] == layer]
    latest = {row["table_name"]: row for row in verdicts}
    others = ReferenceTables(settings, spark)
    jobs = []
    for table in _chosen(layer, names, tables):
        within = frame.scope([row for row in batches if row["table_name"] == table], released.get(table))
        suite = find(layer, table, list(within.key), suites)
        job = Job(layer=layer, table=table, place=place(settings, spark, layer, table), suite=suite, within=within)
        job.odd = odd.get(table, "")
        if job.odd:
            job.place = None
        if job.place and released.get(table) == job.place[1]:
            job.earlier = latest.get(table)
            job.stands = (
                job.earlier is not None and others.stand(job.earlier["basis"]) and _is_same(settings, job.place, job.earlier)
            )
        passed = {
            row["delta_version"]: row["rows_seen"] for row in verdicts if row["table_name"] == table and row["verdict"] == "passed"
        }
        job.history, job.verdicts = tuple(passed.values()), [row for row in verdicts if row["table_name"] == table]
        jobs.append(job)
    check_cover(layer, {job.table: job.suite for job in jobs if not job.odd}, today())
    return jobs


def _is_same(settings: Settings, where: tuple[str, int], verdict: dict[str, Any]) -> bool:
    return changed.is_same(lake.at(settings, where[0], where[1]), verdict)


def _chosen(layer: str, names: Sequence[str], globs: list[str] | None) -> list[str]:
    if not names:
        build = "make ingest" if layer == "bronze" else f"make {layer}"
        raise SettingsError(layer, "has no tables to judge", "at least one", f"Run {build} first")
    chosen = [name for name in names if globs is None or any(fnmatchcase(name, glob) for glob in globs)]
    if not chosen:
        raise SettingsError("--tables", f"{', '.join(globs or [])} matches no table of {layer}", ", ".join(names))
    return chosen


def today() -> date:
    """The day in UTC: an exemption ends at the same moment wherever the gate runs."""
    return datetime.now(UTC).date()
