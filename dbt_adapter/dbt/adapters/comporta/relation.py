"""Relations of dbt-spark; in a person's own schemas a `ref` may give a sample."""

import os
from dataclasses import dataclass, replace
from typing import Any

from dbt.adapters.base.relation import BaseRelation
from dbt.adapters.spark import SparkRelation
from jinja2 import Undefined

from lakehouse.engines import catalog

_PARTS = 1_000_000


def sample_of(target: str) -> float:
    """The share of rows, above 0 and at most 1, that a `ref` gives: DEV_SAMPLE, a percentage, and only in the target `dev`."""
    said = os.environ.get("DEV_SAMPLE", "").strip().rstrip("%") if target == "dev" else ""
    if not said:
        return 1.0
    try:
        share = float(said) / 100
    except ValueError:
        share = 0.0
    if not 0 < share <= 1:
        raise ValueError(f"DEV_SAMPLE is {said!r} (wanted: a percentage above 0, at most 100)")
    return share


@dataclass(frozen=True, eq=False, repr=False)
class ComportaRelation(SparkRelation):
    """A relation; one with a `sample` stands for those of its rows that meet this condition."""

    sample: str | None = None

    @classmethod
    def create(cls, database: Any = None, schema: Any = None, identifier: Any = None, type: Any = None, **kwargs: Any) -> Any:
        """As dbt's; `target.database`, which packages hand on as it is and which no target of Spark's has, is no database."""
        return super().create(None if isinstance(database, Undefined) else database, schema, identifier, type, **kwargs)

    @classmethod
    def create_from(cls, quoting: Any, relation_config: Any, **kwargs: Any) -> "ComportaRelation":
        """As dbt's. What `ref` gives of a model that says `meta.sample_by` is sampled, if that is asked for.

        A sample goes by the hash of that column, so that of all models with the same one the rows belong together.
        """
        made: ComportaRelation = super().create_from(quoting, relation_config, **kwargs)
        if "event_time_filter" not in kwargs:  # not by `ref`: it is the model's own table
            return made
        meta = getattr(getattr(relation_config, "config", None), "meta", None) or {}
        column, share = meta.get("sample_by"), sample_of(getattr(quoting, "target_name", ""))
        if not column or share == 1:
            return made
        return replace(
            made, sample=f"pmod(xxhash64({catalog.quote(catalog.unquoted(str(column)))}), {_PARTS}) < {round(share * _PARTS)}"
        )

    def render(self) -> str:
        """The relation's name, or the query of its sample."""
        rendered: str = super().render()
        return f"(select * from {rendered} where {self.sample})" if self.sample else rendered


def whole(relation: BaseRelation) -> BaseRelation:
    """The table or view itself, where `relation` stands for some of its rows and is a query in a statement."""
    made: BaseRelation = replace(relation, limit=None, event_time_filter=None)
    return replace(made, sample=None) if isinstance(made, ComportaRelation) else made
