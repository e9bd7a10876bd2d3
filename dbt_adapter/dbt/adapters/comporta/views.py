"""What the catalog says, asked once for each schema; views that stand, and what stands in for a table that is not there."""

import re
import threading
from typing import Any

from dbt.adapters.base import available
from dbt.adapters.base.relation import BaseRelation
from dbt.adapters.comporta import origin
from dbt.adapters.comporta.connections import ComportaConnectionManager, StatementError
from dbt.adapters.comporta.exact import ExactAdapter
from dbt.adapters.comporta.origin import UnknownError
from dbt.adapters.comporta.reading import ReadingAdapter, side_effects
from dbt.adapters.comporta.relation import ComportaRelation, whole
from dbt_common.exceptions import DbtRuntimeError

from lakehouse.engines import catalog
from lakehouse.engines.dialect import WHOLE
from lakehouse.engines.sqltext import without_end
from lakehouse.tables.types import spark_types
from releases import view

_WHOLE = re.compile(rf"\b({'|'.join(WHOLE)})\b(?!:)")
_ABSENT = {"SCHEMA_NOT_FOUND", "TABLE_OR_VIEW_NOT_FOUND"}


class ViewsAdapter(ExactAdapter, ReadingAdapter):
    """What an adapter says of tables and views that are there."""

    ConnectionManager: type[ComportaConnectionManager] = ComportaConnectionManager
    connections: ComportaConnectionManager
    Relation = ComportaRelation

    def __init__(self, config: Any, mp_context: Any) -> None:
        super().__init__(config, mp_context)
        self._lock = threading.RLock()
        self._described: dict[str, dict[str, str]] = {}

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
        if query is None or side_effects(model):
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
