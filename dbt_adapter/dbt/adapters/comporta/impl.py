"""dbt-spark's adapter, and what our materializations ask it: may this model be left alone, may it go on, and from which batch."""

import json
import os
import re
import threading
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dbt.adapters.base import available
from dbt.adapters.base.relation import BaseRelation
from dbt.adapters.comporta import origin
from dbt.adapters.comporta.connections import ComportaConnectionManager, StatementError
from dbt.adapters.comporta.exact import ExactAdapter
from dbt.adapters.comporta.origin import UnknownError
from dbt.adapters.comporta.reading import OF_VIEW, Input, Parts, Read, Reading
from dbt.adapters.comporta.relation import ComportaRelation, sample_of, whole
from dbt_common.exceptions import DbtRuntimeError
from deltalake import DeltaTable

from lakehouse import atomic, machine
from lakehouse.engines import catalog
from lakehouse.engines.dialect import WHOLE
from lakehouse.engines.sqlnames import named
from lakehouse.engines.sqlrows import chooses_rows
from lakehouse.engines.sqltext import without_end
from lakehouse.errors import LockError, StorageError
from lakehouse.store import lock, storage
from lakehouse.tables import candidate, commits
from lakehouse.tables.types import spark_types
from releases import view

_WHOLE = re.compile(rf"\b({'|'.join(WHOLE)})\b(?!:)")
_NOTE = "spark.databricks.delta.commitInfo.userMetadata"
_LITTLE = candidate.Size(50_000, 4 * 2**20)  # of all inputs: so few rows are through before code for them is generated and compiled
_MANY_FILES = {  # of 16 MB before they are compressed: the less of a table a file holds, the less a merge writes anew
    "spark.sql.adaptive.coalescePartitions.initialPartitionNum": "200",
    "spark.sql.adaptive.advisoryPartitionSizeInBytes": "16m",
}
_ORDERED = WHOLE | {"date": "date"}
_ABSENT = {"SCHEMA_NOT_FOUND", "TABLE_OR_VIEW_NOT_FOUND"}
_ALWAYS = "it is tagged always"
_BATCHES = "macro.comporta.last_batch_id"


@dataclass
class Plan:
    """How a model is built now."""

    reason: str = ""  # why it is built whole; empty: it goes on from `since`
    since: int = -1


