"""What a table was built from, as a note of its commit: made before it is built, and compared before it is built again."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dbt.adapters.base import available
from dbt.adapters.base.relation import BaseRelation
from dbt.adapters.comporta import origin
from dbt.adapters.comporta.origin import UnknownError
from dbt.adapters.comporta.reading import ALWAYS, OF_VIEW, Input, ModelInputs, Parts, side_effects
from dbt.adapters.comporta.relation import sample_of
from dbt.adapters.comporta.session import SessionAdapter
from deltalake import DeltaTable

from lakehouse import atomic
from lakehouse.engines.sqlnames import named
from lakehouse.engines.sqlrows import chooses_rows
from lakehouse.store import storage
from lakehouse.tables import commits

_BATCHES = ".last_batch_id"


@dataclass
class BuildPlan:
    """How a model is built now."""

    reason: str = ""  # why it is fully refreshed; empty: it goes on from `since`
    since: int = -1


class ProvenanceAdapter(SessionAdapter):
    """What an adapter knows of where a table's rows come from."""

    def __init__(self, config: Any, mp_context: Any) -> None:
        super().__init__(config, mp_context)
        self._plans: dict[str, BuildPlan] = {}

    @available
    def origin(self, model: dict[str, Any], query: str) -> str | None:
        """The note of what `query` builds `model` from; None if its owner alone decides. To be asked for before it is built.

        What can't be told is noted as such, and so is why it is to be built each time. A table that holds a part of the rows has
        at least a note that says so.
        """
        note, part = self._written_from(model, query), self._part(model)
        if part:
            note = (note or {"comporta": 1}) | {"part": part}
        return origin.plain(note) if note else None

    @available
    def reads_itself(self, model: Mapping[str, Any], query: str) -> bool:
        """Whether `query` names the model's own table."""
        return any(each.parts[-2:] == _own(model) for each in named(query))

    @available
    def reason_each_time(self, note: str | None) -> str:
        """Why a model with that note is built at every run; empty if it is not."""
        said = commits.read_note(note)
        return str(said.get("unknown") or said.get("asks") or "")

    @available
    def keep_note(self, relation: BaseRelation, note: str | None) -> None:
        """After a merge: Delta makes no commit of one that changed nothing, so the note that it would carry is kept beside.

        It is good for this very version, and for this machine; without it, the merge is tried again.
        """
        if note is None or "inputs" not in commits.read_note(note):
            return
        try:
            table = self._named(relation)
            commit = origin.commit(self._commits(table))
        except UnknownError:
            return
        if commit.get("userMetadata") != note:
            atomic.write(self._beside(table), json.dumps({"rows": f"{table.metadata().id}@{commit['version']}", "note": note}))

    @available
    def built_from(self, relation: BaseRelation, note: str | None) -> bool:
        """Whether the table is what was built from just that, and was not touched since."""
        if note is None or "inputs" not in commits.read_note(note) or self.reason_each_time(note):
            return False
        try:
            held = self._noted(self._table(relation))
        except UnknownError:
            return False
        return held is not None and not origin.differs(held, json.loads(note))

    def _written_from(self, model: Mapping[str, Any], query: str) -> dict[str, Any] | None:
        if self._only() or model["config"].get("full_refresh") is False:
            return None
        own = _own(model)
        names = self._names_besides(model, query, model.get("compiled_code") or query)
        self._names[model["unique_id"]] = names = [parts for parts in names if parts[-2:] != own]
        try:
            found = self._read(model, names)
            note = {
                "comporta": 1,
                "query": origin.code(self._neutral(model["depends_on"]["nodes"], query)),
                "project": self._surroundings(),
                "model": self._as_written(model),
                "inputs": self._inputs_now(model, found),
                "between": origin.digest(sorted(found.texts)),
            }
            note |= {"named": [list(parts) for parts in names]} if names else {}
            asked = self._asked(model, query, found, note)
            side = side_effects(model)
            note |= {"asks": side or f"it asks for {asked}"} if side or asked else {}
            plan = self._plans.get(model["unique_id"])
            # What is merged is taken for rows of newer batches, unless something else may have chosen them.
            newer = (
                plan is not None
                and not plan.reason
                and side != ALWAYS
                and not (asked and (asked.startswith(OF_VIEW) or chooses_rows(query)))
            )
            return note | {"since": plan.since if plan and newer else -1, "asked": asked}
        except UnknownError as error:
            return {"comporta": 1, "unknown": str(error)}

    def _asked(self, model: Mapping[str, Any], query: str, found: ModelInputs, note: Mapping[str, Any]) -> str:
        """What `query` asks for besides its inputs; empty if nothing."""
        if self.reads_itself(model, query):
            return "the rows of its own table"
        own = self.Relation.create(schema=model["schema"], identifier=model["alias"])
        try:
            held = commits.read_note(self._noted(self._table(own)))
        except UnknownError:
            held = {}
        same = held.get("query") == note["query"] and origin.shape(held.get("inputs")) == origin.shape(note["inputs"])
        return self._asks(found, query, held.get("asked") if same else None)

    def _only(self) -> str:
        """dbt's option by which `ref` gives no rows, or a sample: a table built so is to be built by the next run that reads everything."""
        asked = self.config.args
        return "--empty" if getattr(asked, "EMPTY", False) else "--sample" if getattr(asked, "sample", None) is not None else ""

    def _part(self, model: Mapping[str, Any]) -> str:
        """What made a person's table, or one that it reads, hold a part of the rows: an option of dbt, or `DEV_SAMPLE=1`."""
        target = self.config.target_name
        if (only := self._only()) or target != "dev":
            return only
        share = sample_of(target)
        if share < 1 and self._is_sampled(model["depends_on"]["nodes"]):
            return f"DEV_SAMPLE={100 * share:g}"
        try:
            inputs = self._read(model, self._names.get(model["unique_id"], ())).inputs
            return next((str(part) for each in inputs if (part := commits.read_note(self._noted(each.table)).get("part"))), "")
        except UnknownError:
            return ""

    def _is_sampled(self, numbers: Iterable[str]) -> bool:
        """Whether a `ref` gives a sample of one of these, or of what is read through one that is no table."""
        manifest: Any = self.get_macro_resolver()
        for node in (manifest.nodes.get(number) for number in numbers):
            if node is None:
                continue
            if (node.config.meta or {}).get("sample_by"):
                return True
            if node.config.materialized in ("ephemeral", "view") and self._is_sampled(node.depends_on.nodes):
                return True
        return False

    def _inputs_now(self, model: Mapping[str, Any], read: ModelInputs) -> dict[str, dict[str, Any]]:
        within = self._macros_within(model["raw_code"], model["depends_on"]["macros"])
        asks = any(number.endswith(_BATCHES) for number in within)
        found: dict[str, dict[str, Any]] = {}
        inputs = read.inputs
        by = by_table(inputs)
        for each in inputs:
            key = str(each.table.metadata().id)
            said: dict[str, Any] = {
                "name": each.name,
                "rows": origin.rows(each.table, self._commits(each.table)),
                "columns": origin.columns(each.table),
                "by": by[key],
            }
            if each.seen:
                said["seen"] = each.seen
            if asks:
                said["batch"] = self._newest_batch(each)
            if key in found and found[key] != said:  # one table through two views
                said = said | {"seen": origin.digest(found[key], said), "batch": _least(found[key].get("batch"), said.get("batch"))}
            found[key] = said
        return found

    def _newest_batch(self, each: Input) -> int | None:
        if "_batch_id" not in {column.name for column in each.table.schema().fields}:
            return None
        said = next(self._commits(each.table), {}).get("comporta")  # a batch of ingestion says its own number
        if said:
            return int(json.loads(said)["window"]["batch_id"])
        found = origin.newest_batch(each.table)
        if found is None and each.relation is not None:
            _, rows = self.execute(f"select coalesce(max(_batch_id), -1) from {each.relation}", fetch=True)
            found = int(rows.rows[0][0])
        return found

    def _noted(self, table: DeltaTable) -> str | None:
        """The note of what the table holds: a table that was set back has that of the version that it was set back to."""
        options = storage.options(self._settings())
        for _ in range(10):
            try:
                commit = origin.commit(self._commits(table))
            except UnknownError:
                return None
            said = commit.get("operationParameters") or {}
            if commit.get("operation") == "RESTORE" and str(said.get("version", "")).isdigit():
                table = origin.open_table(table.table_uri, options, int(said["version"]))
            elif cloned := self._cloned(table, commit):
                table = cloned
            else:
                found = self._kept(table, commit) or commit.get("userMetadata")
                return found if isinstance(found, str) else None
        return None

    def _kept(self, table: DeltaTable, commit: Mapping[str, Any]) -> str | None:
        try:
            kept = json.loads(self._beside(table).read_text())
        except (OSError, ValueError):
            return None
        return str(kept["note"]) if kept.get("rows") == f"{table.metadata().id}@{commit['version']}" else None

    def _beside(self, table: DeltaTable) -> Path:
        return self._settings().var_dir / "state" / "origins" / f"{table.metadata().id}.json"


def _own(model: Mapping[str, Any]) -> Parts:
    return str(model["schema"]).lower(), str(model["alias"]).lower()


def by_table(inputs: Iterable[Input]) -> dict[str, list[str]]:
    """Of each table, by id, what stands between it and the model on each way."""
    found: dict[str, list[str]] = {}
    for each in inputs:
        found.setdefault(str(each.table.metadata().id), []).append(each.by)
    return {key: sorted(ways) for key, ways in found.items()}


def _least(*numbers: int | None) -> int | None:
    return None if None in numbers else min(number for number in numbers if number is not None)
