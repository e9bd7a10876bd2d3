"""Candidate tables: what dbt has built and readers do not see yet."""

from collections.abc import Mapping
from dataclasses import dataclass

from deltalake import DeltaTable
from deltalake.exceptions import TableNotFoundError

from lakehouse import console
from lakehouse.engines import catalog
from lakehouse.engines.catalog import CANDIDATE, own_places, quote, thrift_rows
from lakehouse.settings import Settings
from lakehouse.store import lock, storage
from lakehouse.tables import deletion_vectors


@dataclass(frozen=True)
class Size:
    """Rows and bytes of a table's current version."""

    rows: int
    size: int


def location(settings: Settings, layer: str, table: str) -> str:
    """Where the layer's table lives: bronze's by our rule, dbt's in the layer's own place or in Spark's warehouse."""
    return place(settings, CANDIDATE[layer], table)


def place(settings: Settings, schema: str, table: str) -> str:
    """Where the table lives that the catalog knows by these names."""
    if schema == CANDIDATE["bronze"]:
        return storage.join(settings.lake_url, "bronze", table)
    if own := own_places(settings).get(schema):
        return storage.join(own, table)
    return storage.join(settings.lake_url, "warehouse", f"{schema}.db", table)


def listed(settings: Settings, layer: str) -> tuple[list[str], dict[str, str]]:
    """Names of what dbt has built in silver or gold, and of those that no release can show, by name, why and what to do.

    Views are none of silver's tables: they are steps on the way. In gold, where people look for what a model is called, one is refused.
    """
    schema = CANDIDATE[layer]
    found = catalog.listed(settings, schema)
    odd = {name: reason for name, each in found.items() if (reason := _odd(settings, layer, name, each))}
    return sorted(name for name, each in found.items() if not each.is_view or name in odd), odd


def _odd(settings: Settings, layer: str, name: str, found: catalog.CatalogEntry) -> str:
    whole = quote(CANDIDATE[layer], name)
    if found.is_view:
        way = f"Set materialized: table (or ephemeral), and drop view {whole} if no model makes it any more"
        return f"is a view, and a release shows versions of tables. {way}" if layer == "gold" else ""
    if found.provider.lower() != "delta":
        return f"is a table of {found.provider or 'an unknown format'}, and a release shows versions of Delta tables. Set file_format: delta"
    wanted = location(settings, layer, name)
    if not storage.is_same(found.place, wanted):
        way = f"Take location_root out of its model ({layer.upper()}_URL gives the whole layer a place), drop table {whole} and build it again"
        return f"lies in {found.place}, where no release looks for it (wanted: {wanted}). {way}"
    return ""


def measure(settings: Settings, layer: str, table: str, version: int | None = None) -> Size | None:
    """Rows and bytes as the Delta log has them; None if the table is gone."""
    try:
        found = DeltaTable(location(settings, layer, table), version=version, storage_options=storage.options(settings))
    except TableNotFoundError:
        return None
    return size_of(found)


def size_of(table: DeltaTable) -> Size:
    """Rows and bytes as the Delta log has them."""
    files = table.get_add_actions(flatten=True)
    rows, sizes = files["num_records"].to_pylist(), files["size_bytes"].to_pylist()
    return Size(sum(row or 0 for row in rows) - deletion_vectors.hidden(table), sum(sizes))


def version(settings: Settings, layer: str, table: str) -> int | None:
    """The table's current Delta version; None if it is gone."""
    try:
        return DeltaTable(location(settings, layer, table), storage_options=storage.options(settings)).version()
    except TableNotFoundError:
        return None


def hold_back(settings: Settings, layer: str, failed: Mapping[str, int | None], shown: Mapping[str, int]) -> None:
    """After a failed gate: keep each failed candidate under `quarantine`, and set it back to the version that is `shown` to readers.

    `failed` and `shown`: table name to Delta version, the one that was judged and the one that readers see.
    The next run then takes the same input again. Bronze is append-only and is left: its next batch may bring the cure.
    """
    if layer == "bronze":
        return
    for table, version in failed.items():
        _hold_back(settings, layer, table=table, failed=version, shown=shown.get(table))


def _hold_back(settings: Settings, layer: str, table: str, failed: int | None, shown: int | None) -> None:
    if failed is None or failed == shown:
        return
    source, kept = quote(CANDIDATE[layer], table), f"{table}__v{failed}"
    if shown is None:
        # Never released: a clone would lose its files with the table, so the rows themselves are kept.
        statements = [
            f"create or replace table {quote('quarantine', kept)} using delta as select * from {source}",
            f"drop table {source}",
        ]
    else:
        statements = [
            f"create or replace table {quote('quarantine', kept)} shallow clone {source} version as of {int(failed)}",
            f"restore table {source} to version as of {int(shown)}",
        ]
    lock.check(settings)
    thrift_rows(settings, *statements)
    console.out.print(f"  {CANDIDATE[layer]}.{table} was set back; what failed is in quarantine.{kept}")
