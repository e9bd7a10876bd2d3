"""Whether an incremental model goes on from what its table holds, and from which batch, or is fully refreshed, and why."""

from collections.abc import Iterable, Mapping
from typing import Any

from dbt.adapters.base import available
from dbt.adapters.base.relation import BaseRelation
from dbt.adapters.comporta import origin
from dbt.adapters.comporta.origin import UnknownError
from dbt.adapters.comporta.provenance import BuildPlan, ProvenanceAdapter, by_table
from dbt.adapters.comporta.reading import ModelInputs

from lakehouse.tables import commits


class PlanningAdapter(ProvenanceAdapter):
    """What an adapter says of how a model is to be built."""

    def __init__(self, config: Any, mp_context: Any) -> None:
        super().__init__(config, mp_context)
        self._whole: set[str] = set()

    @available
    def plan(self, model: dict[str, Any], relation: BaseRelation) -> dict[str, Any]:
        """How the incremental `model`, whose table is there, is to be built: `reason` to build it whole, or `since` which batch.

        The same answer for the whole run of the model: its query and its merge must mean the same.
        """
        if model["unique_id"] in self._whole:
            return {"reason": "its query is looked at as it builds the table whole", "since": -1}
        plan = self._plan(model, relation)
        return {"reason": plan.reason, "since": plan.since}

    @available
    def look_at_whole(self, model: dict[str, Any], now: bool) -> None:
        """From here on, or no longer, `plan` says that the model is fully refreshed."""
        (self._whole.add if now else self._whole.discard)(model["unique_id"])

    @available
    def forget(self, model: dict[str, Any]) -> None:
        """The model is built: another look is a fresh one."""
        with self._lock:
            self._plans.pop(model["unique_id"], None)

    def _plan(self, model: dict[str, Any], relation: BaseRelation) -> BuildPlan:
        number = model["unique_id"]
        with self._lock:
            if number not in self._plans:
                self._plans[number] = self._made_plan(model, relation)
            return self._plans[number]

    def _made_plan(self, model: dict[str, Any], relation: BaseRelation) -> BuildPlan:
        try:
            table = self._table(relation)
            held = commits.read_note(self._noted(table))
            if not held:
                return BuildPlan("it is not known what its table was built from")
            if "unknown" in held:
                return BuildPlan(str(held["unknown"]))
            if "inputs" not in held:
                return BuildPlan("its table was built from a part of the rows")
            if held.get("model") != self._as_written(model):
                return BuildPlan("the model has changed")
            found = self._read(model, [tuple(parts) for parts in held.get("named", [])])
            return self._went_on(held, found)
        except UnknownError as error:
            return BuildPlan(f"{error}")

    def _went_on(self, held: Mapping[str, Any], found: ModelInputs) -> BuildPlan:
        since: list[int] = []
        inputs = found.inputs
        by = by_table(inputs)
        for each in inputs:
            key = str(each.table.metadata().id)
            before = held["inputs"].get(key)
            if before is None:
                return BuildPlan(f"{each.name} was not there, or was another table")
            if before.get("by") != by[key]:
                return BuildPlan(f"a view or an ephemeral model between it and {each.name} has changed")
            if not each.forward:
                return BuildPlan(f"{each.name} does not keep the rows that leave it")
            batch = before.get("batch")
            if not _only_grew(self._commits(each.table), int(str(before["rows"]).rpartition("@")[2]), batch):
                return BuildPlan(f"{each.name} was rebuilt, set back, changed by hand, or got rows of older batches")
            if batch is not None:
                since.append(int(batch))
        if held.get("between") != origin.digest(sorted(found.texts)):
            return BuildPlan("a view or an ephemeral model that it reads has changed")
        return BuildPlan(since=min(since, default=-1))


def _only_grew(commits: Iterable[Mapping[str, Any]], before: int, batch: int | None) -> bool:
    """Whether every version after `before` added batches newer than `batch`: by ingestion, or by a merge of dbt's.

    Args:
        commits: newest first, without a gap.
    """
    for one in commits:
        if one["version"] <= before:
            return bool(one["version"] == before)
        if not _grows(one, batch):
            return False
    return False


def _grows(commit: Mapping[str, Any], batch: int | None) -> bool:
    operation = commit.get("operation")
    if operation in commits.QUIET or operation in ("ADD COLUMN", "ADD COLUMNS") or commit.get("comporta"):
        return True
    # A merge of a model whose parents were not equally far takes up batches that others of its rows are past.
    since = commits.read_note(commit.get("userMetadata")).get("since", -1)
    return operation == "MERGE" and isinstance(since, int) and since >= (-1 if batch is None else batch) and since >= 0