class ComportaAdapter(ExactAdapter, Reading):
    """dbt-spark's, with what is said in `origin`."""

    ConnectionManager: type[ComportaConnectionManager] = ComportaConnectionManager
    connections: ComportaConnectionManager
    Relation = ComportaRelation

    def __init__(self, config: Any, mp_context: Any) -> None:
        super().__init__(config, mp_context)
        for each in getattr(config, "dispatch", ()):
            # A search order that a package's manual gives knows nothing of this project, where the merge is. dbt's own order begins here.
            if config.project_name not in each["search_order"]:
                each["search_order"].insert(0, config.project_name)
        self._lock = threading.RLock()
        self._described: dict[str, dict[str, str]] = {}
        self._plans: dict[str, Plan] = {}
        self._whole: set[str] = set()
        self._names: dict[str, list[Parts]] = {}
        self._writing: AbstractContextManager[None] | None = None

    @classmethod
    def type(cls) -> str:
        """The adapter's name."""
        return "comporta"

    def set_macro_resolver(self, macro_resolver: Any) -> None:
        """Keep the manifest, so that an error can name the model's file."""
        super().set_macro_resolver(macro_resolver)
        self.connections.nodes = getattr(macro_resolver, "nodes", {})

    @available
    def begin_writing(self, what: str) -> None:
        """Take the lake's write lock until this process ends; nothing happens where a command of ours has it and runs dbt.

        Raises:
            DbtRuntimeError: another process writes; says which and since when. Or the lake can't be written.
        """
        if os.environ.get(lock.HELD) or self._writing is not None:
            return
        self._writing = machine.writing(self._settings(), what)
        try:
            self._writing.__enter__()
        except (LockError, StorageError) as error:
            self._writing = None
            raise DbtRuntimeError(str(error)) from None
        for mark in (self._settings().var_dir / "state").glob("built_*.json"):
            mark.unlink()  # what `make run` noted that it built: views may be other ones after this

    # What the catalog says, asked once for each schema

    def list_relations_without_caching(self, schema_relation: BaseRelation) -> list[BaseRelation]:
        """As dbt-spark's; what is said of each relation is kept."""
        try:
            found: list[BaseRelation] = super().list_relations_without_caching(schema_relation)
        except StatementError as error:
            if error.kind not in _ABSENT:
                raise
            found = []
        with self._lock:
            self._described[str(schema_relation.schema)] = {
                str(relation.identifier): getattr(relation, "information", None) or "" for relation in found
            }
        return found

    def get_columns_in_relation(self, relation: BaseRelation) -> list[Any]:
        """As dbt-spark's: none where there is no such table. `--empty` and samples leave out rows, not columns."""
        try:
            return list(super().get_columns_in_relation(whole(relation)))
        except StatementError as error:
            if error.kind not in _ABSENT:
                raise
            return []

    def _information(self, relation: BaseRelation) -> str:
        schema, name = str(relation.schema), str(relation.identifier)
        with self._lock:
            if schema not in self._described:
                self.list_relations_without_caching(self.Relation.create(schema=schema).include(identifier=False))
            return self._described[schema].get(name) or self._described[schema].get(name.lower(), "")

    @available
    def stamp_of_view(self, model: dict[str, Any]) -> str | None:
        """What a view is made of besides its query; None if that can't be told, or if it must be made each time."""
        query = model.get("compiled_code")  # not while it is compiled, and not of what `dbt clone` lays
        if query is None or _has_side_effects(model):
            return None
        try:
            names = self._names_besides(model, query)
            below = sorted(f"{each.name} {origin.columns(each.table)}" for each in self._read(model, names).inputs)
        except UnknownError:
            return None
        columns = {name: (column.get("data_type"), column.get("description")) for name, column in model["columns"].items()}
        return origin.digest(below, model.get("description"), columns, model["config"].get("contract"))

    @available
    def is_view_of(self, relation: BaseRelation, query: str, stamp: str) -> bool:
        """Whether the catalog has this very view."""
        same = self.text_of_view(relation).strip() == without_end(query).strip()  # Spark keeps no comment behind it
        return same and f"comporta.stamp={stamp}" in self._information(relation)

    @available
    def note_view(self, relation: BaseRelation, query: str, stamp: str | None) -> None:
        """Keep what is now in the catalog of a view that was just made."""
        said = (
            f"Type: VIEW\nView Text: {without_end(query).strip()}\nView Original Text: \nTable Properties: [comporta.stamp={stamp}]"
        )
        with self._lock:
            self._described.setdefault(str(relation.schema), {})[str(relation.identifier)] = said

    @available
    def columns_of(self, relation: BaseRelation) -> list[str]:
        """Columns of a Delta table with their types, as `describe` has them."""
        return [
            f"{name} {_WHOLE.sub(lambda kind: WHOLE[kind[0]], kind)}" for name, kind in spark_types(self._table(relation)).items()
        ]

    # What stands in for a table that is not there

    @available
    def released(self, model: dict[str, Any]) -> BaseRelation | None:
        """With `--defer`, what readers see of `model`; None if no release shows it."""
        manifest: Any = self.get_macro_resolver()
        instead = getattr(manifest.nodes.get(model["unique_id"]), "defer_relation", None)
        if not instead or not getattr(self.config.args, "defer", False):
            return None
        shown = self.Relation.create(schema=instead.schema, identifier=instead.identifier, type="table", is_delta=True)
        return shown if view.read(self.text_of_view(shown)) else None

    @available
    def to_clone(self, released: BaseRelation) -> str:
        """What `shallow clone` is to be told for the rows that `released` shows: the table behind it, at that version."""
        shown = view.read(self.text_of_view(released))
        if shown is None:
            raise DbtRuntimeError(f"{released} is a view that no release made (wanted: a released table to clone). Run make dev")
        return f"{catalog.quote(*shown[:2])} version as of {shown[2]}"

    @available
    def expect_few_rows(self) -> None:
        """Have this node's session plan for few rows."""
        self._begin_with(catalog.SMALL)

    # What a model is made of

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
        """From here on, or no longer, `plan` says that the model is built whole."""
        (self._whole.add if now else self._whole.discard)(model["unique_id"])

    @available
    def has_ephemeral_parents(self, model: dict[str, Any]) -> bool:
        """Whether dbt puts other models' queries into this one's."""
        manifest: Any = self.get_macro_resolver()
        nodes = (manifest.nodes.get(number) for number in model["depends_on"]["nodes"])
        return any(getattr(node, "is_ephemeral_model", False) for node in nodes)

    @available
    def forget(self, model: dict[str, Any]) -> None:
        """The model is built: another look is a fresh one."""
        with self._lock:
            self._plans.pop(model["unique_id"], None)

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
            side = _has_side_effects(model)
            note |= {"asks": side or f"it asks for {asked}"} if side or asked else {}
            plan = self._plans.get(model["unique_id"])
            # What is merged is taken for rows of newer batches, unless something else may have chosen them.
            newer = (
                plan is not None
                and not plan.reason
                and side != _ALWAYS
                and not (asked and (asked.startswith(OF_VIEW) or chooses_rows(query)))
            )
            return note | {"since": plan.since if plan and newer else -1, "asked": asked}
        except UnknownError as error:
            return {"comporta": 1, "unknown": str(error)}

    def _asked(self, model: Mapping[str, Any], query: str, found: Read, note: Mapping[str, Any]) -> str:
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

    @available
    def prepare(self, model: dict[str, Any], note: str | None, target: BaseRelation | None = None) -> None:
        """Have the commits of this node's session carry `note`; where all that it reads, with the `target` of a merge, is small, plan for that."""
        opened = self._begin_with(({_NOTE: note} if note else {}) | (catalog.SMALL if self._reads_little(model, target) else {}))
        if opened and not note:
            self.execute(f"reset {_NOTE}")

    def _begin_with(self, settings: Mapping[str, str]) -> bool:
        """Have this node's session work with `settings`; whether it is open already."""
        connection = self.connections.get_if_exists()
        if connection is None or connection.state != "open":
            self.connections.for_next_session(connection.name if connection else None, settings)
            return False
        for name, value in settings.items():
            self.execute(f"set {name}={value}")
        return True

    def _reads_little(self, model: Mapping[str, Any], target: BaseRelation | None) -> bool:
        try:
            read = self._size_of_inputs(model, target)
            return read.rows <= _LITTLE.rows and read.size <= _LITTLE.size
        except UnknownError:
            return False

    def _size_of_inputs(self, model: Mapping[str, Any], target: BaseRelation | None = None) -> candidate.Size:
        read = self._read(model, self._names.get(model["unique_id"], ())).inputs
        tables = [each.table for each in read] + ([self._table(target)] if target else [])
        sizes = [candidate.size_of(table) for table in tables]
        return candidate.Size(sum(each.rows for each in sizes), sum(each.size for each in sizes))

    @available
    def key_for_files(self, model: dict[str, Any], unique_key: str | list[str], query: str, large: int) -> list[str]:
        """Columns of the key by which the rows of `query` are put into files; none if the model reads less than `large` bytes."""
        key = [unique_key] if isinstance(unique_key, str) else unique_key
        try:
            if self._size_of_inputs(model).size < large:
                return []
        except UnknownError:
            return []
        for name, value in _MANY_FILES.items():
            self.execute(f"set {name}={value}")
        kinds = {name.lower(): kind for name, kind in self.columns_of_query(query)}
        return [name for name in key if kinds.get(catalog.unquoted(name).lower()) in _ORDERED.values()]

    @available
    def keys_that_skip_files(self, relation: BaseRelation, unique_key: str | list[str], large: int) -> dict[str, str]:
        """Columns of the key, with types, by whose least and greatest value files are skipped; none if the table is below `large` bytes."""
        key = [unique_key] if isinstance(unique_key, str) else unique_key
        try:
            table = self._table(relation)
            if candidate.size_of(table).size < large:
                return {}
            named = {catalog.unquoted(name).lower() for name in key}
            types = spark_types(table)
            return {name: _ORDERED[kind] for name, kind in types.items() if name.lower() in named and kind in _ORDERED}
        except UnknownError:
            return {}

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

    def _beside(self, table: DeltaTable) -> Path:
        return self._settings().var_dir / "state" / "origins" / f"{table.metadata().id}.json"

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

    def _plan(self, model: dict[str, Any], relation: BaseRelation) -> Plan:
        number = model["unique_id"]
        with self._lock:
            if number not in self._plans:
                self._plans[number] = self._made_plan(model, relation)
            return self._plans[number]

    def _made_plan(self, model: dict[str, Any], relation: BaseRelation) -> Plan:
        try:
            table = self._table(relation)
            held = commits.read_note(self._noted(table))
            if not held:
                return Plan("it is not known what its table was built from")
            if "unknown" in held:
                return Plan(str(held["unknown"]))
            if "inputs" not in held:
                return Plan("its table was built from a part of the rows")
            if held.get("model") != self._as_written(model):
                return Plan("the model has changed")
            found = self._read(model, [tuple(parts) for parts in held.get("named", [])])
            return self._went_on(held, found)
        except UnknownError as error:
            return Plan(f"{error}")

    def _went_on(self, held: Mapping[str, Any], found: Read) -> Plan:
        since: list[int] = []
        inputs = found.inputs
        by = _by(inputs)
        for each in inputs:
            key = str(each.table.metadata().id)
            before = held["inputs"].get(key)
            if before is None:
                return Plan(f"{each.name} was not there, or was another table")
            if before.get("by") != by[key]:
                return Plan(f"a view or an ephemeral model between it and {each.name} has changed")
            if not each.forward:
                return Plan(f"{each.name} does not keep the rows that leave it")
            batch = before.get("batch")
            if not _only_grew(self._commits(each.table), int(str(before["rows"]).rpartition("@")[2]), batch):
                return Plan(f"{each.name} was rebuilt, set back, changed by hand, or got rows of older batches")
            if batch is not None:
                since.append(int(batch))
        if held.get("between") != origin.digest(sorted(found.texts)):
            return Plan("a view or an ephemeral model that it reads has changed")
        return Plan(since=min(since, default=-1))

    def _inputs_now(self, model: Mapping[str, Any], read: Read) -> dict[str, dict[str, Any]]:
        asks = _BATCHES in self._macros_within(model["raw_code"], model["depends_on"]["macros"])
        found: dict[str, dict[str, Any]] = {}
        inputs = read.inputs
        by = _by(inputs)
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


def _own(model: Mapping[str, Any]) -> Parts:
    return str(model["schema"]).lower(), str(model["alias"]).lower()


def _by(inputs: Iterable[Input]) -> dict[str, list[str]]:
    """Of each table, by id, what stands between it and the model on each way."""
    found: dict[str, list[str]] = {}
    for each in inputs:
        found.setdefault(str(each.table.metadata().id), []).append(each.by)
    return {key: sorted(ways) for key, ways in found.items()}


def _least(*numbers: int | None) -> int | None:
    return None if None in numbers else min(number for number in numbers if number is not None)


def _has_side_effects(model: Mapping[str, Any]) -> str:
    """What says that a model does more than its query tells; empty if nothing does."""
    if any(model["config"].get(name) for name in ("pre-hook", "pre_hook", "post-hook", "post_hook")):
        return "it has hooks"
    return _ALWAYS if "always" in model.get("tags", ()) else ""


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
