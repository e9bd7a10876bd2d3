"""dbt-spark's adapter with names, types and literals exact: what dbt's macros ask it that has nothing to do with when a model is built."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dbt.adapters.base import available
from dbt.adapters.base.relation import BaseRelation
from dbt.adapters.comporta import fixture, seed
from dbt.adapters.contracts.relation import RelationType
from dbt.adapters.spark import SparkAdapter
from dbt.adapters.spark.column import SparkColumn
from dbt_common.exceptions import CompilationError, DbtRuntimeError

from lakehouse.engines import catalog
from lakehouse.engines.sqltext import without_end
from lakehouse.tables.types import one_name
from releases import layer

_QUOTED = re.compile(r"`(?:[^`]|``)+`(?:\.`(?:[^`]|``)+`)*")
_PATH = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*")
_MORE = re.compile(r"\.\.\. \d+ more fields")
_WIDE = "spark.sql.debug.maxToStringFields"  # fields of a struct that Spark prints; beyond, it says how many more there are


class ExactAdapter(SparkAdapter):
    """What an adapter says of names, types and literals."""

    # Names

    def quote(self, identifier: str) -> str:  # type: ignore[override]  # of an object, as dbt-spark has it
        """As dbt-spark's, with backticks in the name."""
        return catalog.quote(str(identifier))  # dbt asks for the name of a database that there is none of

    @available
    def named(self, names: str | Iterable[str]) -> list[str]:
        """Each name of a column as SQL has it, whatever stands in it; one that its author has quoted is left as it is.

        A path of plain names (`address.city`) stays one.
        """
        return [_named(name) for name in ([names] if isinstance(names, str) else names)]

    @available
    def columns(self, names: Iterable[str]) -> list[str]:
        """As `named`, of whole columns: a dot in a name begins no field."""
        return [catalog.quote(catalog.unquoted(name)) for name in names]

    @available
    def unquoted(self, name: str) -> str:
        """The name, which may be written in backticks."""
        return catalog.unquoted(name)

    @available
    def literal(self, text: str) -> str:
        """`text` as a literal of Spark's SQL."""
        return catalog.literal(str(text))

    @available
    def fixture(self, name: str, value: Any, kind: str) -> str:
        """A value of a unit test's fixture as an expression of the type `kind`.

        Raises:
            CompilationError: YAML has made another value of what is written.
        """
        try:
            return fixture.sql(name, value, kind)
        except fixture.FixtureError as error:
            raise CompilationError(str(error)) from None

    @available
    def descriptions(self, columns: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
        """What YAML says of columns, by their names in small letters."""
        return {catalog.unquoted(column["name"]).lower(): column.get("description") or "" for column in columns.values()}

    @available
    def comments_to_write(self, relation: BaseRelation, columns: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
        """YAML's `columns` whose comment in the catalog is another: `nested`, fields of columns, by paths in SQL, and `others`, which may not be there."""
        held = {name.lower(): comment for name, _, comment in self._columns_with_comments(f"select * from {relation}")}
        found: dict[str, dict[str, Any]] = {"nested": {}, "others": {}}
        for name, column in columns.items():
            plain = catalog.unquoted(name).lower()
            if plain not in held and plain.partition(".")[0] in held:
                found["nested"][_named(name)] = column
            elif held.get(plain) != (column.get("description") or ""):
                found["others"][catalog.unquoted(name)] = column
        return found

    # Types

    @available
    def one_name(self, kind: str | None) -> str:
        """A type's one name: `integer` is `int`."""
        return one_name(kind or "")

    @available
    def columns_of_query(self, query: str) -> list[tuple[str, str]]:
        """Names and types of what a query gives, types whole."""
        return [(name, kind) for name, kind, _ in self._columns_with_comments(query)]

    def _columns_with_comments(self, query: str) -> list[tuple[str, str, str]]:
        """Name, type and comment of each column that a query gives."""
        ask = f"describe query {query}"
        _, found = self.execute(ask, fetch=True)
        if any(_MORE.search(row[1]) for row in found.rows):
            self.execute(f"set {_WIDE}=100000")
            _, found = self.execute(ask, fetch=True)
            self.execute(f"reset {_WIDE}")
        return [(str(row[0]), str(row[1]), str(row[2] or "")) for row in found.rows]

    def get_columns_in_relation(self, relation: BaseRelation) -> list[Any]:
        """Its columns with whole types, whatever they are called: dbt-spark's takes a name that begins with # for the end of them."""
        found = self.columns_of_query(f"select * from {relation}")
        return [
            ExactColumn(
                table_schema=relation.schema,
                table_name=relation.name,
                table_type=relation.type,
                column_index=at,
                column=name,
                dtype=kind,
            )
            for at, (name, kind) in enumerate(found)
        ]

    def _build_spark_relation_list(self, row_list: Any, relation_info_func: Any) -> list[BaseRelation]:
        """As dbt-spark's, which takes a table whose comment says `Type: VIEW` for a view."""
        found = list[BaseRelation]()
        for schema, name, said in map(relation_info_func, row_list):
            told = catalog.described(said)
            kind: Any = RelationType.View if told.is_view else RelationType.Table
            is_delta = told.provider.lower() == "delta"
            found.append(self.Relation.create(schema=schema, identifier=name, type=kind, information=said, is_delta=is_delta))
        return found

    # Queries

    def connection_named(self, name: str, query_header_context: Any = None, should_release_connection: bool = True) -> Any:
        """As dbt's. Before anything is compiled, the models' queries lose the semicolon that ends them."""
        self._end_queries()
        return super().connection_named(name, query_header_context, should_release_connection)

    def _end_queries(self) -> None:
        manifest: Any = self.get_macro_resolver()
        nodes = getattr(manifest, "nodes", {})
        if self._ended == (id(manifest), len(nodes)):
            return
        for node in nodes.values():
            if getattr(node, "language", "sql") == "sql" and ";" in (getattr(node, "raw_code", "") or ""):
                node.raw_code = without_end(node.raw_code)
        self._ended = (id(manifest), len(nodes))

    _ended: tuple[int, int] = (0, 0)

    @available
    def without_end(self, query: str) -> str:
        """The query without a semicolon that ends it."""
        return without_end(query)

    @available
    def check_released(self, nodes: list[dict[str, Any]], prefix: str) -> None:
        """Refuse to begin if one of the `nodes` that are to be built is of a layer, and no release could show it.

        Raises:
            DbtRuntimeError: names each of them, why, and what to write.
        """
        if found := layer.troubles(nodes, prefix):
            raise DbtRuntimeError("Nothing was built. " + ". ".join(found) + ".")

    @available
    def read_seed(self, model: dict[str, Any]) -> dict[str, Any]:
        """A seed's `columns`, a select list over an array `r` of texts; `parts`, literals of its rows; `table`, the same for dbt.

        Raises:
            CompilationError: it can't be loaded as it is written.
        """
        from agate import Table, Text

        config = model["config"]
        try:
            delimiter, given = config.get("delimiter") or ",", config.get("column_types") or {}
            found = seed.read(self._path_of(model), model["original_file_path"], delimiter, given)
        except seed.SeedError as error:
            raise CompilationError(str(error)) from None
        table = Table(found.rows, list(found.types), column_types=[Text(cast_nulls=False)] * len(found.types))
        return {"columns": found.columns(), "parts": list(found.statements()), "table": table, "has_odd_names": found.has_odd_names}

    def _path_of(self, model: Mapping[str, Any]) -> Path:
        """Where the seed's file is: in this project, in a package, or where it was parsed."""
        project: Any = self.config
        root = Path(project.project_root)
        if model["package_name"] != project.project_name:
            root = root / str(project.packages_install_path) / str(model["package_name"])
        path = root / str(model["original_file_path"])
        return path if path.exists() else Path(str(model.get("root_path") or "")) / model["original_file_path"]


def _named(name: str) -> str:
    if _QUOTED.fullmatch(name):
        return name
    return catalog.quote(*name.split(".")) if _PATH.fullmatch(name) else catalog.quote(name)


@dataclass
class ExactColumn(SparkColumn):
    """A column whose name may hold a backtick."""

    @property
    def quoted(self) -> str:
        """Its name as SQL has it."""
        return catalog.quote(self.column)
