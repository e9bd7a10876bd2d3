"""What became of a row over time: the releases that showed it, the verdicts over it, the run that built it."""

import json
from datetime import UTC, datetime

from expectations.names import Name
from inspection.answer import ReleasePoint, Step, Values
from inspection.finder import Finder, moment
from lakehouse.errors import ReleaseError
from lakehouse.settings import Settings
from lakehouse.tables import candidate, ledger
from lakehouse.tables.released import Release


class History:
    """Asks the ledger, and older versions as far as they can be read."""

    def __init__(self, settings: Settings, finder: Finder) -> None:
        self._settings, self._finder = settings, finder
        self._batches = ledger.rows(settings, "batches")

    def since(self, name: Name, key: Values, raw: Values, current: Release) -> tuple[ReleasePoint, int]:
        """The oldest release in an unbroken line that shows the row just as it is now, and its version of the table."""
        version = current.tables[name[1]]
        oldest, same = current, raw
        for older in self._finder.published(name[0])[1 : self._settings.kept_releases]:
            at = older.tables.get(name[1])
            if at is not None and at != version:
                try:
                    before = self._finder.one(name, at, key)
                except ReleaseError:
                    return self.seen(oldest, is_oldest=True), version
                if before is None or _business(before) != _business(same):
                    return self.seen(oldest), version
            elif at is None:
                return self.seen(oldest), version
            oldest, version = older, at
        return self.seen(oldest, is_oldest=oldest.release_id > self._finder.published(name[0])[-1].release_id), version

    def last_shown(self, name: Name, key: Values) -> ReleasePoint | None:
        """The newest release that showed the row, of those that can still be read."""
        asked: set[int] = set()
        for older in self._finder.published(name[0])[: self._settings.kept_releases]:
            at = older.tables.get(name[1])
            if at is None or at in asked:
                continue
            asked.add(at)
            try:
                if self._finder.one(name, at, key) is not None:
                    return self.seen(older)
            except ReleaseError:
                return None
        return None

    def seen(self, shown: Release, is_oldest: bool = False) -> ReleasePoint:
        """The release, and when it was published."""
        noted = [row["at"] for row in ledger.rows(self._settings, "releases") if row["release_id"] == shown.release_id]
        return ReleasePoint(shown.release_id, noted[-1], is_oldest)

    def verdicts(self, name: Name, first: int, last: int) -> tuple[Values, ...]:
        """Verdicts over versions `first` to `last`, the newest first."""
        rows = [row for row in ledger.rows(self._settings, "verdicts") if (row["layer"], row["table_name"]) == name]
        rows = [row for row in rows if row["delta_version"] is not None and first <= row["delta_version"] <= last]
        wanted = ("verdict", "delta_version", "at", "suite_hash", "page", "judged_by")
        return tuple({column: row[column] for column in wanted} for row in reversed(rows))

    def built(self, name: Name, version: int) -> str:
        """When that version was committed, and by which run of the ledger."""
        newest = candidate.version(self._settings, *name)
        history = self._finder.open(name, newest).history() if newest is not None else []  # an older one's numbers its commits anew
        stamp = next((entry.get("timestamp") for entry in history if entry.get("version") == version), None)
        if stamp is None:
            return f"version {version}, at a time that its log no longer tells"
        at = datetime.fromtimestamp(stamp / 1000, UTC)
        runs: dict[int, list[Values]] = {}
        for row in ledger.rows(self._settings, "runs"):
            runs.setdefault(row["run_id"], []).append(row)
        for number, states in reversed(runs.items()):
            ended = states[-1]["at"] if states[-1]["status"] != "running" else datetime.now(UTC)
            if states[0]["command"] == "run" and states[0]["at"] <= at <= ended:
                return f"version {version}, {moment(at)}, by run {number} ({states[-1]['status']})"
        return f"version {version}, {moment(at)}; no run of the ledger, so by make {name[0]}"

    def of_batches(self, steps: tuple[Step, ...]) -> tuple[Values, ...]:
        """What the ledger knows of the batches of the bronze rows among `steps`."""
        wanted = {(step.table, row.technical.get("_batch_id")) for step in steps if step.layer == "bronze" for row in step.rows}
        rows = [row for row in self._batches if (row["table_name"], row["batch_id"]) in wanted and row["status"] == "committed"]
        return tuple(
            {name: row[name] for name in ("batch_id", "table_name", "source_table", "mode", "rows", "deletes", "at")}
            | {"window": json.loads(row["window"] or "{}")}
            for row in rows
        )

    def is_released(self, table: str, batch: int) -> bool:
        """Whether readers of bronze see that batch."""
        current = self._finder.current("bronze")
        version = current.tables.get(table) if current else None
        noted = [row["delta_version"] for row in self._batches if (row["table_name"], row["batch_id"]) == (table, batch)]
        return version is not None and any((one or 0) <= version for one in noted)


def _business(raw: Values) -> Values:
    return {name: value for name, value in raw.items() if name != "_file"}
