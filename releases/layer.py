"""Which models of dbt can be released: refused before a run builds anything, since what no release shows would be missed by nobody."""

from collections.abc import Iterable, Mapping
from typing import Any

from lakehouse.engines.catalog import CANDIDATE

_LAYERS = ("silver", "gold")


def troubles(nodes: Iterable[Mapping[str, Any]], prefix: str = "") -> list[str]:
    """Of each node that no release could show: its name, why, and what to write. Nodes as in dbt's manifest.

    Args:
        prefix: what dbt puts before the names of the layers' schemas.
    """
    return sorted(f"{node['name']} {said}" for node in nodes if (said := _trouble(node, prefix)))


def _trouble(node: Mapping[str, Any], prefix: str) -> str:
    config, kind = node["config"], node["config"].get("materialized")
    layer = _layer(node, prefix)
    if not layer or kind == "ephemeral":
        return ""
    wanted = prefix + CANDIDATE[layer]
    if node["schema"] != wanted:
        return f"goes to the schema {node['schema']}, and a release of {layer} takes what is in {wanted}. Take `schema` out of its config"
    if kind == "view":
        said = "is a view, and a release shows versions of tables. Set materialized: table, or ephemeral if only models read it"
        return said if layer == "gold" else ""
    if config.get("location_root"):
        return f"has a location_root, where no release looks for it. Take it out of its config; {layer.upper()}_URL gives the whole layer a place"
    format_ = config.get("file_format") or ("delta" if kind == "seed" else "parquet")
    if format_ != "delta":
        return f"is to be {format_}, and a release shows versions of Delta tables. Set file_format: delta"
    return ""


def _layer(node: Mapping[str, Any], prefix: str) -> str:
    """Of a model, the layer whose tag it has; of a seed or snapshot, the one into whose schema it goes."""
    if node["resource_type"] == "model":
        return next((layer for layer in _LAYERS if layer in node.get("tags", ())), "")
    if node["resource_type"] not in ("seed", "snapshot"):
        return ""
    return next((layer for layer in _LAYERS if node["schema"] == prefix + CANDIDATE[layer]), "")
