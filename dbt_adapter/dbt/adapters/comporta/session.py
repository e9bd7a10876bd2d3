"""What a node's session is told before it works: how few rows it reads, what its commits note, into how many files it writes."""

from collections.abc import Mapping
from typing import Any

from dbt.adapters.base import available
from dbt.adapters.base.relation import BaseRelation
from dbt.adapters.comporta.origin import UnknownError
from dbt.adapters.comporta.reading import Parts
from dbt.adapters.comporta.views import ViewsAdapter

from lakehouse.engines import catalog
from lakehouse.engines.dialect import WHOLE
from lakehouse.tables import candidate
from lakehouse.tables.types import spark_types

_NOTE = "spark.databricks.delta.commitInfo.userMetadata"
_LITTLE = candidate.Size(50_000, 4 * 2**20)  # of all inputs: so few rows are through before code for them is generated and compiled
_MANY_FILES = {  # of 16 MB before they are compressed: the less of a table a file holds, the less a merge writes anew
    "spark.sql.adaptive.coalescePartitions.initialPartitionNum": "200",
    "spark.sql.adaptive.advisoryPartitionSizeInBytes": "16m",
}
_ORDERED = WHOLE | {"date": "date"}


class SessionAdapter(ViewsAdapter):
    """What an adapter has a session work with."""

    def __init__(self, config: Any, mp_context: Any) -> None:
        super().__init__(config, mp_context)
        self._names: dict[str, list[Parts]] = {}  # of tables that a model's query names besides those that dbt knows of

    @available
    def prepare(self, model: dict[str, Any], note: str | None, target: BaseRelation | None = None) -> None:
        """Have the commits of this node's session carry `note`; where all that it reads, with the `target` of a merge, is small, plan for that."""
        opened = self._begin_with(({_NOTE: note} if note else {}) | (catalog.SMALL if self._reads_little(model, target) else {}))
        if opened and not note:
            self.execute(f"reset {_NOTE}")

    @available
    def expect_few_rows(self) -> None:
        """Have this node's session plan for few rows."""
        self._begin_with(catalog.SMALL)

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
