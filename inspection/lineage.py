"""Which tables a table is made of, as dbt knows it: its models' parents, views looked through, down to bronze."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from lakehouse import dbt
from lakehouse.engines.catalog import LAYERS

Name = tuple[str, str]  # layer, table


@dataclass(frozen=True)
class Parent:
    """A table that another is made of, and the views between them."""

    layer: str
    table: str
    through: tuple[str, ...] = ()


def parents(manifest: dict[str, Any], name: Name) -> list[Parent]:
    """Tables that `name` is directly made of; none for bronze, or where dbt does not know it."""
    node = dbt.models(manifest, name[0]).get(name[1])
    found = dict.fromkeys(_parents(manifest, node["unique_id"], ())) if node else {}
    return sorted(found, key=lambda one: (one.layer, one.table))


def _parents(manifest: dict[str, Any], number: str, through: tuple[str, ...]) -> Iterator[Parent]:
    for parent in manifest["parent_map"].get(number, []):
        source, node = manifest["sources"].get(parent), manifest["nodes"].get(parent)
        if source:
            yield Parent("bronze", source["identifier"], through)
        elif node and node["config"].get("materialized") in ("view", "ephemeral"):
            yield from _parents(manifest, parent, (*through, node["name"]))
        elif node and (layer := next((layer for layer in LAYERS if layer in node.get("tags", ())), None)):
            yield Parent(layer, dbt.table_of(node), through)
