"""What a model reads: the tables that `ref` and `source` give, those that its query names by itself, and what stands between."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from dbt.adapters.base import available
from dbt.adapters.base.relation import BaseRelation
from dbt.adapters.comporta import origin
from dbt.adapters.comporta.compiled import CompiledAdapter
from dbt.adapters.comporta.origin import UnknownError
from dbt_common.exceptions import DbtRuntimeError
from deltalake import DeltaTable

from lakehouse.engines import catalog
from lakehouse.engines.sqlnames import Name, named
from lakehouse.engines.sqltext import QueryNames, asked
from lakehouse.machine import load
from lakehouse.settings import Settings
from lakehouse.store import storage
from lakehouse.tables import candidate, commits
from releases import view

_TEXT = re.compile(
    r"^View Text: (.*?)\n(?:View Original Text|View Schema Mode|View Catalog and Namespace)", re.DOTALL | re.MULTILINE
)
_NAMESPACE = re.compile(r"^View Catalog and Namespace: (?:spark_catalog\.)?(\S+)$", re.MULTILINE)
_NO_TABLES = {"parquet", "orc", "csv", "json", "text", "avro", "xml", "binaryfile", "global_temp"}
OF_VIEW = "the view "
Parts = tuple[str, ...]

ALWAYS = "it is tagged always"


@dataclass
class Input:
    """A Delta table that a model reads, perhaps through views."""

    name: str
    table: DeltaTable
    seen: str = ""  # what stands between: texts of views, what is held back in quarantine
    by: str = ""  # of that, what decides how its rows look: the views and the ephemeral models
    relation: BaseRelation | None = None  # whom to ask about `_batch_id`
    forward: bool = True  # whether its rows only ever come in newer batches


@dataclass
class ModelInputs:
    """All that a model reads."""

    inputs: list[Input] = field(default_factory=list)
    texts: set[str] = field(default_factory=set)  # digests of what stands between
    views: dict[str, str] = field(default_factory=dict)  # names and texts of views between


class ReadingAdapter(CompiledAdapter):
    """What an adapter tells of a model's inputs."""

    _loaded: Settings | None = None

    def _read(self, model: Mapping[str, Any], names: Iterable[Parts] = ()) -> ModelInputs:
        """What `model` reads.

        Args:
            names: of tables that its query names besides those that dbt knows of.

        Raises:
            UnknownError: it reads what can't be known.
        """
        found = ModelInputs()
        for number in model["depends_on"]["nodes"]:
            self._reach(found, number, "")
        for parts in names:
            self._reach_named(found, parts, "")
        return found

    def _names_besides(self, model: Mapping[str, Any], *queries: str) -> list[Parts]:
        """Names of tables in `queries` that are not what `ref` and `source` give: whoever wrote them, or a macro, knew them."""
        given = {key_of(relation) for relation in self._given(model["depends_on"]["nodes"])}
        names = {each.parts for query in queries for each in named(query)}
        return sorted(parts for parts in names if _plain(parts) not in given)

    def _given(self, numbers: Iterable[str]) -> Iterator[BaseRelation]:
        manifest: Any = self.get_macro_resolver()
        for number in numbers:
            node = manifest.nodes.get(number) or manifest.sources.get(number)
            if node is not None and not getattr(node, "is_ephemeral_model", False):
                yield self._resolved(node)

    def _reach(self, found: ModelInputs, number: str, seen: str) -> None:
        manifest: Any = self.get_macro_resolver()
        node = manifest.nodes.get(number) or manifest.sources.get(number)
        if node is None:
            raise UnknownError(f"{number} is not known")
        if getattr(node, "is_ephemeral_model", False):
            written = origin.digest(seen, *self._text_of(node.raw_code, node.depends_on.macros))
            found.texts.add(written)
            for parent in node.depends_on.nodes:
                self._reach(found, parent, written)
            return
        relation = self._resolved(node)
        elsewhere = node.resource_type == "source" or relation.schema != node.schema
        if elsewhere and not self._is_view_of_sources(node, relation):
            self._reach_outside(found, relation, seen)
        elif node.config.materialized == "view":
            text = self.text_of_view(relation)
            if not text:
                raise UnknownError(f"{relation} is no view yet")
            found.views[str(relation)] = text
            seen = origin.digest(seen, origin.code(self._neutral(node.depends_on.nodes, text)))
            found.texts.add(seen)
            for parent in node.depends_on.nodes:
                self._reach(found, parent, seen)
            self._reach_text(
                found, relation, text=text, given={key_of(each) for each in self._given(node.depends_on.nodes)}, seen=seen
            )
        else:
            kept = node.config.materialized == "incremental" and (node.config.meta or {}).get("on_tombstone") == "keep"
            found.inputs.append(
                Input(name=str(relation), table=self._table(relation), seen=seen, by=seen, relation=relation, forward=kept)
            )

    def _reach_outside(self, found: ModelInputs, relation: BaseRelation, seen: str) -> None:
        """What no model of this project makes: a table, a view that a release made, or one made by hand."""
        text = self.text_of_view(relation)
        if not text:
            found.inputs.append(Input(name=str(relation), table=self._table(relation), seen=seen, by=seen, relation=relation))
            return
        shown = view.read(text)
        if shown is None:
            found.views[str(relation)] = text
            seen = origin.digest(seen, text)
            found.texts.add(seen)
            self._reach_text(found, relation, text=text, given=set(), seen=seen)
            return
        table = self._shown(*shown)
        # Which version is shown is told by the rows; what else the text says is what is held back.
        held = re.sub(r"version as of \d+", "", text, count=1) if "anti join" in text else ""
        found.inputs.append(
            Input(name=str(relation), table=table, seen=origin.digest(seen, held) if held else seen, by=seen, relation=relation)
        )

    def _reach_text(self, found: ModelInputs, relation: BaseRelation, text: str, given: set[Parts], seen: str) -> None:
        """What a view's text names, but for what is `given` to it; a name without a schema is of the schema that it was made in."""
        home = _NAMESPACE.search(self._information(relation))
        for parts in sorted({each.parts for each in named(text)}):
            whole = (home[1], *parts) if home and len(parts) == 1 else parts
            if _plain(whole) not in given:
                self._reach_named(found, whole, seen)

    def _reach_named(self, found: ModelInputs, parts: Parts, seen: str) -> None:
        """What a query names in SQL: as what `ref` gives where a node of the project makes it."""
        name, plain = Name(parts, 0, 0), _plain(parts)
        if len(plain) != 2:
            raise UnknownError(f"it names {name}" + (", without a schema" if len(plain) == 1 else ", of another catalog"))
        schema, table = plain
        if schema == "delta" and "/" in table:
            opened = origin.open_table(_local(table), storage.options(self._settings()))
            found.inputs.append(Input(str(name), opened, seen, seen))
            return
        if schema in _NO_TABLES:
            raise UnknownError(f"it names {name}, which is no table")
        relation = self.Relation.create(schema=schema, identifier=table)
        number = self._numbers_by_name().get(plain)
        manifest: Any = self.get_macro_resolver()
        node = manifest.nodes.get(number) or manifest.sources.get(number)
        if node is not None and key_of(self._resolved(node)) == plain:
            self._reach(found, str(number), seen)
        else:
            self._reach_outside(found, relation, seen)

    def _numbers_by_name(self) -> dict[Parts, str]:
        """Ids of what the project makes or declares, by schema and name."""
        manifest: Any = self.get_macro_resolver()
        held: tuple[Any, dict[Parts, str]] | None = getattr(self, "_named_nodes", None)
        if held is None or held[0] is not manifest:
            nodes = [*manifest.sources.values(), *(node for node in manifest.nodes.values() if node.is_refable)]
            names = {
                key_of(self.Relation.create(schema=node.schema, identifier=node.identifier)): node.unique_id
                for node in nodes
                if not getattr(node, "is_ephemeral_model", False)
            }
            self._named_nodes = held = manifest, names
        return held[1]

    def _is_view_of_sources(self, node: Any, relation: BaseRelation) -> bool:
        """Whether `relation` is a model's view that reads the sources of this target, as another target made it."""
        parents = node.depends_on.nodes if node.resource_type == "model" and node.config.materialized == "view" else []
        manifest: Any = self.get_macro_resolver()
        text = self._neutral(parents, self.text_of_view(relation))
        return bool(parents) and all(number in manifest.sources and f"<{number}>" in text for number in parents)

    def _neutral(self, numbers: Iterable[str], query: str) -> str:
        """`query` with the ids of its parents for their names: in another schema it is the same query, of a clone of the same table."""
        manifest: Any = self.get_macro_resolver()
        for number in numbers:
            node = manifest.nodes.get(number) or manifest.sources.get(number)
            if node is not None and not getattr(node, "is_ephemeral_model", False):
                name = (
                    self.Relation.create(schema=node.schema, identifier=node.identifier) if node.resource_type == "source" else None
                )
                query = re.sub(rf"(?<![\w.`]){re.escape(str(name or self._resolved(node)))}(?![\w`])", f"<{number}>", query)
        return query

    def _resolved(self, node: Any) -> BaseRelation:
        """The relation that `ref` gives: the node's own, or with `--defer` the one that stands in for it."""
        own = self.Relation.create(schema=node.schema, identifier=node.identifier)
        instead = getattr(node, "defer_relation", None)
        if not instead or not getattr(self.config.args, "defer", False):
            return own
        from dbt import selected_resources

        preferred = getattr(self.config.args, "favor_state", False) and node.unique_id not in selected_resources.SELECTED_RESOURCES
        if preferred or not self.get_relation(node.database, node.schema, node.identifier):
            return self.Relation.create(schema=instead.schema, identifier=instead.identifier)
        return own

    # What the text of a query asks for that is in no table

    def _asks(self, found: ModelInputs, query: str, held: str | None) -> str:
        """Why `query` need not give the same for the same rows; empty if it does.

        A word such as `user` may be a column's: where there is one of that name, Spark tells.

        Args:
            held: the answer for the very same query and columns, if there is one: so that Spark need not be asked again.
        """
        texts = {"": query} | {f"{OF_VIEW}{name}: ": text for name, text in found.views.items()}
        said = {where: asked(text) for where, text in texts.items()}
        for where, each in said.items():
            if each.surely:
                return f"{where}{min(each.surely)}"
        if held is not None:
            return held
        columns = {column.name.lower() for each in found.inputs for column in each.table.schema().fields}
        for where, each in said.items():
            if each.perhaps and (words := self._really(texts[where], each, columns)):
                return f"{where}{words}"
        return ""

    def _really(self, query: str, said: QueryNames, columns: set[str]) -> str:
        """Which of what `query` perhaps asks for it does ask for."""
        if sure := {word for word in said.perhaps if word[0] != "'"} - columns - said.aliases:
            return min(sure)
        try:
            self.execute("set spark.sql.debug.maxToStringFields=100000")
            _, told = self.execute(f"explain extended {query}", fetch=True)
        except DbtRuntimeError:
            return "what Spark can't tell"
        return origin.calls_in_plan(str(told.rows[0][0]))

    # Tables

    @available
    def text_of_view(self, relation: BaseRelation) -> str:
        """The query of a view as the catalog has it; empty if it has none."""
        found = _TEXT.search(self._information(relation))
        return found[1] if found else ""

    def _information(self, relation: BaseRelation) -> str:
        raise NotImplementedError

    def _shown(self, schema: str, name: str, at: int) -> DeltaTable:
        return origin.open_table(candidate.place(self._settings(), schema, name), storage.options(self._settings()), at)

    def _table(self, relation: BaseRelation) -> DeltaTable:
        """The relation's table; of a clone that nobody has written since, what it is a clone of; of a view that a release made, what it shows."""
        if shown := view.read(self.text_of_view(relation)):
            return self._shown(*shown)
        table = self._named(relation)
        try:
            return self._cloned(table, origin.commit(self._commits(table))) or table
        except UnknownError:
            return table

    def _cloned(self, table: DeltaTable, commit: Mapping[str, Any]) -> DeltaTable | None:
        said = commit.get("operationParameters") or {}
        if commit.get("operation") != "CLONE" or not str(said.get("sourceVersion", "")).isdigit():
            return None
        schema, _, name = str(said.get("source", "")).replace("`", "").removeprefix("spark_catalog.").partition(".")
        place = _local(name) if schema == "delta" else candidate.place(self._settings(), schema, name)
        return origin.open_table(place, storage.options(self._settings()), int(said["sourceVersion"]))

    def _commits(self, table: DeltaTable) -> Iterator[dict[str, Any]]:
        return commits.newest_first(self._settings(), table)

    def _named(self, relation: BaseRelation) -> DeltaTable:
        said = catalog.described(self._information(relation)).place
        settings, names = self._settings(), (str(relation.schema), str(relation.identifier))
        place = _local(said.strip()) if said else candidate.place(settings, *names)
        try:
            return origin.open_table(place, storage.options(settings))
        except UnknownError:
            if said or names == key_of(relation):
                raise
        return origin.open_table(
            candidate.place(settings, *key_of(relation)), storage.options(settings)
        )  # as Spark names its folders

    def _settings(self) -> Settings:
        if self._loaded is None:
            self._loaded = load()
        return self._loaded


def key_of(relation: BaseRelation) -> Parts:
    """Schema and name of a relation, as the catalog tells them apart."""
    return str(relation.schema).lower(), str(relation.identifier).lower()


def _plain(parts: Parts) -> Parts:
    """A name without the catalog, which there is only one of."""
    return parts[1:] if len(parts) == 3 and parts[0] == "spark_catalog" else parts


def _local(place: str) -> str:
    """A location as delta-rs spells it."""
    if place.startswith("s3a://"):
        return "s3://" + place.removeprefix("s3a://")
    return "/" + place.removeprefix("file:").lstrip("/") if place.startswith("file:") else place


def side_effects(model: Mapping[str, Any]) -> str:
    """What says that a model does more than its query tells; empty if nothing does."""
    if any(model["config"].get(name) for name in ("pre-hook", "pre_hook", "post-hook", "post_hook")):
        return "it has hooks"
    return ALWAYS if "always" in model.get("tags", ()) else ""
